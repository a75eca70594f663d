/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SCREEN_H
#define TOMBOLO_SCREEN_H
/* A /status as one screen. Pure. */
#include <jansson.h>
#include <stdio.h>

/* "tombolo-relay colo-a, version …, up …, log level …" */
void screen_title(const json_t *doc, FILE *out);
/* "vpc-a: open for 3 h 12 min", without an end of line. */
void screen_session(const json_t *doc, const json_t *remote, FILE *out);
/* The whole. */
void screen_print(const json_t *doc, FILE *out);

#endif
