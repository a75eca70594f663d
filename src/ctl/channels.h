/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CHANNELS_H
#define TOMBOLO_CHANNELS_H
/*
 * The channels of a /status as rows: an array of flat objects with lane, name, group,
 * port, total (captured by a relay, emitted by a peer), missing, lost (not emitted,
 * and never will be), waiting, last_ns, trouble; of a relay upstream and, where something
 * is expected, expect (the state); of a peer remote. Pure.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* How much a channel wants to be looked at. */
enum channels_trouble {
	CHANNELS_FINE,
	CHANNELS_QUIET,  /* live.h knows: one document does not tell */
	CHANNELS_LOSING, /* or silent */
};

/* A new reference. */
json_t *channels_rows(const json_t *doc);

/* A row that brings less than is expected of it. */
bool channels_is_silent(const json_t *row);

/* What may be sorted by, separated by ", ". */
#define CHANNELS_SORTS "name, total, rate, missing, lost, waiting, last, trouble"
bool channels_sort_exists(const char *key);
/* Names from a, figures from the highest; stable. A new reference. */
json_t *channels_sort(const json_t *rows, const char *key);

/* all: also those that never had a datagram. */
void channels_print(const json_t *doc, const json_t *rows, bool all, FILE *out);

#endif
