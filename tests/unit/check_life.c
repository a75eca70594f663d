/* SPDX-License-Identifier: Apache-2.0 */
#include "path/life.h"
#include "suite.h"

#define TIMEOUT_NS NS_PER_S

static mono_t
at(int64_t ns)
{
	return (mono_t){ns};
}

/* A BYE as it arrives. */
static bool
hear_bye(struct life *l, enum wire_bye reason, struct wire_name *text)
{
	uint8_t bytes[256];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct wire_frame f;
	size_t size;

	ck_assert(wire_put_bye(&w, reason, "channels"));
	ck_assert_int_eq(wire_next(bytes, sizeof(bytes) - wr_left(&w), &f, &size),
			 WIRE_WHOLE);
	return life_take_bye(l, &f, text);
}

START_TEST(a_path_comes_up_and_goes_down)
{
	struct life l = {.up = false};

	life_begin(&l, at(5), PATH_DATAGRAM);
	ck_assert(l.up);
	ck_assert_int_eq(l.heard.ns, 5);
	ck_assert_int_eq(gauge_get(&l.is_up), 1);
	ck_assert_int_eq(gauge_get(&l.is_datagram), 1);
	life_end(&l);
	ck_assert(!l.up);
	ck_assert_int_eq(gauge_get(&l.is_up), 0);
	/* What it was is still shown. */
	ck_assert_int_eq(gauge_get(&l.is_datagram), 1);
	life_begin(&l, at(9), PATH_STREAM);
	ck_assert_int_eq(gauge_get(&l.is_datagram), 0);
}
END_TEST

START_TEST(a_bye_is_of_one_connection)
{
	struct life l = {.up = false};
	struct wire_name text;

	life_begin(&l, at(0), PATH_STREAM);
	ck_assert(hear_bye(&l, WIRE_BYE_CHANNELS, &text));
	ck_assert(l.bye_heard);
	ck_assert_int_eq(l.bye, WIRE_BYE_CHANNELS);
	ck_assert_str_eq(text.text, "channels");
	l.bye_sent = true;
	life_end(&l);
	life_begin(&l, at(1), PATH_STREAM);
	ck_assert(!l.bye_heard && !l.bye_sent);
}
END_TEST

START_TEST(a_bye_that_is_none)
{
	const uint8_t nothing[1] = {0};
	struct wire_frame f = {.type = WIRE_BYE, .body = nothing, .len = 0};
	struct life l = {.up = true};
	struct wire_name text;

	ck_assert(!life_take_bye(&l, &f, &text));
	ck_assert(!l.bye_heard);
}
END_TEST

START_TEST(silence_ends_it)
{
	struct life l = {.up = false};

	life_begin(&l, at(7), PATH_STREAM);
	ck_assert(!life_is_over(&l, at(7 + TIMEOUT_NS - 1), TIMEOUT_NS));
	ck_assert_int_eq(gauge_get(&l.is_silent), 0);
	ck_assert(life_is_over(&l, at(7 + TIMEOUT_NS), TIMEOUT_NS));
	/* And stays in sight when it is closed for that. */
	life_end(&l);
	ck_assert_int_eq(gauge_get(&l.is_silent), 1);
}
END_TEST

START_TEST(who_was_away_has_not_heard)
{
	mono_t checked = at(0);

	ck_assert(!life_was_paused(&checked, at(TIMEOUT_NS / 2), TIMEOUT_NS));
	ck_assert(life_was_paused(&checked, at(TIMEOUT_NS + 1), TIMEOUT_NS));
	ck_assert(!life_was_paused(&checked, at(TIMEOUT_NS + 2), TIMEOUT_NS));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("life");
	TCase *t = tcase_create("life");

	tcase_add_test(t, a_path_comes_up_and_goes_down);
	tcase_add_test(t, a_bye_is_of_one_connection);
	tcase_add_test(t, a_bye_that_is_none);
	tcase_add_test(t, silence_ends_it);
	tcase_add_test(t, who_was_away_has_not_heard);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
