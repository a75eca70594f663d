/* SPDX-License-Identifier: Apache-2.0 */
/* The wire: what is written is read, and nothing else is. */
#include <check.h>
#include <stdlib.h>

#include "ops/settings.h"
#include "suite.h"
#include "wire_samples.h"

#define TIMING (40 + 2) /* bytes in front of the entries of HEARTBEAT and REPORT */

START_TEST(what_is_written_is_read)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM);
	size_t len = wire_samples_write(_i, bytes), size;
	struct wire_frame f;

	ck_assert_int_eq(wire_next(bytes, len, &f, &size), WIRE_WHOLE);
	ck_assert_uint_eq(size, len);
	ck_assert_uint_eq(f.type, wire_samples[_i].type);
	ck_assert_uint_eq(f.len, len - WIRE_HEADER_BYTES);
	ck_assert_msg(wire_samples[_i].read(&f), "%s", wire_samples[_i].name);
	free(bytes);
}
END_TEST

/* A frame that ends early is not whole; a body that does is refused. */
START_TEST(every_cut_is_refused)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM);
	size_t len = wire_samples_write(_i, bytes), size;
	struct wire_frame f, cut;

	ck_assert_int_eq(wire_next(bytes, len, &f, &size), WIRE_WHOLE);
	cut = f;
	for (size_t n = 0; n < len; n++) {
		/* in memory of its exact size, for the address sanitizer */
		size_t body = n < f.len ? n : f.len - 1;
		uint8_t *exact = malloc(n + 1);

		memcpy(exact + 1, bytes, n);
		if (wire_next(exact + 1, n, &cut, &size) != WIRE_SHORT)
			ck_abort_msg("%s: whole at %zu", wire_samples[_i].name, n);
		free(exact);
		if (f.len == 0)
			continue;
		exact = malloc(body + 1);
		memcpy(exact + 1, f.body, body);
		cut = (struct wire_frame){f.type, f.flags, exact + 1, body};
		if (wire_samples[_i].read(&cut))
			ck_abort_msg("%s: taken with %zu bytes", wire_samples[_i].name,
				     body);
		free(exact);
	}
	free(bytes);
}
END_TEST

START_TEST(one_byte_more_is_refused)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM + 1);
	size_t len = wire_samples_write(_i, bytes), size;
	struct wire_frame f;

	bytes[len] = 0;
	ck_assert_int_eq(wire_next(bytes, len + 1, &f, &size), WIRE_WHOLE);
	ck_assert_uint_eq(size, len);
	f.len++;
	/* of what lists entries the reader sees that it was not the last */
	ck_assert_msg(!wire_samples[_i].read(&f), "%s", wire_samples[_i].name);
	free(bytes);
}
END_TEST

/* Whatever does not fit is taken back whole, and leaves the writer fit for use. */
START_TEST(what_does_not_fit_is_taken_back)
{
	uint8_t *whole = malloc(WIRE_SAMPLES_ROOM),
		*bytes = malloc(WIRE_SAMPLES_ROOM + 16);
	size_t len = wire_samples_write(_i, whole);
	struct wire_frame f;
	struct wire_mark m = {{1}, {2}, 0, 3};
	size_t size;

	ck_assert_int_eq(wire_next(whole, len, &f, &size), WIRE_WHOLE);
	for (size_t room = 0; room < len; room += room < 600 ? 1 : 997) {
		struct wr w = wr_init(bytes, 5 + room);
		struct wire_draft d;

		wr_bytes(&w, "12345", 5);
		d = wire_begin(&w, (enum wire_type)f.type, f.flags);
		wire_entries(&w, &d);
		wr_bytes(&w, f.body, f.len < 2 ? 0 : f.len - 2);
		if (wire_end(&w, &d))
			ck_abort_msg("%zu bytes fitted into %zu", len, room);
		ck_assert(!w.failed);
		ck_assert_uint_eq(wr_left(&w), room);
		ck_assert_mem_eq(bytes, "12345", 5);
		ck_assert(wire_put_mark(&w, 0, &m) == (room >= WIRE_MARK_BYTES));
	}
	free(whole);
	free(bytes);
}
END_TEST

