/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/seq.h"
#include "seeded.h"
#include "suite.h"

static const uint8_t bytes[] = {1,    2,    3,    4,    5,    6,    7,    8,
				0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8};

START_TEST(numbers_are_big_endian)
{
	struct rd r = rd_init(bytes, sizeof bytes);

	ck_assert_uint_eq(rd_u8(&r), 0x01);
	ck_assert_uint_eq(rd_u16(&r), 0x0203);
	ck_assert_uint_eq(rd_be(&r, 3), 0x040506);
	ck_assert_uint_eq(rd_u16(&r), 0x0708);
	ck_assert_uint_eq(rd_u64(&r), 0xfffefdfcfbfaf9f8);
	ck_assert_uint_eq(rd_left(&r), 0);
	ck_assert(!r.failed);
	r = rd_init(bytes, sizeof bytes);
	ck_assert_uint_eq(rd_u64(&r), 0x0102030405060708);
	ck_assert_uint_eq(rd_u32(&r), 0xfffefdfc);
}
END_TEST

START_TEST(a_read_beyond_the_end_is_nothing_and_stays)
{
	for (size_t width = 1; width <= 8; width++) {
		struct rd r = rd_init(bytes, width - 1);

		ck_assert_uint_eq(rd_be(&r, width), 0);
		ck_assert(r.failed);
		ck_assert_uint_eq(rd_left(&r), width - 1); /* nothing moved */
		/* what would fit is refused too */
		ck_assert_uint_eq(rd_be(&r, 0), 0);
		ck_assert_ptr_null(rd_bytes(&r, width - 1));
		rd_skip(&r, 0);
		ck_assert(r.failed);
	}
}
END_TEST

START_TEST(borrowed_bytes)
{
	struct rd r = rd_init(bytes, sizeof bytes);

	rd_skip(&r, 3);
	ck_assert_ptr_eq(rd_bytes(&r, 0), bytes + 3);
	ck_assert_ptr_eq(rd_bytes(&r, 5), bytes + 3);
	ck_assert_ptr_eq(rd_bytes(&r, 8), bytes + 8);
	ck_assert_ptr_eq(rd_bytes(&r, 0), bytes + 16);
	ck_assert(!r.failed);
	ck_assert_ptr_null(rd_bytes(&r, 1));
	ck_assert_ptr_null(rd_bytes(&r, SIZE_MAX));
}
END_TEST

START_TEST(a_write_beyond_the_end_is_nothing_and_stays)
{
	for (size_t width = 1; width <= 8; width++) {
		uint8_t room[9];
		struct wr w;

		memset(room, 0xaa, sizeof room);
		w = wr_init(room, width - 1);
		wr_be(&w, UINT64_MAX, width);
		ck_assert(w.failed);
		ck_assert_uint_eq(wr_left(&w), width - 1);
		wr_u8(&w, 0);
		wr_bytes(&w, bytes, 0);
		ck_assert(w.failed);
		ck_assert_ptr_null(wr_room(&w, 0));
		for (size_t i = 0; i < sizeof room; i++)
			ck_assert_uint_eq(room[i], 0xaa);
	}
}
END_TEST

START_TEST(only_the_low_bytes_are_written)
{
	uint8_t room[8];
	struct wr w = wr_init(room, sizeof room);

	wr_be(&w, 0x1122334455667788, 3);
	wr_u8(&w, 0x99);
	wr_bytes(&w, NULL, 0);
	wr_bytes(&w, bytes, 4);
	ck_assert(!w.failed);
	ck_assert_uint_eq(wr_left(&w), 0);
	ck_assert_mem_eq(room, "\x66\x77\x88\x99\x01\x02\x03\x04", 8);
}
END_TEST

/* Any sequence of fields reads back as it was written. */
START_TEST(what_is_written_is_read)
{
	struct seeded dice = seeded_init(_i);
	uint8_t room[256];
	struct wr w = wr_init(room, sizeof room);
	uint64_t values[256];
	size_t widths[256], count = 0;
	struct rd r;

	for (;; count++) {
		size_t width = 1 + seeded_below(&dice, 8);
		uint64_t mask =
			width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;

		if (width > wr_left(&w))
			break;
		widths[count] = width;
		values[count] = seeded_roll(&dice) & mask;
		wr_be(&w, values[count], width);
	}
	ck_assert(!w.failed);
	r = rd_init(room, (size_t)(w.p - room));
	for (size_t i = 0; i < count; i++)
		seeded_check(&dice, rd_be(&r, widths[i]) == values[i], "field %zu", i);
	ck_assert(!r.failed);
	ck_assert_uint_eq(rd_left(&r), 0);
}
END_TEST

START_TEST(sequence_numbers)
{
	seq_t last = {UINT64_MAX};

	ck_assert_int_eq(seq_cmp(SEQ_NONE, SEQ_FIRST), -1);
	ck_assert_int_eq(seq_cmp(SEQ_FIRST, SEQ_NONE), 1);
	ck_assert_int_eq(seq_cmp(last, last), 0);
	ck_assert_uint_eq(seq_add(SEQ_FIRST, 4).n, 5);
	ck_assert_uint_eq(seq_add(last, 1).n, UINT64_MAX); /* it cannot wrap */
	ck_assert_uint_eq(seq_add(SEQ_FIRST, UINT64_MAX).n, UINT64_MAX);
	ck_assert_uint_eq(seq_span((seq_t){3}, (seq_t){10}), 7);
	ck_assert_uint_eq(seq_span((seq_t){10}, (seq_t){10}), 0);
	ck_assert_uint_eq(seq_span((seq_t){10}, (seq_t){3}), 0);
	ck_assert_uint_eq(seq_max((seq_t){3}, (seq_t){4}).n, 4);
	ck_assert_uint_eq(seq_min((seq_t){3}, (seq_t){4}).n, 3);
}
END_TEST

START_TEST(instants)
{
	mono_t t = {100};

	ck_assert_int_eq(mono_add(t, 5).ns, 105);
	ck_assert_int_eq(mono_add(t, -5).ns, 95);
	ck_assert_int_eq(mono_add(t, INT64_MAX).ns, MONO_NEVER.ns);
	ck_assert_int_eq(mono_add(MONO_NEVER, -1).ns, MONO_NEVER.ns);
	ck_assert(mono_due(t, t) && mono_due(t, (mono_t){101}));
	ck_assert(!mono_due(t, (mono_t){99}));
	ck_assert(!mono_due(MONO_NEVER, MONO_NEVER)); /* never is never */
	ck_assert(!mono_before(t, t) && mono_before(t, MONO_NEVER));
	ck_assert_int_eq(mono_min(t, MONO_NEVER).ns, 100);
	ck_assert_int_eq(mono_sub(t, (mono_t){130}), -30);
	ck_assert_int_eq(utc_sub((utc_t){130}, (utc_t){100}), 30);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cursor");
	TCase *t = tcase_create("cursor");

	tcase_add_test(t, numbers_are_big_endian);
	tcase_add_test(t, a_read_beyond_the_end_is_nothing_and_stays);
	tcase_add_test(t, borrowed_bytes);
	tcase_add_test(t, a_write_beyond_the_end_is_nothing_and_stays);
	tcase_add_test(t, only_the_low_bytes_are_written);
	tcase_add_loop_test(t, what_is_written_is_read, 0, 100);
	tcase_add_test(t, sequence_numbers);
	tcase_add_test(t, instants);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
