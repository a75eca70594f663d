/* SPDX-License-Identifier: Apache-2.0 */
#include "path/cookie.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/cursor.h"

#define SECRET_BYTES 32
#define TEXT_BYTES   14 /* address, port, time */

int
cookie_init(struct cookie *c)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end()};
	uint8_t secret[SECRET_BYTES];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool ready;

	c->mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	EVP_MAC_free(hmac);
	ready = c->mac != NULL && RAND_bytes(secret, sizeof(secret)) == 1 &&
		EVP_MAC_init(c->mac, secret, sizeof(secret), params) == 1;
	OPENSSL_cleanse(secret, sizeof(secret));
	if (ready)
		return 0;
	ERR_clear_error();
	cookie_fini(c);
	return -ENOMEM;
}

void
cookie_fini(struct cookie *c)
{
	EVP_MAC_CTX_free(c->mac);
	c->mac = NULL;
}

static bool
make_at(struct cookie *c, struct endpoint of, uint64_t when, uint8_t *out)
{
	uint8_t text[TEXT_BYTES];
	struct wr w = wr_init(text, sizeof(text));
	size_t len = 0;

	wr_u32(&w, of.addr);
	wr_u16(&w, of.port);
	wr_u64(&w, when);
	/* Without a key: with the one that it has. */
	return EVP_MAC_init(c->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(c->mac, text, sizeof(text)) == 1 &&
	       EVP_MAC_final(c->mac, out, &len, COOKIE_BYTES) == 1 &&
	       len == COOKIE_BYTES;
}

bool
cookie_make(struct cookie *c, struct endpoint of, mono_t now, uint8_t out[COOKIE_BYTES])
{
	return make_at(c, of, (uint64_t)(now.ns / COOKIE_NS), out);
}

bool
cookie_check(struct cookie *c, struct endpoint of, mono_t now, const uint8_t *bytes,
	     size_t len)
{
	uint64_t when = (uint64_t)(now.ns / COOKIE_NS);
	uint8_t good[COOKIE_BYTES];

	if (len != COOKIE_BYTES)
		return false;
	for (uint64_t age = 0; age <= 1; age++)
		if (make_at(c, of, when - age, good) &&
		    CRYPTO_memcmp(good, bytes, COOKIE_BYTES) == 0)
			return true;
	return false;
}