START_TEST(a_body_has_an_end)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM + 2);
	struct wr w = wr_init(bytes, WIRE_SAMPLES_ROOM + 2);
	struct wire_draft d = wire_begin(&w, WIRE_DATA, 0);
	struct wire_frame f;
	size_t size;

	ck_assert_ptr_nonnull(wr_room(&w, UINT16_MAX + 1));
	ck_assert(!wire_end(&w, &d));
	ck_assert_uint_eq(wr_left(&w), WIRE_SAMPLES_ROOM + 2);
	d = wire_begin(&w, WIRE_DATA, 0);
	memset(wr_room(&w, UINT16_MAX), 1, UINT16_MAX);
	ck_assert(wire_end(&w, &d));
	ck_assert_int_eq(wire_next(bytes, WIRE_SAMPLES_ROOM, &f, &size), WIRE_WHOLE);
	ck_assert_uint_eq(f.len, UINT16_MAX);
	free(bytes);
}
END_TEST

/* ---- values that cannot be ---- */

/* Overwrites `width` bytes of the body at `at`, and reads. */
static bool
still_taken(int i, size_t at, uint64_t value, size_t width)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM);
	size_t len = wire_samples_write(i, bytes), size;
	struct wire_frame f;
	struct wr w = wr_init(bytes + WIRE_HEADER_BYTES + at, width);
	struct wire_greeting g;
	struct wire_channel c;
	struct wire_resume e;
	struct wire_data d;
	struct wire_mark m;
	struct wire_change change;
	struct wire_demand demand;
	struct wire_timing t;
	struct wire_books b;
	struct wire_range range;
	struct wire_answer a;
	struct wire_name text;
	uint16_t count;
	uint8_t reason;
	bool ok = false;
	struct rd r;

	wr_be(&w, value, width);
	ck_assert_int_eq(wire_next(bytes, len, &f, &size), WIRE_WHOLE);
	switch ((enum wire_type)f.type) {
	case WIRE_HELLO:
		ok = wire_get_greeting(&f, &g, &r) &&
		     (g.count == 0 || wire_get_channel(&r, &c));
		break;
	case WIRE_WELCOME:
		ok = wire_get_greeting(&f, &g, &r) && wire_get_resume(&r, &e);
		break;
	case WIRE_DATA: ok = wire_get_data(&f, &d); break;
	case WIRE_MARK: ok = wire_get_mark(&f, &m); break;
	case WIRE_CHANGE: ok = wire_get_change(&f, &change); break;
	case WIRE_HEARTBEAT:
	case WIRE_REPORT:
		ok = wire_get_timing(&f, &t, &count, &r) && wire_get_books(&f, &r, &b);
		break;
	case WIRE_REQUEST:
		ok = wire_get_count(&f, &count, &r) && wire_get_range(&r, &range);
		break;
	case WIRE_VERDICT:
		ok = wire_get_count(&f, &count, &r) && wire_get_answer(&r, &a);
		break;
	case WIRE_DEMAND: ok = wire_get_demand(&f, &demand); break;
	case WIRE_BYE: ok = wire_get_bye(&f, &reason, &text); break;
	}
	free(bytes);
	return ok;
}

static int
sample(const char *name)
{
	for (int i = 0; i < WIRE_SAMPLES; i++) {
		if (strcmp(wire_samples[i].name, name) == 0)
			return i;
	}
	ck_abort_msg("%s", name);
}

