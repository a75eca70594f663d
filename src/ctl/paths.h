/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PATHS_H
#define TOMBOLO_PATHS_H
/* The paths of a /status: as rows, which are its own objects with lane and remote
 * added, and as a table. Pure. */
#include <jansson.h>
#include <stdio.h>

/* A new reference. */
json_t *paths_rows(const json_t *doc);
void paths_print(const json_t *rows, FILE *out);
/* "up, rtt 4.21 ms, loss 0 %, 12.3 Mbit/s, 5.00k/s", or "DOWN". */
void paths_describe(const json_t *path, FILE *out);

#endif
