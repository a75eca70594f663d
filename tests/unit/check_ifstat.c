/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interface counters, from a directory made to look like sysfs's of the loopback
 * interface, which every host has.
 */
#define IFSTAT_ROOT "."
#include "base/ifstat.c"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <sys/stat.h>

static char home[64];

static void
write_figure(const char *file, uint64_t figure)
{
	char name[96];
	FILE *f;

	snprintf(name, sizeof(name), "lo/%s", file);
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%" PRIu64 "\n", figure);
	ck_assert_int_eq(fclose(f), 0);
}

static void
write_losses(uint64_t dropped, uint64_t missed, uint64_t fifo)
{
	write_figure("statistics/rx_dropped", dropped);
	write_figure("statistics/rx_missed_errors", missed);
	write_figure("statistics/rx_fifo_errors", fifo);
}

static void
set_up(void)
{
	snprintf(home, sizeof(home), P_tmpdir "/tombolo-check-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	ck_assert_int_eq(chdir(home), 0);
	ck_assert_int_eq(mkdir("lo", 0700), 0);
	ck_assert_int_eq(mkdir("lo/statistics", 0700), 0);
	write_figure("ifindex", if_nametoindex("lo"));
}

static void
tear_down(void)
{
	(void)unlink("lo/statistics/rx_dropped");
	(void)unlink("lo/statistics/rx_missed_errors");
	(void)unlink("lo/statistics/rx_fifo_errors");
	(void)unlink("lo/operstate");
	(void)unlink("lo/ifindex");
	(void)rmdir("lo/statistics");
	(void)rmdir("lo");
	(void)rmdir(home);
}

START_TEST(differences)
{
	struct ifstat s = {0};

	write_losses(1000, 20, 3);
	ifstat_start(&s, "lo", IFSTAT_LOSS_COUNT);
	ck_assert_uint_eq(ifstat_poll(&s), 0); /* before the start is not ours */
	write_losses(1001, 22, 6);
	ck_assert_uint_eq(ifstat_poll(&s), 6);
	ck_assert_uint_eq(ifstat_poll(&s), 0);
	write_losses(1001, 22, 6 + (1ULL << 40));
	ck_assert_uint_eq(ifstat_poll(&s), 1ULL << 40);
	ck_assert_uint_eq(s.total[IFSTAT_rx_dropped], 1);
	ck_assert_uint_eq(s.total[IFSTAT_rx_missed_errors], 2);
	ck_assert_uint_eq(s.total[IFSTAT_rx_fifo_errors], 3 + (1ULL << 40));
}
END_TEST

/* A driver that was reset counts from zero; the totals do not. */
START_TEST(reset)
{
	struct ifstat s = {0};

	write_losses(1000, 0, 0);
	ifstat_start(&s, "lo", IFSTAT_LOSS_COUNT);
	write_losses(1010, 0, 0);
	ck_assert_uint_eq(ifstat_poll(&s), 10);
	write_losses(4, 0, 0);
	ck_assert_uint_eq(ifstat_poll(&s), 4);
	write_losses(9, 0, 0);
	ck_assert_uint_eq(ifstat_poll(&s), 5);
	ck_assert_uint_eq(s.total[IFSTAT_rx_dropped], 19);
	write_losses(500, 0, 0);
	ifstat_start(&s, "lo",
		     IFSTAT_LOSS_COUNT); /* made anew: 500 is what it starts with */
	ck_assert_uint_eq(ifstat_poll(&s), 0);
	ck_assert_uint_eq(s.total[IFSTAT_rx_dropped], 19);
}
END_TEST

START_TEST(unreadable)
{
	struct ifstat s = {0};

	write_losses(7, 8, 9);
	ifstat_start(&s, "lo", IFSTAT_LOSS_COUNT);
	ck_assert_int_eq(unlink("lo/statistics/rx_missed_errors"), 0);
	write_figure("statistics/rx_fifo_errors", 10);
	ck_assert_uint_eq(ifstat_poll(&s), 1);
	write_losses(7, 9, 10);
	ck_assert_uint_eq(ifstat_poll(&s), 1);
}
END_TEST

/* Another namespace's interface of the same name is not ours. */
START_TEST(foreign_sysfs)
{
	struct ifstat s = {0};
	struct ifstat_state state;

	write_figure("ifindex", 4711);
	write_figure("operstate", 1);
	write_losses(1, 1, 1);
	ifstat_start(&s, "lo", IFSTAT_LOSS_COUNT);
	write_losses(9, 9, 9);
	ck_assert_uint_eq(ifstat_poll(&s), 0);
	ck_assert_int_eq(ifstat_read("lo", &state), 0);
	ck_assert_str_eq(state.operstate, "");
}
END_TEST

START_TEST(state)
{
	struct ifstat_state s;
	FILE *f = fopen("lo/operstate", "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "unknown\n");
	fclose(f);
	ck_assert_int_eq(ifstat_read("lo", &s), 0);
	ck_assert_uint_eq(s.index, if_nametoindex("lo"));
	ck_assert_int_gt(s.mtu, 0);
	ck_assert_str_eq(s.operstate, "unknown");
	ck_assert_int_eq(ifstat_read("nosuch0", &s), -ENODEV);
	ck_assert_uint_eq(s.index, 0);
	ck_assert_int_eq(ifstat_read("a-name-that-is-too-long", &s), -ENODEV);
}
END_TEST

START_TEST(list)
{
	char text[256], tight[2];

	ifstat_list(text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "lo"));
	ifstat_list(tight, sizeof(tight));
	ck_assert_str_eq(tight, "");
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(ifstat_counter_name(IFSTAT_rx_dropped), "rx_dropped");
	ck_assert_str_eq(ifstat_counter_name(IFSTAT_rx_fifo_errors), "rx_fifo_errors");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ifstat");
	TCase *tc = tcase_create("ifstat");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, differences);
	tcase_add_test(tc, reset);
	tcase_add_test(tc, unreadable);
	tcase_add_test(tc, foreign_sysfs);
	tcase_add_test(tc, state);
	tcase_add_test(tc, list);
	tcase_add_test(tc, names);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
