/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
keys_copy(char *out, unsigned long bytes, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	out[0] = '\0';
	if (len == 0 || len >= bytes)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] > 0x7e)
			return false;
	memcpy(out, text, len + 1);
	return true;
}

bool
keys_from_environment(struct keys *k)
{
	*k = (struct keys){.from = "the environment"};
	(void)keys_copy(k->token, sizeof(k->token), getenv("AWS_SESSION_TOKEN"));
	return keys_copy(k->id, sizeof(k->id), getenv("AWS_ACCESS_KEY_ID")) &&
	       keys_copy(k->secret, sizeof(k->secret), getenv("AWS_SECRET_ACCESS_KEY"));
}
