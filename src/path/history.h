/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HISTORY_H
#define TOMBOLO_HISTORY_H
/*
 * Stage 6 of the relay: the recent past of a lane, bounded in bytes and in age.
 * One ring for all channels, in the order of capture; a path's sending position
 * is a cursor into it, and repairs are found in it by (channel, sequence).
 * Pure but for history_new().
 *
 * Positions are byte counts since the start, which never wrap: a position
 * below history_tail() has left, one at history_head() is not there yet.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/seq.h"

struct history;

enum history_kind { HISTORY_DATA, HISTORY_MARK, HISTORY_CHANGE };

/* The payload is borrowed until the next history_put() or history_expire(). */
struct history_record {
	uint16_t channel; /* 0: the lane itself, whose records are marks and changes */
	enum history_kind kind;
	seq_t seq;
	utc_t captured;
	mono_t arrived;
	const uint8_t *payload;
	size_t len;
};

enum history_find { HISTORY_HIT, HISTORY_AGED, HISTORY_NEVER };

/* Room for memory_bytes, index included, and channels 0..channels-1. A pinned
 * history (capture files) never lets go of what history_pin() has not freed. */
struct history *history_new(size_t memory_bytes, int64_t age_ns, size_t channels,
			    bool pinned);
void history_free(struct history *h);
/* From now on, as history_expire() applies it. */
void history_set_age(struct history *h, int64_t age_ns);

/*
 * Appends a record under the channel's next sequence number, which it returns;
 * the oldest records go to make room. SEQ_NONE: no room, because the history is
 * pinned or the payload is larger than a quarter of the ring.
 */
seq_t history_put(struct history *h, mono_t now, uint16_t channel,
		  enum history_kind kind, utc_t captured, const void *payload,
		  size_t len);

/* The same of a payload in pieces. */
struct iovec;
seq_t history_put_pieces(struct history *h, mono_t now, uint16_t channel,
			 enum history_kind kind, utc_t captured,
			 const struct iovec *pieces, size_t count);

/* Would history_put() of len bytes find room? Only a pinned history says no. */
bool history_has_room(const struct history *h, size_t len);

/* Lets records go that are older than the age (but no pinned ones). */
void history_expire(struct history *h, mono_t now);

/* Everything before pos may go. */
void history_pin(struct history *h, uint64_t pos);

uint64_t history_tail(const struct history *h);
uint64_t history_head(const struct history *h);

/* The record at *pos, after moving *pos up to the tail if it has left and over
 * the unused end of the ring. False: *pos is the head, there is none yet. */
bool history_at(const struct history *h, uint64_t *pos, struct history_record *rec);
/* The position behind the record at pos, as set by history_at(). */
uint64_t history_after(const struct history *h, uint64_t pos);

/* On HIT sets rec, and pos when it is not NULL. */
enum history_find history_find(const struct history *h, uint16_t channel, seq_t seq,
			       struct history_record *rec, uint64_t *pos);

/* Where the channel's first record is that arrived at `since` or later; the head when
 * there is none. */
uint64_t history_since(const struct history *h, uint16_t channel, mono_t since);

/* The number that the channel's next record will get, newest + 1. */
seq_t history_next(const struct history *h, uint16_t channel);
/* The oldest still here; = history_next() when none is. */
seq_t history_oldest(const struct history *h, uint16_t channel);

/* Bytes that a cursor at pos has still in front of it. */
uint64_t history_backlog(const struct history *h, uint64_t pos);
size_t history_memory_bytes(const struct history *h);

#endif
