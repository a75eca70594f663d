/* SPDX-License-Identifier: Apache-2.0 */
#include "path/expiry.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static const struct {
	int64_t left_s;
	int step;
	int64_t wait_s;
} cases[] = {
	{400 * DAY, 4, HOUR},
	{30 * DAY + HOUR, 4, HOUR},
	{30 * DAY + 7, 4, 7},
	{30 * DAY, 3, HOUR},
	{7 * DAY + 1, 3, 1},
	{7 * DAY, 2, HOUR},
	{DAY, 1, HOUR},
	{59, 1, 59},
	{0, 0, HOUR},
	{-DAY, 0, HOUR},
	{INT64_MIN / 2, 0, HOUR},
	{INT64_MAX, 4, HOUR},
};

/* Each look is at the next step, or before. */
START_TEST(steps)
{
	int64_t wait_s;

	ck_assert_int_eq(expiry_step(cases[_i].left_s, &wait_s), cases[_i].step);
	ck_assert_int_eq(wait_s, cases[_i].wait_s);
	ck_assert_int_ge(expiry_step(cases[_i].left_s - wait_s, &wait_s),
			 cases[_i].step - 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("expiry");
	TCase *t = tcase_create("expiry");

	tcase_add_loop_test(t, steps, 0, sizeof(cases) / sizeof(cases[0]));
	suite_add_tcase(s, t);
	return suite_run(s);
}
