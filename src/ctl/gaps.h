/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_GAPS_H
#define TOMBOLO_GAPS_H
/*
 * The document /gaps as an object of lists, the newest last in each: of a peer "gaps",
 * of a relay "upstream_gaps" and "marks". Pure.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Of the channel only, when it is not NULL (marks are of no channel, and stay); the
 * last `most` of each list, 0: all. A new reference. */
json_t *gaps_lists(const json_t *doc, const char *channel, size_t most);
void gaps_print(const json_t *doc, const json_t *lists, FILE *out);

#endif
