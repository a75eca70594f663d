/* SPDX-License-Identifier: Apache-2.0 */
/* What is done by POST on the control socket. */
#include "ops/control.c"
#include "suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct evbuffer *out;
static int status;
static volatile sig_atomic_t heard[65];

static void
hear(int number)
{
	heard[number]++;
}

static void
setup(void)
{
	out = evbuffer_new();
	status = 200;
	heard[SIGHUP] = heard[SIGTERM] = 0;
	signal(SIGHUP, hear);
	signal(SIGTERM, hear);
	log_set_level(LOG_LEVEL_INFO);
}

static void
teardown(void)
{
	evbuffer_free(out);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	log_set_level(LOG_LEVEL_INFO);
}

static void
expect(const char *text)
{
	char got[1024];
	int n = evbuffer_remove(out, got, sizeof(got) - 1);

	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_msg(strstr(got, text) != NULL, "%s", got);
}

START_TEST(levels)
{
	set_level(NULL, "level=debug", out, &status);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	expect("log level debug, was info\n");
	set_level(NULL, "level=error", out, &status);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_ERROR);
	expect("log level error, was debug\n");
	ck_assert_int_eq(status, 200);
}
END_TEST

static const char *const strange[] = {
	NULL,          "",           "level=", "level=loud", "debug", "level=debug&x=1",
	"xlevel=info", "level=DEBUG"};

START_TEST(no_level)
{
	set_level(NULL, strange[_i], out, &status);
	ck_assert_int_eq(status, 400);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_INFO);
	expect("level=error, warn, info or debug\n");
}
END_TEST

START_TEST(draining)
{
	drain(NULL, NULL, out, &status);
	ck_assert_int_eq(heard[SIGTERM], 1);
	ck_assert_int_eq(heard[SIGHUP], 0);
	ck_assert_int_eq(status, 200);
	expect("draining\n");
}
END_TEST

static bool
say(void *arg, char *text, size_t text_bytes)
{
	const bool *done = arg;

	snprintf(text, text_bytes, *done ? "reloaded: channels" : "line 3: no");
	return *done;
}

/* The one who asks is told what became of it. */
START_TEST(reloading)
{
	bool done = _i != 0;
	struct control_ops ops = {.reload = say, .arg = &done};

	reload(&ops, NULL, out, &status);
	ck_assert_int_eq(status, done ? 200 : 409);
	ck_assert_int_eq(heard[SIGHUP], 0);
	expect(done ? "reloaded: channels\n" : "line 3: no\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("control");

	log_init("check_control", LOG_LEVEL_INFO);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, levels);
	tcase_add_loop_test(t, no_level, 0,
			    (int)(sizeof(strange) / sizeof(strange[0])));
	tcase_add_test(t, draining);
	tcase_add_loop_test(t, reloading, 0, 2);
	suite_add_tcase(s, t);
	return suite_run(s);
}
