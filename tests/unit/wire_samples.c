/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_samples.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ops/settings.h"

static struct wire_name
name_of(size_t len)
{
	struct wire_name name = {.len = (uint8_t)len};

	memset(name.text, 'n', len);
	return name;
}

/* ---- greeting ---- */

static struct wire_greeting
some_greeting(size_t name_len)
{
	return (struct wire_greeting){.version = 0x0102,
				      .capabilities = 0x03040506,
				      .epoch = 0x0708090a0b0c0d0e,
				      .lane = 0x0f10,
				      .instance = 0x1112131415161718,
				      .greeting = 0x191a1b1c,
				      .total = 0x1d1e,
				      .slot = 0x1f,
				      .node = name_of(name_len)};
}

static struct wire_channel
some_channel(uint16_t i)
{
	return (struct wire_channel){.id = i,
				     .flags = i % 2 ? WIRE_WITHDRAWN : 0,
				     .group = 0xe9250000U + i,
				     .port = (uint16_t)(30000 + i),
				     .source = 0x0a000000U + i,
				     .next = {1 + i * 3ULL},
				     .oldest = {1 + i * 2ULL},
				     .fresh = {1 + i},
				     .name = name_of(i % (WIRE_NAME_MAX + 1))};
}

static bool
same_name(const struct wire_name *a, const struct wire_name *b)
{
	return a->len == b->len && strcmp(a->text, b->text) == 0 &&
	       strlen(a->text) == a->len;
}

static bool
read_greeting(const struct wire_frame *f, uint16_t count, size_t name_len, struct rd *r)
{
	struct wire_greeting want = some_greeting(name_len), g;

	if (!wire_get_greeting(f, &g, r))
		return false;
	ck_assert_uint_eq(g.version, want.version);
	ck_assert_uint_eq(g.capabilities, want.capabilities);
	ck_assert_uint_eq(g.epoch, want.epoch);
	ck_assert_uint_eq(g.lane, want.lane);
	ck_assert_uint_eq(g.instance, want.instance);
	ck_assert_uint_eq(g.greeting, want.greeting);
	ck_assert_uint_eq(g.total, want.total);
	ck_assert_uint_eq(g.slot, want.slot);
	ck_assert(same_name(&g.node, &want.node));
	ck_assert_uint_eq(g.count, count);
	return true;
}

static bool
read_hello(const struct wire_frame *f)
{
	struct wire_channel c;
	struct rd r;

	if (!read_greeting(f, 70, WIRE_NAME_MAX, &r))
		return false;
	for (uint16_t i = 0; i < 70; i++) {
		struct wire_channel want = some_channel(i);

		if (!wire_get_channel(&r, &c))
			return false;
		ck_assert_uint_eq(c.id, want.id);
		ck_assert_uint_eq(c.group, want.group);
		ck_assert_uint_eq(c.port, want.port);
		ck_assert_uint_eq(c.source, want.source);
		ck_assert_uint_eq(c.flags, want.flags);
		ck_assert_uint_eq(c.next.n, want.next.n);
		ck_assert_uint_eq(c.oldest.n, want.oldest.n);
		ck_assert_uint_eq(c.fresh.n, want.fresh.n);
		ck_assert(same_name(&c.name, &want.name));
	}
	return rd_left(&r) == 0;
}

static bool
read_empty_hello(const struct wire_frame *f)
{
	struct rd r;

	return read_greeting(f, 0, 0, &r) && rd_left(&r) == 0;
}

static bool
read_welcome(const struct wire_frame *f)
{
	struct wire_resume e;
	struct rd r;

	if (!read_greeting(f, 50, 10, &r))
		return false;
	for (uint16_t i = 0; i < 50; i++) {
		if (!wire_get_resume(&r, &e))
			return false;
		ck_assert_uint_eq(e.id, i);
		ck_assert_uint_eq(e.next.n, 1 + i);
	}
	return rd_left(&r) == 0;
}

static void
write_greeting(struct wr *w, enum wire_type type, uint16_t count, size_t name_len)
{
	struct wire_greeting g = some_greeting(name_len);
	struct wire_draft d = wire_begin(w, type, 0);

	wire_put_greeting(w, &g);
	wire_entries(w, &d);
	for (; d.entries < count; d.entries++) {
		struct wire_channel c = some_channel(d.entries);
		struct wire_resume e = {d.entries, {1 + d.entries}};

		if (type == WIRE_HELLO)
			wire_put_channel(w, &c);
		else
			wire_put_resume(w, &e);
	}
	ck_assert(wire_end(w, &d));
}

