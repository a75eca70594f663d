/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RECORDING_H
#define TOMBOLO_RECORDING_H
/*
 * /history, the flight recorder: what a relay still remembers, or a peer emitted lately,
 * as a capture file (ops/pcapng.h). GET on the control socket alone, since payloads are
 * licensed; ?channel=NAME, several of them, or none for all; &since=5s, how long ago;
 * &until=1s.
 *
 * The lane copies a bounded piece of its history at a time, by lane_call(), and everything
 * else is done on the control thread: which channel goes where, frames, comments. What
 * leaves the history while it is read is missing in the file, and the file says so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "ops/settings.h"
#include "path/history.h"

#define RECORDINGS_MAX         4 /* at once */
#define RECORDING_CONTENT_TYPE "application/x-pcapng"

struct http;
struct lane;

/* A channel that may be asked for. */
struct recording_channel {
	char name[NAME_BYTES_MAX];
	char remote[NAME_BYTES_MAX]; /* of a peer: whose channel it is; else "" */
	uint32_t group, source;
	uint16_t port;
	size_t key;    /* below count() */
	uint16_t ring; /* the history's channel in which its records are */
};

/* A record, read. */
struct recorded {
	size_t key;
	seq_t seq;
	uint32_t group;
	uint16_t port;
	bool emitted; /* and so: */
	bool repaired;
	utc_t emitted_at;
};

/* What the two halves differ in. */
struct recording_source {
	const char *half;
	/* Control thread: how many places there are, and the channel at one of them;
	 * false: there is none. */
	size_t (*count)(const void *view);
	bool (*channel)(const void *view, size_t n, struct recording_channel *c);
	/* Any thread. Leaves the payload in rec. */
	void (*read)(const void *view, struct history_record *rec, struct recorded *r);
	const void *view;
	const struct history *history; /* NULL: nothing is remembered */
	struct lane *lane;             /* NULL: the history is read right here */
	const char *node, *version;
};

struct recordings {
	struct recording_source source;
	unsigned int active;
};

/* r must outlive h. */
void recording_routes(struct http *h, struct recordings *r);

#endif
