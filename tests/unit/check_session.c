/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "path/session.h"
#include "suite.h"

#define DOWN     SESSION_DOWN
#define GREETING SESSION_GREETING
#define OPEN     SESSION_OPEN
#define DRAINING SESSION_DRAINING
#define CLOSED   SESSION_CLOSED

/* Literally, so that a change of the table is a change of two places. */
static const struct {
	enum session_state from;
	enum session_event event;
	enum session_state to;
} table[] = {
	{DOWN, SESSION_PATH_UP, GREETING},
	{DOWN, SESSION_GREETED, CLOSED},
	{DOWN, SESSION_REGREETED, CLOSED},
	{DOWN, SESSION_PATHS_GONE, DOWN},
	{DOWN, SESSION_DRAIN, DOWN},
	{DOWN, SESSION_BYE, CLOSED},
	{GREETING, SESSION_PATH_UP, GREETING},
	{GREETING, SESSION_GREETED, OPEN},
	{GREETING, SESSION_REGREETED, GREETING},
	{GREETING, SESSION_PATHS_GONE, DOWN},
	{GREETING, SESSION_DRAIN, GREETING},
	{GREETING, SESSION_BYE, CLOSED},
	{OPEN, SESSION_PATH_UP, OPEN},
	{OPEN, SESSION_GREETED, OPEN},
	{OPEN, SESSION_REGREETED, GREETING},
	{OPEN, SESSION_PATHS_GONE, DOWN},
	{OPEN, SESSION_DRAIN, DRAINING},
	{OPEN, SESSION_BYE, CLOSED},
	{DRAINING, SESSION_PATH_UP, DRAINING},
	{DRAINING, SESSION_GREETED, DRAINING},
	{DRAINING, SESSION_REGREETED, GREETING},
	{DRAINING, SESSION_PATHS_GONE, DOWN},
	{DRAINING, SESSION_DRAIN, DRAINING},
	{DRAINING, SESSION_BYE, CLOSED},
	{CLOSED, SESSION_PATH_UP, GREETING},
	{CLOSED, SESSION_GREETED, CLOSED},
	{CLOSED, SESSION_REGREETED, CLOSED},
	{CLOSED, SESSION_PATHS_GONE, DOWN},
	{CLOSED, SESSION_DRAIN, CLOSED},
	{CLOSED, SESSION_BYE, CLOSED},
};

START_TEST(every_pair)
{
	bool seen[SESSION_STATES][SESSION_EVENTS] = {{false}};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		ck_assert_msg(session_next(table[i].from, table[i].event) ==
				      table[i].to,
			      "%s, %s", session_state_name(table[i].from),
			      session_event_name(table[i].event));
		ck_assert(!seen[table[i].from][table[i].event]);
		seen[table[i].from][table[i].event] = true;
	}
	ck_assert_uint_eq(sizeof table / sizeof table[0],
			  (size_t)SESSION_STATES * SESSION_EVENTS);
}
END_TEST

START_TEST(the_setter_says_what_changed)
{
	_Atomic int state = SESSION_DOWN;
	struct session_step step;

	ck_assert(session_take(&state, SESSION_PATH_UP, &step));
	ck_assert_int_eq(step.from, SESSION_DOWN);
	ck_assert_int_eq(step.to, SESSION_GREETING);
	ck_assert_int_eq(session_state(&state), SESSION_GREETING);
	ck_assert(!session_take(&state, SESSION_DRAIN, &step));
	ck_assert_int_eq(session_state(&state), SESSION_GREETING);
	ck_assert(session_take(&state, SESSION_GREETED, &step));
	ck_assert_int_eq(step.from, SESSION_GREETING);
	ck_assert_int_eq(session_state(&state), SESSION_OPEN);
}
END_TEST

START_TEST(everything_has_a_name)
{
	ck_assert_str_eq(session_state_name(SESSION_DOWN), "down");
	ck_assert_str_eq(session_state_name(SESSION_GREETING), "greeting");
	ck_assert_str_eq(session_state_name(SESSION_OPEN), "open");
	ck_assert_str_eq(session_state_name(SESSION_DRAINING), "draining");
	ck_assert_str_eq(session_state_name(SESSION_CLOSED), "closed");
	ck_assert_str_eq(session_event_name(SESSION_PATH_UP), "path up");
	ck_assert_str_eq(session_event_name(SESSION_GREETED), "greeted");
	ck_assert_str_eq(session_event_name(SESSION_REGREETED), "regreeted");
	ck_assert_str_eq(session_event_name(SESSION_PATHS_GONE), "paths gone");
	ck_assert_str_eq(session_event_name(SESSION_DRAIN), "drain");
	ck_assert_str_eq(session_event_name(SESSION_BYE), "bye");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_test(t, every_pair);
	tcase_add_test(t, the_setter_says_what_changed);
	tcase_add_test(t, everything_has_a_name);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
