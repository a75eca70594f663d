/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DTLS_BIO_H
#define TOMBOLO_DTLS_BIO_H
/*
 * What OpenSSL reads and writes: datagrams, from and to the batches of a
 * connection. Its BIO_read() ends with the batch of this turn; its BIO_write()
 * gathers. Inside dtls.c only, but for dtls_bio_make().
 */
#include <stddef.h>

#include "path/path.h"

struct bio_method_st;
struct bio_st;

/* What a cipher of ours works on, for the use of its key. */
#define DTLS_BLOCK_BYTES 16

/* BIO_meth_new(3) of what is ours: NULL when out of memory. */
struct dtls_bio_calls {
	int (*read)(struct bio_st *bio, char *buf, int cap);
	int (*write)(struct bio_st *bio, const char *buf, int len);
	long (*ctrl)(struct bio_st *bio, int command, long value, void *pointer);
};
struct bio_method_st *dtls_bio_make(const char *name,
				    const struct dtls_bio_calls *calls);

/* BIO_set_data() is to be the connection. NULL when out of memory. */
struct bio_method_st *dtls_bio_method(void);

/* Sends what was gathered. Returns 0, or -EAGAIN when the socket can take no more, or
 * -EMSGSIZE when the path is narrower than it was. */
int dtls_bio_send(struct connection *c);

/* A record of len bytes has used its key. */
void dtls_bio_spend(struct connection *c, size_t len);

/* What the socket had no room for and was not told of yet; before it is closed. */
void dtls_bio_count_overflow(struct connection *c);

#endif
