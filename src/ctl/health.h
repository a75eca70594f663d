/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HEALTH_H
#define TOMBOLO_HEALTH_H
/* What of a /status needs a person. Pure. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A line "trouble: …" for each thing: a session not open, a path down, a capture that
 * is down, a certificate that has expired, a loss in the ledger. Returns how many. */
size_t health_tell(const json_t *doc, FILE *out);
size_t health_count(const json_t *doc);

/* The verdict of a ledger tells of no loss, and of books that balance. */
bool health_verdict_is_fine(const char *verdict);

#endif
