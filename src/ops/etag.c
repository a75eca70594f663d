/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/etag.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool
etag_make(const void *text, size_t len, char tag[ETAG_BYTES])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	char *at = tag;

	if (EVP_Digest(text, len, hash, NULL, EVP_sha256(), NULL) != 1)
		return false;
	*at++ = '"';
	for (int i = 0; i < ETAG_HASH_BYTES; i++, at += 2)
		snprintf(at, 3, "%02x", hash[i]);
	strcpy(at, "\"");
	return true;
}

/* The tags are listed, perhaps as weak ones; none has a quote inside, so that ours is
 * in the list when it is in the text. */
bool
etag_is_known(const char *tag, const char *known)
{
	return known != NULL && (strcmp(known, "*") == 0 || strstr(known, tag) != NULL);
}