static void
write_hello(struct wr *w)
{
	write_greeting(w, WIRE_HELLO, 70, WIRE_NAME_MAX);
}

static void
write_empty_hello(struct wr *w)
{
	write_greeting(w, WIRE_HELLO, 0, 0);
}

static void
write_welcome(struct wr *w)
{
	write_greeting(w, WIRE_WELCOME, 50, 10);
}

/* ---- data ---- */

static uint8_t *
payload(void)
{
	static uint8_t bytes[DATAGRAM_BYTES_MAX];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	return bytes;
}

static void
write_data_of(struct wr *w, size_t len, uint8_t flags)
{
	struct wire_data d = {.channel = 0x1234,
			      .seq = {WIRE_SEQ_MAX},
			      .captured = {1790000000123456789},
			      .payload = payload(),
			      .len = len};

	ck_assert(wire_put_data(w, flags, &d));
}

static bool
read_data_of(const struct wire_frame *f, size_t len)
{
	struct wire_data d;

	if (!wire_get_data(f, &d) || d.len != len)
		return false;
	ck_assert_uint_eq(d.channel, 0x1234);
	ck_assert_uint_eq(d.seq.n, WIRE_SEQ_MAX);
	ck_assert_int_eq(d.captured.ns, 1790000000123456789);
	ck_assert(!d.part);
	ck_assert_uint_eq(d.offset, 0);
	ck_assert_uint_eq(d.total, len);
	ck_assert_mem_eq(d.payload, payload(), len);
	return true;
}

static void
write_data(struct wr *w)
{
	write_data_of(w, 1400, WIRE_REPAIR);
}

static bool
read_data(const struct wire_frame *f)
{
	ck_assert_uint_eq(f->flags, WIRE_REPAIR);
	return read_data_of(f, 1400);
}

static void
write_longest_data(struct wr *w)
{
	write_data_of(w, DATAGRAM_BYTES_MAX, 0);
}

static bool
read_longest_data(const struct wire_frame *f)
{
	return read_data_of(f, DATAGRAM_BYTES_MAX);
}

static void
write_empty_data(struct wr *w)
{
	write_data_of(w, 0, 0);
}

static bool
read_empty_data(const struct wire_frame *f)
{
	return read_data_of(f, 0);
}

static void
write_part(struct wr *w)
{
	struct wire_data d = {.channel = 7,
			      .seq = SEQ_FIRST,
			      .part = true,
			      .offset = 60000,
			      .total = DATAGRAM_BYTES_MAX,
			      .payload = payload(),
			      .len = DATAGRAM_BYTES_MAX - 60000};

	ck_assert(wire_put_data(w, 0, &d));
}

static bool
read_part(const struct wire_frame *f)
{
	struct wire_data d;

	if (!wire_get_data(f, &d) || d.len != DATAGRAM_BYTES_MAX - 60000)
		return false;
	ck_assert(d.part);
	ck_assert_uint_eq(d.offset, 60000);
	ck_assert_uint_eq(d.total, DATAGRAM_BYTES_MAX);
	ck_assert_mem_eq(d.payload, payload(), d.len);
	return true;
}

static void
write_change(struct wr *w)
{
	struct wire_channel e = some_channel(7);
	uint8_t entry[WIRE_ENTRY_MAX];
	struct wr room = wr_init(entry, sizeof entry);
	struct wire_change c = {
		.seq = {4}, .at = {1790000000123456789}, .entry = entry};

	wire_put_channel(&room, &e);
	c.len = sizeof entry - wr_left(&room);
	ck_assert(wire_put_change(w, WIRE_REPAIR, &c));
}

