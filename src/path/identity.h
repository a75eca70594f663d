/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_IDENTITY_H
#define TOMBOLO_IDENTITY_H
/*
 * Whose certificate it is. Only a dNSName in subjectAltName counts (RFC 6125
 * section 6.4.4 without its fallback to the common name), without wildcards:
 * the name of a remote is a name, not a pattern.
 */
#include <stdbool.h>
#include <stddef.h>

struct x509_st;
struct x509_store_ctx_st;

bool identity_carries(struct x509_st *certificate, const char *name);

/* The dNSNames, "a, b", made safe for a log line, cut short with "..." when
 * there are many. Returns out. */
const char *identity_names(struct x509_st *certificate, char *out, size_t out_bytes);

/* For SSL_CTX_set_cert_verify_callback(): the chain, then the name. The SSL's
 * app data is the connection, whose found, or refusal and detail, it sets. */
int identity_verify(struct x509_store_ctx_st *store, void *unused);

#endif
