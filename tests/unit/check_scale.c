/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of channels: what a reload, a choice and a greeting take grows as the number
 * of channels does, and not as its square. Sixteen times as many may take 80 times as
 * long, which leaves room for caches and for a machine that does other things; a step
 * that looks at all channels for each of them takes up to 256 times as long.
 */
#include <check.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

#include "../../bench/bridge.h"
#include "suite.h"

#define FEW      256
#define MANY     4096
#define SLACK    5
#define RUNS     5
#define FLOOR_NS 5000 /* below that it is the clock that is measured */

static void
keep_least(int64_t least[BRIDGE_STEP_COUNT], size_t channels)
{
	int64_t ns[BRIDGE_STEP_COUNT];

	bridge_run(channels, ns);
	for (int i = 0; i < BRIDGE_STEP_COUNT; i++) {
		if (ns[i] < least[i])
			least[i] = ns[i];
	}
}

START_TEST(no_step_is_quadratic)
{
	int64_t few[BRIDGE_STEP_COUNT], many[BRIDGE_STEP_COUNT];

	for (int i = 0; i < BRIDGE_STEP_COUNT; i++)
		few[i] = many[i] = INT64_MAX;
	for (int run = 0; run < RUNS; run++) {
		keep_least(few, FEW);
		keep_least(many, MANY);
	}
	for (int i = 0; i < BRIDGE_STEP_COUNT; i++) {
		int64_t base = few[i] > FLOOR_NS ? few[i] : FLOOR_NS;

		ck_assert_msg(many[i] < base * (MANY / FEW) * SLACK,
			      "%s: %lld us for %d channels, %lld us for %d",
			      bridge_step_what((enum bridge_step)i),
			      (long long)few[i] / 1000, FEW, (long long)many[i] / 1000,
			      MANY);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scale");
	TCase *t = tcase_create("scale");

	/* Memory that was touched once stays so: pages are not what is measured. */
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, no_step_is_quadratic);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
