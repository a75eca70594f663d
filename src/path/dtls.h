/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DTLS_H
#define TOMBOLO_DTLS_H
/* The transport dtls: DTLS 1.2 over UDP, certificates on both sides, always. */
#include "path/cookie.h"
#include "path/path.h"
#include "path/udp.h"

struct bio_method_st;

/* What the DTLS connections of one tunnel share. */
struct dtls {
	struct ssl_ctx_st *context;
	struct bio_method_st *bio;
	struct cookie cookie;
	/* One batch for all, as each empties it before another's turn. */
	struct udp_in in;
	const struct connection *owner; /* of what is in it */
	uint8_t *out;                   /* UDP_OUT_BYTES for each connection */
};

extern const struct transport_ops dtls_transport;

/* When the settings of t have a use for DTLS. t->tls and the connections must be
 * there. Returns 0 or negative errno, with a line for the operator in error. */
int dtls_open(struct tunnel *t, char *error, size_t error_bytes);
void dtls_close(struct tunnel *t);

/* The credentials of t->tls, which are new, for handshakes from now on. Returns 0
 * or negative errno, and has changed nothing then. */
int dtls_renew(struct tunnel *t, char *error, size_t error_bytes);

/* An SSL for either end. NULL when out of memory. */
struct ssl_st *dtls_ssl_new(const struct dtls *d, struct connection *c);

#endif
