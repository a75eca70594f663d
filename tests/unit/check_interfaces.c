/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces that are used: of this host, which has a loopback one. */
#include "ops/interfaces.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "path/tunnel.h"
#include "suite.h"

#define LOOPBACK 0x7f000001

static struct interfaces *all;
static struct tunnel_figures tunnel;
static struct lane_view lane;

static struct lane_view
at(const void *views, size_t index)
{
	(void)index;
	return *(const struct lane_view *)views;
}

static void
setup(void)
{
	all = interfaces_new();
	ck_assert_ptr_nonnull(all);
	memset(&tunnel, 0, sizeof(tunnel));
	lane = (struct lane_view){.tunnel = &tunnel, .remote_count = 2};
}

static void
teardown(void)
{
	interfaces_free(all);
}

static void
look(const char *fixed)
{
	struct lane_views views = {.views = &lane, .count = 1, .at = at};

	interfaces_look(all, fixed, USE_CAPTURE, views);
}

START_TEST(none_without_a_use)
{
	look(NULL);
	ck_assert_uint_eq(all->count, 0);
}
END_TEST

START_TEST(one_has_every_use_that_it_has)
{
	gauge_set(&tunnel.local[1][PATHS_MAX - 1], LOOPBACK);
	look(NULL);
	ck_assert_uint_eq(all->count, 1);
	ck_assert_str_eq(all->all[0].name, "lo");
	ck_assert_uint_eq(all->all[0].index, if_nametoindex("lo"));
	ck_assert_uint_eq(all->all[0].uses, 1u << USE_PATH);
	ck_assert(!all->all[0].allowances.matched); /* its driver has no figures */
	look("lo");
	ck_assert_uint_eq(all->count, 1);
	ck_assert_uint_eq(all->all[0].uses, 1u << USE_PATH | 1u << USE_CAPTURE);
	gauge_set(&tunnel.local[1][PATHS_MAX - 1], 0);
	look(NULL); /* what it lost is still told */
	ck_assert_uint_eq(all->count, 1);
	ck_assert_uint_eq(all->all[0].uses, 0);
}
END_TEST

START_TEST(one_that_is_not_there_waits)
{
	look("nosuch0");
	look("nosuch0");
	ck_assert_uint_eq(all->count, 1);
	ck_assert_uint_eq(all->all[0].index, 0);
	ck_assert_uint_eq(all->all[0].uses, 1u << USE_CAPTURE);
	look("a-name-that-is-too-long");
	ck_assert_uint_eq(all->count, 1);
}
END_TEST

START_TEST(an_address_of_nobody_is_of_no_interface)
{
	gauge_set(&tunnel.local[0][0], 0xc0000201); /* 192.0.2.1 */
	look(NULL);
	ck_assert_uint_eq(all->count, 0);
	ck_assert_ptr_null(ifaddr_find(&all->addresses, 0xc0000201));
	ck_assert_str_eq(ifaddr_find(&all->addresses, LOOPBACK), "lo");
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	char name[IF_NAMESIZE];

	for (int i = 0; i < INTERFACES_MAX + 3; i++) {
		snprintf(name, sizeof(name), "nosuch%d", i);
		look(name);
	}
	ck_assert_uint_eq(all->count, INTERFACES_MAX);
}
END_TEST

START_TEST(drivers_without_figures)
{
	struct ethstat s;

	ck_assert_int_eq(ethstat_open(&s, all->fd, "lo"), -EOPNOTSUPP);
	ck_assert_uint_eq(s.count, 0);
	ck_assert_int_eq(ethstat_open(&s, all->fd, "nosuch0"), -ENODEV);
	ck_assert_int_eq(ethstat_open(&s, all->fd, "a-name-that-is-too-long"), -ENODEV);
	ethstat_close(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("interfaces");
	TCase *t = tcase_create("interfaces");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, none_without_a_use);
	tcase_add_test(t, one_has_every_use_that_it_has);
	tcase_add_test(t, one_that_is_not_there_waits);
	tcase_add_test(t, an_address_of_nobody_is_of_no_interface);
	tcase_add_test(t, more_than_there_is_room_for);
	tcase_add_test(t, drivers_without_figures);
	suite_add_tcase(s, t);
	return suite_run(s);
}