START_TEST(sequence_numbers_have_a_limit)
{
	/* Where, in which body; whether it may be 0; whether the most is more than
	 * what else the frame says allows. */
	static const struct {
		const char *name;
		size_t at;
		bool zero, most;
	} cases[] = {
		{"hello", 97 + 13, false,
		 true}, /* next; it must not be below the rest */
		{"hello", 97 + 21, false, false},
		{"hello", 97 + 29, false, false},
		{"welcome", 44 + 2, false, true},
		{"data", 2, false, true},
		{"mark", 0, false, true},
		{"change", 0, false, true},
		{"heartbeat", TIMING + 2, false, true},
		{"heartbeat", TIMING + 10, true, true},
		{"report", TIMING + 2, false, true},
		{"request", 2 + 2, false, true},
		{"verdict", 2 + 3, false, true},
		{"verdict", 2 + 11, false, true}, /* the count */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int n = sample(cases[i].name);

		ck_assert_msg(still_taken(n, cases[i].at, 0, 8) == cases[i].zero,
			      "%s + %zu", cases[i].name, cases[i].at);
		ck_assert_msg(still_taken(n, cases[i].at, WIRE_SEQ_MAX, 8) ==
				      cases[i].most,
			      "%s + %zu", cases[i].name, cases[i].at);
		ck_assert(!still_taken(n, cases[i].at, WIRE_SEQ_MAX + 1, 8));
		ck_assert(!still_taken(n, cases[i].at, UINT64_C(1) << 63, 8));
		ck_assert(!still_taken(n, cases[i].at, UINT64_MAX, 8));
	}
}
END_TEST

START_TEST(times_have_a_limit)
{
	static const struct {
		const char *name;
		size_t at;
	} cases[] = {{"data", 10}, {"mark", 8}, {"change", 8}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int n = sample(cases[i].name);

		ck_assert(still_taken(n, cases[i].at, 0, 8));
		ck_assert(still_taken(n, cases[i].at, WIRE_SEQ_MAX, 8));
		ck_assert(!still_taken(n, cases[i].at, WIRE_SEQ_MAX + 1, 8));
		ck_assert(!still_taken(n, cases[i].at, (uint64_t)INT64_MAX, 8));
		ck_assert(!still_taken(n, cases[i].at, UINT64_MAX, 8)); /* -1 */
	}
}
END_TEST

START_TEST(other_values_that_cannot_be)
{
	int data = sample("data, part"), verdict = sample("verdict");

	ck_assert(!still_taken(sample("report"), 32, WIRE_SEQ_MAX + 1, 8));
	ck_assert(!still_taken(sample("hello"), 6, 0, 8)); /* epoch 0 is none */
	ck_assert(!still_taken(sample("hello"), 31, WIRE_NAME_MAX + 1, 1));
	ck_assert(!still_taken(sample("hello"), 32, ' ', 1));
	ck_assert(!still_taken(sample("hello"), 32, 0, 1));
	ck_assert(!still_taken(sample("hello"), 33, 0x7f, 1));
	ck_assert(!still_taken(sample("hello"), 94, 0x80, 1)); /* the last of it */
	ck_assert(still_taken(sample("hello"), 94, '~', 1));
	ck_assert(still_taken(sample("hello, empty"), 0, 1, 2));
	ck_assert(!still_taken(sample("heartbeat, books"), TIMING + 18, 33, 1));
	ck_assert(!still_taken(sample("report, books"), TIMING + 10, 33, 1));
	ck_assert(!still_taken(sample("request"), 2 + 10, 0, 4)); /* none wanted */
	ck_assert(!still_taken(verdict, 2 + 2, 0, 1));
	ck_assert(!still_taken(verdict, 2 + 2, WIRE_THROTTLED + 1, 1));
	ck_assert(still_taken(verdict, 2 + 2, WIRE_THROTTLED, 1));
	/* a piece that stands beyond its datagram's end */
	ck_assert(!still_taken(data, 18, 60001, 2));
	ck_assert(!still_taken(data, 20, DATAGRAM_BYTES_MAX - 1, 2));
	ck_assert(!still_taken(data, 20, 0, 2));
	ck_assert(!still_taken(sample("bye"), 1, 8, 1));
	ck_assert(!still_taken(sample("bye"), 1, 6, 1)); /* one byte is left over */
	ck_assert(still_taken(sample("bye"), 0, 255, 1));
}
END_TEST

