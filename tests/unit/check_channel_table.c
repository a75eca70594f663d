/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept beside channels stays at its place however the table grows. */
#include "ops/channel_table.h"

#include <check.h>
#include <stdint.h>

#include "suite.h"

struct place {
	uint64_t tag;
	char rest[5];
};

static struct channel_table
grown(size_t lanes, size_t channels)
{
	struct channel_table t = {.bytes = sizeof(struct place)};

	ck_assert(channel_table_grow(&t, lanes, channels));
	return t;
}

static struct place *
at(const struct channel_table *t, size_t lane, size_t channel)
{
	struct place *p = channel_table_at(t, lane, channel);

	ck_assert_ptr_nonnull(p);
	return p;
}

static void
mark_all(struct channel_table *t, size_t lanes, size_t channels)
{
	for (size_t l = 0; l < lanes; l++)
		for (size_t c = 0; c < channels; c++)
			at(t, l, c)->tag = 1 + l * 100 + c;
}

static void
expect_marked(const struct channel_table *t, size_t lanes, size_t channels)
{
	for (size_t l = 0; l < lanes; l++)
		for (size_t c = 0; c < channels; c++)
			ck_assert_uint_eq(at(t, l, c)->tag, 1 + l * 100 + c);
}

START_TEST(places_are_zero_and_end)
{
	struct channel_table none = {.bytes = 1}, t = grown(2, 3);

	ck_assert_ptr_null(channel_table_at(&none, 0, 0));
	for (size_t l = 0; l < 2; l++)
		for (size_t c = 0; c < 3; c++)
			ck_assert_uint_eq(at(&t, l, c)->tag, 0);
	ck_assert_ptr_null(channel_table_at(&t, 2, 0));
	ck_assert_ptr_null(channel_table_at(&t, 0, 3));
	channel_table_fini(&t);
}
END_TEST

START_TEST(more_channels_and_lanes_leave_what_there_is)
{
	struct channel_table t = grown(2, 3);

	mark_all(&t, 2, 3);
	ck_assert(channel_table_grow(&t, 2, 7));
	expect_marked(&t, 2, 3);
	ck_assert_uint_eq(at(&t, 1, 3)->tag, 0);
	/* More of one, less of the other: nothing is cut. */
	ck_assert(channel_table_grow(&t, 3, 4));
	expect_marked(&t, 2, 3);
	ck_assert_uint_eq(at(&t, 2, 6)->tag, 0);
	channel_table_fini(&t);
}
END_TEST

START_TEST(less_is_no_change)
{
	struct channel_table t = grown(2, 3);
	const void *before = channel_table_at(&t, 0, 0);

	mark_all(&t, 2, 3);
	ck_assert(channel_table_grow(&t, 1, 1));
	ck_assert_ptr_eq(channel_table_at(&t, 0, 0), before);
	expect_marked(&t, 2, 3);
	channel_table_fini(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("channel_table");
	TCase *t = tcase_create("places");

	tcase_add_test(t, places_are_zero_and_end);
	tcase_add_test(t, more_channels_and_lanes_leave_what_there_is);
	tcase_add_test(t, less_is_no_change);
	suite_add_tcase(s, t);
	return suite_run(s);
}
