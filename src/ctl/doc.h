/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DOC_H
#define TOMBOLO_DOC_H
/* The document /status of a daemon. What is not there reads as 0, "" or false: an
 * older daemon lacks what a newer one tells. Pure. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when it is not a /status. Strings are made fit for a terminal: what is not
 * printable ASCII becomes '?'. */
json_t *doc_parse(const char *text, size_t len);

int64_t doc_integer(const json_t *o, const char *key);
const char *doc_string(const json_t *o, const char *key);
bool doc_true(const json_t *o, const char *key);
bool doc_is_relay(const json_t *doc);
/* The sum of all integers whose key begins so. */
int64_t doc_sum(const json_t *o, const char *prefix);

#endif