static bool
read_change(const struct wire_frame *f)
{
	struct wire_channel e, want = some_channel(7);
	struct wire_change c;

	if (!wire_get_change(f, &c))
		return false;
	ck_assert_uint_eq(c.seq.n, 4);
	ck_assert_int_eq(c.at.ns, 1790000000123456789);
	ck_assert(wire_get_entry(c.entry, c.len, &e));
	ck_assert_uint_eq(e.id, want.id);
	ck_assert_uint_eq(e.flags, WIRE_WITHDRAWN);
	ck_assert_uint_eq(e.group, want.group);
	ck_assert_uint_eq(e.next.n, want.next.n);
	ck_assert_str_eq(e.name.text, want.name.text);
	/* All of it, and no more. */
	ck_assert(!wire_get_entry(c.entry, c.len - 1, &e));
	return true;
}

static void
write_mark(struct wr *w)
{
	struct wire_mark m = {{3}, {1790000000123456789}, 1, UINT64_MAX};

	ck_assert(wire_put_mark(w, WIRE_REPAIR, &m));
}

static bool
read_mark(const struct wire_frame *f)
{
	struct wire_mark m;

	if (!wire_get_mark(f, &m))
		return false;
	ck_assert_uint_eq(m.seq.n, 3);
	ck_assert_int_eq(m.at.ns, 1790000000123456789);
	ck_assert_uint_eq(m.cause, 1);
	ck_assert_uint_eq(m.count, UINT64_MAX);
	return true;
}

/* ---- heartbeat and report ---- */

static const struct wire_timing some_timing = {1, INT64_MAX, -1, INT64_MIN,
					       WIRE_SEQ_MAX};

static struct wire_books
some_books(uint16_t i)
{
	struct wire_books b = {.channel = i,
			       .next = {1 + i * 5ULL},
			       .sent = {i * 5ULL},
			       .count = (uint8_t)(i % (WIRE_FIGURES_MAX + 1))};

	for (size_t j = 0; j < b.count; j++)
		b.figures[j] = UINT64_MAX - j * i;
	return b;
}

static void
write_books(struct wr *w, enum wire_type type, uint8_t flags, uint16_t count)
{
	struct wire_draft d = wire_begin(w, type, flags);

	wire_put_timing(w, &some_timing);
	wire_entries(w, &d);
	for (; d.entries < count; d.entries++) {
		struct wire_books b = some_books(d.entries);

		wire_put_books(w, (uint8_t)type, flags, &b);
	}
	ck_assert(wire_end(w, &d));
}

static bool
read_books(const struct wire_frame *f, uint16_t want)
{
	struct wire_timing t;
	struct wire_books b;
	uint16_t count;
	struct rd r;

	if (!wire_get_timing(f, &t, &count, &r) || count != want)
		return false;
	ck_assert_mem_eq(&t, &some_timing, sizeof t);
	for (uint16_t i = 0; i < count; i++) {
		struct wire_books expected = some_books(i);

		if (!wire_get_books(f, &r, &b))
			return false;
		ck_assert_uint_eq(b.channel, expected.channel);
		ck_assert_uint_eq(b.next.n, expected.next.n);
		if (f->type == WIRE_HEARTBEAT)
			ck_assert_uint_eq(b.sent.n, expected.sent.n);
		ck_assert_uint_eq(b.count, f->flags & WIRE_BOOKS ? expected.count : 0);
		if (b.count > 0)
			ck_assert_mem_eq(b.figures, expected.figures, 8UL * b.count);
	}
	return rd_left(&r) == 0;
}

static void
write_heartbeat(struct wr *w)
{
	write_books(w, WIRE_HEARTBEAT, 0, 100);
}

static void
write_heartbeat_books(struct wr *w)
{
	write_books(w, WIRE_HEARTBEAT, WIRE_BOOKS, 40);
}

static void
write_report(struct wr *w)
{
	write_books(w, WIRE_REPORT, 0, 100);
}

static void
write_report_books(struct wr *w)
{
	write_books(w, WIRE_REPORT, WIRE_BOOKS, 40);
}

static void
write_empty_report(struct wr *w)
{
	write_books(w, WIRE_REPORT, WIRE_BOOKS, 0);
}

static bool
read_100_books(const struct wire_frame *f)
{
	return read_books(f, 100);
}

static bool
read_40_books(const struct wire_frame *f)
{
	return read_books(f, 40);
}

static bool
read_no_books(const struct wire_frame *f)
{
	return read_books(f, 0);
}

/* ---- request, verdict, bye ---- */

