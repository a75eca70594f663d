/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FEED_H
#define TOMBOLO_FEED_H
/*
 * Stage 4 of the relay: reads the feed's own sequence and tells upstream gaps,
 * which were made before capture and which no repair can fill, from resets,
 * which are legal. It watches only: no datagram is dropped, changed or
 * re-ordered for what it says. One row of a table per framing (offset, width,
 * byte order, what a heartbeat carries); pure.
 *
 * Where a framing leaves a doubt, the doubt is decided against the alarm: an
 * upstream gap that is told was there.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum feed_verdict {
	FEED_UNCHECKED, /* no framing, or the datagram carries no number */
	FEED_FIRST,     /* the first number seen, or the first after a reset message */
	FEED_NEXT,      /* what was expected */
	FEED_HEARTBEAT, /* carries no message; may still have shown a gap */
	FEED_GAP,       /* numbers are missing before this one */
	FEED_REPEAT,    /* was seen before, or came late (retransmission, other line) */
	FEED_RESET,     /* a new session, a restart, or a reset message */
	FEED_MALFORMED, /* too short, or fields that cannot be */
	FEED_VERDICT_COUNT
};

/* One per channel; zero-initialise. */
struct feed {
	uint64_t next;  /* the number expected */
	uint64_t other; /* a second position: where numbers went on before a restart
			 * (above next), or where repeats have got to (below) */
	uint32_t run;   /* datagrams of repeats since the last from next */
	uint8_t doubt;  /* datagrams until a restart is believed */
	uint8_t session[16]; /* of the framing, as raw bytes */
	bool started;
};

struct feed_result {
	enum feed_verdict verdict;
	uint64_t missing; /* messages (or datagrams, by framing) before this one */
	uint64_t first;   /* of these, when there are any: the number expected */
};

/* The table: index 0 is "none". */
size_t feed_count(void);
const char *feed_name(int framing);
const char *feed_help(int framing);
/* Index of a name, or -1. */
int feed_find(const char *name);

const char *feed_verdict_name(enum feed_verdict verdict);

/* framing is an index of the table. */
struct feed_result feed_check(struct feed *f, int framing, const uint8_t *payload,
			      size_t len);

#endif
