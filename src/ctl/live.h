/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LIVE_H
#define TOMBOLO_LIVE_H
/*
 * What top shows: rates, from one /status to the next, and the lines of a screen. No
 * system call, no terminal.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"

#define LIVE_TICKS     60   /* rates that are remembered of a channel */
#define LIVE_TRACKS    8192 /* channels */
#define LIVE_KEY_BYTES 96
#define LIVE_STEADY    10 /* ticks */
#define LIVE_QUIET_NS  (5 * NS_PER_S)
#define LIVE_NAME      20 /* columns of the name */
#define LIVE_FIXED     63 /* columns of a row without its sparkline */

struct live_track {
	char key[LIVE_KEY_BYTES]; /* lane, remote, name */
	int64_t total;
	double rates[LIVE_TICKS]; /* the newest last */
	unsigned int steady;      /* ticks that it carried something, but for pauses */
	bool quiet; /* carried for LIVE_STEADY, then nothing for LIVE_QUIET_NS */
};

struct live {
	struct live_track *tracks;
	size_t count;
	int64_t now_ns, started_ns; /* of the last document; 0: there was none */
	json_t *doc, *rows;         /* rows of channels.h, with rate added */
};

void live_fini(struct live *l);
/* Takes over a document. A daemon that was started anew begins anew. False: no
 * memory; what was there stays. */
bool live_take(struct live *l, json_t *doc);
const struct live_track *live_find(const struct live *l, const json_t *row);

/* The lines above the rows; what is in trouble begins with '!'. */
void live_head(const struct live *l, FILE *out);
void live_columns(const struct live *l, size_t width, FILE *out);
/* One row, at most width columns; begins with '!' when something is lost or missing,
 * with '?' when it is quiet. */
void live_row(const struct live *l, const json_t *row, size_t width, bool utf8,
	      FILE *out);

#endif
