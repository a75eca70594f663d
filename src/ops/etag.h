/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ETAG_H
#define TOMBOLO_ETAG_H
/* Entity tags, RFC 9110 section 8.8.3: which text it is, and whether somebody has it. */
#include <stdbool.h>
#include <stddef.h>

#define ETAG_HASH_BYTES 16
#define ETAG_BYTES      (2 * ETAG_HASH_BYTES + 3) /* with quotes and NUL */

/* A hash of the text, in quotes. False when OpenSSL cannot. */
bool etag_make(const void *text, size_t len, char tag[ETAG_BYTES]);

/* known: If-None-Match of the request, or NULL when it has none. */
bool etag_is_known(const char *tag, const char *known);

#endif
