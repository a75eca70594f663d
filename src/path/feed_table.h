/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FEED_TABLE_H
#define TOMBOLO_FEED_TABLE_H
/*
 * The rows that feed.c goes by. A framing whose datagrams carry no counter at a
 * fixed place (KRX, BSE; MIAX and HSVF, where it must be walked for) has no row.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An unsigned number in the payload; width 0: there is none. */
struct feed_field {
	uint8_t at;
	uint8_t width;
	bool little;
};

/* What the number in a heartbeat is. */
enum feed_idle {
	FEED_IDLE_NEXT,   /* that of the next message */
	FEED_IDLE_LAST,   /* that of the last message */
	FEED_IDLE_UNSURE, /* one of the two; never starts the count */
	FEED_IDLE_MUTE,   /* nothing */
};

/* A value that sets a datagram apart. The first one that matches counts. */
struct feed_mark {
	struct feed_field field;
	uint16_t mask, lowest, highest; /* lowest <= (field & mask) <= highest */
	enum {
		FEED_MARK_IDLE,    /* a heartbeat, whatever its count */
		FEED_MARK_RESET,   /* the next number may be any */
		FEED_MARK_FOREIGN, /* numbered otherwise (replay, refresh): unchecked */
	} says;
};

#define FEED_MARKS_MAX 3

struct feed_framing {
	const char *name;
	const char *help;         /* with how far it is known to be true */
	size_t header_bytes;      /* shorter is malformed */
	struct feed_field number; /* of the first message; width 0: unchecked */
	struct feed_field count;  /* of messages, 0 = heartbeat; none: 1 a datagram */
	uint8_t session_at, session_bytes; /* a change is a reset */
	enum feed_idle idle;
	bool restarts;    /* 0 or 1 may come again within a session */
	bool zero_unused; /* 0 means: carries no number */
	uint64_t last;    /* 1 follows it; 0: never */
	struct feed_mark marks[FEED_MARKS_MAX];
	size_t mark_count;
};

extern const struct feed_framing feed_framings[];
extern const size_t feed_framing_count;

#endif
