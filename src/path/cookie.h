/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_COOKIE_H
#define TOMBOLO_COOKIE_H
/*
 * The cookie of DTLS (RFC 6347, section 4.2.1): who sends it back can receive at
 * the address that it sends from. Nothing is remembered: it is an HMAC of the
 * address and of the time, under a secret that this process drew at its start.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "ops/settings.h"

struct evp_mac_ctx_st;

#define COOKIE_BYTES 32
/* One is good for as long as this, and for up to twice that. */
#define COOKIE_NS (60 * NS_PER_S)

struct cookie {
	struct evp_mac_ctx_st *mac;
};

/* Returns 0 or negative errno. */
int cookie_init(struct cookie *c);
void cookie_fini(struct cookie *c);

/* False when OpenSSL fails: nothing is to be sent then. */
bool cookie_make(struct cookie *c, struct endpoint of, mono_t now,
		 uint8_t out[COOKIE_BYTES]);
bool cookie_check(struct cookie *c, struct endpoint of, mono_t now,
		  const uint8_t *bytes, size_t len);

#endif
