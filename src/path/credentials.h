/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CREDENTIALS_H
#define TOMBOLO_CREDENTIALS_H
/* The files of tls: certificate, key, CA and revocation lists, read into a context. */
#include <stddef.h>
#include <stdint.h>

#include "ops/settings.h"

struct ssl_ctx_st;

/* Reads and checks the files, and warns of what is legal but unwise: a key that
 * others can read, a certificate or a list that expires soon, a certificate that does
 * not name this node.
 * expires_s: the certificate's notAfter, seconds since 1970. Returns 0, or
 * negative errno with file, reason and remedy in error. Start-up and reload. */
int credentials_read(struct ssl_ctx_st *ctx, const struct tls_settings *s,
		     const char *node, int64_t *expires_s, char *error,
		     size_t error_bytes);

#endif