static void
write_request(struct wr *w)
{
	struct wire_draft d = wire_begin(w, WIRE_REQUEST, 0);

	wire_entries(w, &d);
	for (; d.entries < 60; d.entries++)
		wire_put_range(w, &(struct wire_range){d.entries,
						       {WIRE_SEQ_MAX - d.entries},
						       UINT32_MAX - d.entries});
	ck_assert(wire_end(w, &d));
}

static bool
read_request(const struct wire_frame *f)
{
	struct wire_range range;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r) || count != 60)
		return false;
	for (uint16_t i = 0; i < 60; i++) {
		if (!wire_get_range(&r, &range))
			return false;
		ck_assert_uint_eq(range.channel, i);
		ck_assert_uint_eq(range.first.n, WIRE_SEQ_MAX - i);
		ck_assert_uint_eq(range.count, UINT32_MAX - i);
	}
	return rd_left(&r) == 0;
}

static void
write_verdict(struct wr *w)
{
	struct wire_draft d = wire_begin(w, WIRE_VERDICT, 0);

	wire_entries(w, &d);
	for (; d.entries < 60; d.entries++)
		wire_put_answer(
			w, &(struct wire_answer){.channel = d.entries,
						 .verdict = WIRE_AGED + d.entries % 3,
						 .first = {1 + d.entries},
						 .count = WIRE_SEQ_MAX - d.entries,
						 .retry_us = UINT32_MAX});
	ck_assert(wire_end(w, &d));
}

static bool
read_verdict(const struct wire_frame *f)
{
	struct wire_answer a;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r) || count != 60)
		return false;
	for (uint16_t i = 0; i < 60; i++) {
		if (!wire_get_answer(&r, &a))
			return false;
		ck_assert_uint_eq(a.channel, i);
		ck_assert_int_eq(a.verdict, WIRE_AGED + i % 3);
		ck_assert_uint_eq(a.first.n, 1 + i);
		ck_assert_uint_eq(a.count, WIRE_SEQ_MAX - i);
		ck_assert_uint_eq(a.retry_us, UINT32_MAX);
	}
	return rd_left(&r) == 0;
}

static void
write_bye(struct wr *w)
{
	ck_assert(wire_put_bye(w, WIRE_BYE_TIMEOUT, "because"));
}

static bool
read_bye(const struct wire_frame *f)
{
	struct wire_name text;
	uint8_t reason;

	if (!wire_get_bye(f, &reason, &text))
		return false;
	ck_assert_uint_eq(reason, WIRE_BYE_TIMEOUT);
	ck_assert_str_eq(text.text, "because");
	ck_assert_uint_eq(text.len, 7);
	return true;
}

/* ---- every one of them ---- */

const struct wire_sample wire_samples[WIRE_SAMPLES] = {
	{"hello", WIRE_HELLO, write_hello, read_hello},
	{"hello, empty", WIRE_HELLO, write_empty_hello, read_empty_hello},
	{"welcome", WIRE_WELCOME, write_welcome, read_welcome},
	{"data", WIRE_DATA, write_data, read_data},
	{"data, longest", WIRE_DATA, write_longest_data, read_longest_data},
	{"data, empty", WIRE_DATA, write_empty_data, read_empty_data},
	{"data, part", WIRE_DATA, write_part, read_part},
	{"mark", WIRE_MARK, write_mark, read_mark},
	{"change", WIRE_CHANGE, write_change, read_change},
	{"heartbeat", WIRE_HEARTBEAT, write_heartbeat, read_100_books},
	{"heartbeat, books", WIRE_HEARTBEAT, write_heartbeat_books, read_40_books},
	{"report", WIRE_REPORT, write_report, read_100_books},
	{"report, books", WIRE_REPORT, write_report_books, read_40_books},
	{"report, empty", WIRE_REPORT, write_empty_report, read_no_books},
	{"request", WIRE_REQUEST, write_request, read_request},
	{"verdict", WIRE_VERDICT, write_verdict, read_verdict},
	{"bye", WIRE_BYE, write_bye, read_bye},
};

size_t
wire_samples_write(int i, uint8_t *bytes)
{
	struct wr w = wr_init(bytes, WIRE_SAMPLES_ROOM);

	wire_samples[i].write(&w);
	ck_assert(!w.failed);
	return (size_t)(w.p - bytes);
}
