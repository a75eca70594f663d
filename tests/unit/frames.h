/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FRAMES_H
#define TOMBOLO_FRAMES_H
/*
 * Hand-made frames for the tests of the two session cores: some are written, and
 * some are looked for in what a core said.
 */
#include <check.h>

#include "path/wire.h"

#define FRAMES_BYTES (1 << 20)

/* Frames one behind the other, written by a test or collected from a core. */
struct frames {
	uint8_t bytes[FRAMES_BYTES];
	size_t len;
};

/* How many of this type; the one of number n is set in *f. */
static inline unsigned int
frames_find(const struct frames *all, enum wire_type type, unsigned int n,
	    struct wire_frame *f)
{
	struct wire_frame one;
	unsigned int count = 0;
	size_t size;

	for (size_t at = 0; at < all->len; at += size) {
		ck_assert_int_eq(wire_next(all->bytes + at, all->len - at, &one, &size),
				 WIRE_WHOLE);
		if (one.type == type && count++ == n)
			*f = one;
	}
	return count;
}

static inline unsigned int
frames_count(const struct frames *all, enum wire_type type)
{
	struct wire_frame f;

	return frames_find(all, type, 0, &f);
}

/* The last of its type, which must be there. */
static inline struct wire_frame
frames_last(const struct frames *all, enum wire_type type)
{
	struct wire_frame f = {.type = 0};
	unsigned int n = frames_count(all, type);

	ck_assert_msg(n > 0, "no %s", wire_type_name(type));
	frames_find(all, type, n - 1, &f);
	return f;
}

/* The reason of the last BYE, which is said in words too. */
static inline enum wire_bye
frames_last_bye(const struct frames *all)
{
	struct wire_frame f = frames_last(all, WIRE_BYE);
	struct wire_name text;
	uint8_t reason;

	ck_assert(wire_get_bye(&f, &reason, &text));
	ck_assert_str_eq(text.text, wire_bye_name(reason));
	return (enum wire_bye)reason;
}

static inline struct wr
frames_writer(struct frames *all)
{
	return wr_init(all->bytes + all->len, sizeof all->bytes - all->len);
}

static inline void
frames_written(struct frames *all, const struct wr *w)
{
	ck_assert(!w->failed);
	all->len = (size_t)(w->p - all->bytes);
}

/* A frame of any type, known or not, with nothing in it. */
static inline void
frames_empty(struct frames *all, uint8_t type, uint8_t flags)
{
	struct wr w = frames_writer(all);

	wr_u8(&w, type);
	wr_u8(&w, flags);
	wr_u16(&w, 0);
	frames_written(all, &w);
}

/* ---- what a relay says ---- */

static inline void
frames_hello(struct frames *all, struct wire_greeting g, const struct wire_channel *c,
	     uint16_t count)
{
	struct wr w = frames_writer(all);
	struct wire_draft d = wire_begin(&w, WIRE_HELLO, 0);

	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (; d.entries < count; d.entries++)
		wire_put_channel(&w, &c[d.entries]);
	ck_assert(wire_end(&w, &d));
	frames_written(all, &w);
}

static inline void
frames_data(struct frames *all, uint8_t flags, const struct wire_data *d)
{
	struct wr w = frames_writer(all);

	ck_assert(wire_put_data(&w, flags, d));
	frames_written(all, &w);
}

static inline void
frames_mark(struct frames *all, const struct wire_mark *m)
{
	struct wr w = frames_writer(all);

	ck_assert(wire_put_mark(&w, 0, m));
	frames_written(all, &w);
}

static inline void
frames_change(struct frames *all, uint64_t seq, const struct wire_channel *e)
{
	uint8_t entry[WIRE_ENTRY_MAX];
	struct wr room = wr_init(entry, sizeof entry), w = frames_writer(all);
	struct wire_change c = {.seq = {seq}, .entry = entry};

	wire_put_channel(&room, e);
	c.len = sizeof entry - wr_left(&room);
	ck_assert(wire_put_change(&w, 0, &c));
	frames_written(all, &w);
}

static inline void
frames_verdict(struct frames *all, struct wire_answer a)
{
	struct wr w = frames_writer(all);
	struct wire_draft d = wire_begin(&w, WIRE_VERDICT, 0);

	wire_entries(&w, &d);
	wire_put_answer(&w, &a);
	d.entries = 1;
	ck_assert(wire_end(&w, &d));
	frames_written(all, &w);
}

/* ---- what a peer says ---- */

static inline void
frames_welcome(struct frames *all, struct wire_greeting g, const struct wire_resume *r,
	       uint16_t count)
{
	struct wr w = frames_writer(all);
	struct wire_draft d = wire_begin(&w, WIRE_WELCOME, 0);

	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (; d.entries < count; d.entries++)
		wire_put_resume(&w, &r[d.entries]);
	ck_assert(wire_end(&w, &d));
	frames_written(all, &w);
}

static inline void
frames_request(struct frames *all, const struct wire_range *r, uint16_t count)
{
	struct wr w = frames_writer(all);
	struct wire_draft d = wire_begin(&w, WIRE_REQUEST, 0);

	wire_entries(&w, &d);
	for (; d.entries < count; d.entries++)
		wire_put_range(&w, &r[d.entries]);
	ck_assert(wire_end(&w, &d));
	frames_written(all, &w);
}

/* ---- what both say ---- */

/* HEARTBEAT or REPORT. */
static inline void
frames_books(struct frames *all, enum wire_type type, uint8_t flags,
	     struct wire_timing t, const struct wire_books *b, uint16_t count)
{
	struct wr w = frames_writer(all);
	struct wire_draft d = wire_begin(&w, type, flags);

	wire_put_timing(&w, &t);
	wire_entries(&w, &d);
	for (; d.entries < count; d.entries++)
		wire_put_books(&w, (uint8_t)type, flags, &b[d.entries]);
	ck_assert(wire_end(&w, &d));
	frames_written(all, &w);
}

static inline void
frames_bye(struct frames *all, enum wire_bye reason)
{
	struct wr w = frames_writer(all);

	ck_assert(wire_put_bye(&w, reason, wire_bye_name(reason)));
	frames_written(all, &w);
}

#endif