START_TEST(names_are_cut_to_what_fits)
{
	char text[100] = "";
	struct wire_name name;

	wire_set_name(&name, "");
	ck_assert_uint_eq(name.len, 0);
	ck_assert_str_eq(name.text, "");
	memset(text, 'x', sizeof text - 1);
	wire_set_name(&name, text);
	ck_assert_uint_eq(name.len, WIRE_NAME_MAX);
	ck_assert_uint_eq(strlen(name.text), WIRE_NAME_MAX);
}
END_TEST

START_TEST(everything_has_a_name)
{
	ck_assert_str_eq(wire_type_name(WIRE_HELLO), "hello");
	ck_assert_str_eq(wire_type_name(WIRE_BYE), "bye");
	ck_assert_str_eq(wire_type_name(0), "?");
	ck_assert_str_eq(wire_type_name(255), "?");
	ck_assert_str_eq(wire_verdict_name(WIRE_AGED), "aged");
	ck_assert_str_eq(wire_verdict_name(WIRE_THROTTLED), "throttled");
	ck_assert_str_eq(wire_bye_name(WIRE_BYE_DRAINED), "drained");
	ck_assert_str_eq(wire_bye_name(WIRE_BYE_TIMEOUT), "timeout");
	ck_assert_str_eq(wire_bye_name(0), "?");
	ck_assert_str_eq(wire_bye_name(1000), "?");
}
END_TEST

/* The header's constants are what is really written. */
START_TEST(lengths_are_as_said)
{
	uint8_t bytes[256];
	struct wr w = wr_init(bytes, sizeof bytes);
	struct wire_data d = {.seq = SEQ_FIRST};
	struct wire_mark m = {.seq = SEQ_FIRST};

	ck_assert(wire_put_data(&w, 0, &d));
	ck_assert_uint_eq(w.p - bytes, WIRE_DATA_BYTES);
	w = wr_init(bytes, sizeof bytes);
	d.part = true;
	ck_assert(wire_put_data(&w, 0, &d));
	ck_assert_uint_eq(w.p - bytes, WIRE_PART_BYTES);
	w = wr_init(bytes, sizeof bytes);
	ck_assert(wire_put_mark(&w, 0, &m));
	ck_assert_uint_eq(w.p - bytes, WIRE_MARK_BYTES);
}
END_TEST

/* A frame has room for more than UDP has. */
START_TEST(no_datagram_is_longer_than_udp)
{
	uint8_t *bytes = malloc(WIRE_SAMPLES_ROOM), more[DATAGRAM_BYTES_MAX + 1] = {0};
	struct wire_data d = {
		.channel = 1, .seq = SEQ_FIRST, .payload = more, .len = sizeof more};
	struct wr w = wr_init(bytes, WIRE_SAMPLES_ROOM);
	struct wire_frame f;
	size_t size;

	ck_assert(wire_put_data(&w, 0, &d));
	ck_assert_int_eq(wire_next(bytes, (size_t)(w.p - bytes), &f, &size),
			 WIRE_WHOLE);
	ck_assert(!wire_get_data(&f, &d));
	ck_assert(!still_taken(sample("data, part"), 20, DATAGRAM_BYTES_MAX + 1, 2));
	free(bytes);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *t = tcase_create("wire");

	tcase_add_loop_test(t, what_is_written_is_read, 0, WIRE_SAMPLES);
	tcase_add_loop_test(t, every_cut_is_refused, 0, WIRE_SAMPLES);
	tcase_add_loop_test(t, one_byte_more_is_refused, 0, WIRE_SAMPLES);
	tcase_add_loop_test(t, what_does_not_fit_is_taken_back, 0, WIRE_SAMPLES);
	tcase_add_test(t, a_body_has_an_end);
	tcase_add_test(t, sequence_numbers_have_a_limit);
	tcase_add_test(t, times_have_a_limit);
	tcase_add_test(t, other_values_that_cannot_be);
	tcase_add_test(t, names_are_cut_to_what_fits);
	tcase_add_test(t, everything_has_a_name);
	tcase_add_test(t, lengths_are_as_said);
	tcase_add_test(t, no_datagram_is_longer_than_udp);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
