/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REEL_H
#define TOMBOLO_REEL_H
/*
 * Looks at a recording of a daemon (pcapng, big-endian) as it passes by in pieces of any
 * size: how many packets there are and of when, whether it is whole, and what it says of
 * itself at the end. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REEL_HEAD_BYTES 20 /* of a block: what is looked at of most */
#define REEL_NOTE_BYTES 1024

struct reel {
	uint64_t packets, interfaces, statistics;
	uint64_t delivered; /* packets, as the statistics say */
	int64_t first_ns,
		last_ns; /* the earliest and the latest capture time; 0: none */
	char note[REEL_NOTE_BYTES];     /* the comments of the statistics; "" mostly */
	uint8_t block[REEL_NOTE_BYTES]; /* the beginning of the block under way */
	size_t len, kept;               /* of it: in full, and what of it has come */
	uint64_t skip;
	bool damaged;
};

/* Zero-initialise. False: it is no such recording, from here on. */
bool reel_feed(struct reel *r, const uint8_t *bytes, size_t len);
/* It has its end: nothing was cut. */
bool reel_is_whole(const struct reel *r);

#endif
