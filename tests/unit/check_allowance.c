/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/allowance.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* As an ena driver has them: in between its other figures. */
enum {
	TX_TIMEOUT,
	BW_IN,
	BW_OUT,
	PPS,
	AVAILABLE,
	CONNTRACK,
	LINKLOCAL,
	QUEUE,
	FIGURES
};
static const char names[FIGURES][ETHSTAT_NAME_BYTES] = {
	[TX_TIMEOUT] = "tx_timeout",
	[BW_IN] = "bw_in_allowance_exceeded",
	[BW_OUT] = "bw_out_allowance_exceeded",
	[PPS] = "pps_allowance_exceeded",
	[AVAILABLE] = "conntrack_allowance_available",
	[CONNTRACK] = "conntrack_allowance_exceeded",
	[LINKLOCAL] = "linklocal_allowance_exceeded",
	[QUEUE] = "queue_0_tx_cnt",
};

static struct allowances a;
static uint64_t values[FIGURES];

static void
setup(void)
{
	a = (struct allowances){.matched = false};
	for (size_t i = 0; i < FIGURES; i++)
		values[i] = 1000 * (i + 1);
}

START_TEST(all_are_found)
{
	ck_assert(allowances_match(&a, names, FIGURES));
	ck_assert_int_eq(a.place[ALLOWANCE_bw_in], BW_IN);
	ck_assert_int_eq(a.place[ALLOWANCE_bw_out], BW_OUT);
	ck_assert_int_eq(a.place[ALLOWANCE_pps], PPS);
	ck_assert_int_eq(a.place[ALLOWANCE_conntrack], CONNTRACK);
	ck_assert_int_eq(a.place[ALLOWANCE_linklocal], LINKLOCAL);
	ck_assert_int_eq(a.available_place, AVAILABLE);
	ck_assert(!a.taken);
}
END_TEST

START_TEST(only_what_came_since_the_first_reading_counts)
{
	allowances_match(&a, names, FIGURES);
	allowances_take(&a, values);
	ck_assert(a.taken);
	for (size_t i = 0; i < ALLOWANCE_COUNT; i++)
		ck_assert_uint_eq(a.total[i], 0);
	ck_assert_uint_eq(a.available, values[AVAILABLE]);
	values[PPS] += 7;
	values[BW_OUT] += 1ULL << 40;
	values[AVAILABLE] = 3;
	values[QUEUE] += 99;
	allowances_take(&a, values);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 7);
	ck_assert_uint_eq(a.total[ALLOWANCE_bw_out], 1ULL << 40);
	ck_assert_uint_eq(a.total[ALLOWANCE_bw_in], 0);
	ck_assert_uint_eq(a.available, 3);
}
END_TEST

START_TEST(a_driver_that_was_reset_counts_on)
{
	allowances_match(&a, names, FIGURES);
	allowances_take(&a, values);
	values[PPS] = 5;
	allowances_take(&a, values);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 5);
	values[PPS] = 6;
	allowances_take(&a, values);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 6);
}
END_TEST

START_TEST(totals_stay_when_names_are_read_again)
{
	allowances_match(&a, names, FIGURES);
	allowances_take(&a, values);
	values[PPS] += 4;
	allowances_take(&a, values);
	values[PPS] += 1000; /* as another interface of that name may have it */
	ck_assert(allowances_match(&a, names + 1, FIGURES - 1));
	allowances_take(&a, values + 1);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 4);
	values[PPS] += 2;
	allowances_take(&a, values + 1);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 6);
}
END_TEST

START_TEST(a_driver_without_has_none)
{
	ck_assert(!allowances_match(&a, names + QUEUE, 1));
	allowances_take(&a, values);
	ck_assert(!a.taken);
	ck_assert(!allowances_match(&a, names, 0));
}
END_TEST

/* An older driver, and a name that is like one of ours but longer. */
START_TEST(a_driver_with_some_has_those)
{
	static const char few[2][ETHSTAT_NAME_BYTES] = {"pps_allowance_exceeded_not",
							"bw_in_allowance_exceeded"};

	ck_assert(allowances_match(&a, few, 2));
	ck_assert_int_eq(a.place[ALLOWANCE_pps], -1);
	ck_assert_int_eq(a.available_place, -1);
	allowances_take(&a, values);
	values[1] += 3;
	allowances_take(&a, values);
	ck_assert_uint_eq(a.total[ALLOWANCE_bw_in], 3);
	ck_assert_uint_eq(a.total[ALLOWANCE_pps], 0);
}
END_TEST

/* The kernel's names may fill their room, without a NUL. */
START_TEST(names_may_be_as_long_as_their_room)
{
	char full[2][ETHSTAT_NAME_BYTES];

	memset(full[0], 'x', sizeof(full[0]));
	memcpy(full[1], names[PPS], sizeof(full[1]));
	ck_assert_int_eq(
		ethstat_place((const char(*)[ETHSTAT_NAME_BYTES])full, 2, names[PPS]),
		1);
	ck_assert_int_eq(
		ethstat_place((const char(*)[ETHSTAT_NAME_BYTES])full, 1, names[PPS]),
		-1);
}
END_TEST

START_TEST(ids)
{
	ck_assert_str_eq(allowance_name(ALLOWANCE_bw_in), "bw_in");
	ck_assert_str_eq(allowance_name(ALLOWANCE_linklocal), "linklocal");
	ck_assert_str_eq(allowance_name(ALLOWANCE_COUNT), "unknown");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("allowance");
	TCase *t = tcase_create("allowance");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, all_are_found);
	tcase_add_test(t, only_what_came_since_the_first_reading_counts);
	tcase_add_test(t, a_driver_that_was_reset_counts_on);
	tcase_add_test(t, totals_stay_when_names_are_read_again);
	tcase_add_test(t, a_driver_without_has_none);
	tcase_add_test(t, a_driver_with_some_has_those);
	tcase_add_test(t, names_may_be_as_long_as_their_room);
	tcase_add_test(t, ids);
	suite_add_tcase(s, t);
	return suite_run(s);
}
