/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TLS_H
#define TOMBOLO_TLS_H
/* The transport tls: TLS 1.3 over TCP, certificates on both sides, always. */
#include <stddef.h>
#include <stdint.h>

#include "ops/settings.h"

struct ssl_ctx_st;
struct transport_ops;

extern const struct transport_ops tls_transport;

/* A context with the files of s read in, for connections both ways; its
 * certificate's notAfter in expires_s. NULL: file, reason and remedy in error.
 * The caller frees it with SSL_CTX_free(); connections hold their own. */
struct ssl_ctx_st *tls_context_new(const struct tls_settings *s, const char *node,
				   int64_t *expires_s, char *error, size_t error_bytes);

#endif
