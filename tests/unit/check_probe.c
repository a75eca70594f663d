/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram path that takes what is short and loses what is long, by a relay core. */
#include <check.h>
#include <stdlib.h>

#include "relay_rig.h"
#include "seeded.h"
#include "suite.h"

#define MTU    1400 /* as relay_rig_up() says */
#define NARROW 1200
#define ROUNDS 40

/* Between the core and the peer that the test plays. */
struct line {
	size_t takes;          /* longer datagrams vanish */
	unsigned int lost_ppm; /* of all, at random */
	struct seeded seeded;
	size_t longest; /* datagram, in the last round */
	uint64_t arrived;
};

static struct line line;

static bool
vanishes(size_t len)
{
	return len > line.takes || seeded_below(&line.seeded, 1000000) < line.lost_ppm;
}

/* What the peer would do: one report for what arrived together, with the last echo. */
static void
report(struct relay_rig *x, int64_t echo_ns)
{
	struct wire_timing t = {.sent_mono_ns = 1,
				.sent_utc_ns = x->now.utc.ns,
				.echo_mono_ns = echo_ns,
				.frames = line.arrived};

	frames_books(&x->in, WIRE_REPORT, 0, t, NULL, 0);
	ck_assert_int_gt(relay_rig_say(x), 0);
}

static void
arrive(struct relay_rig *x, size_t n, int64_t *echo_ns)
{
	struct wire_timing t;
	struct wire_frame f;
	uint16_t count;
	size_t size;
	struct rd r;

	for (size_t at = 0; at < n; at += size) {
		ck_assert_int_eq(wire_next(x->out.bytes + at, n - at, &f, &size),
				 WIRE_WHOLE);
		line.arrived += f.type == WIRE_DATA;
		if (f.type != WIRE_HEARTBEAT)
			continue;
		ck_assert(wire_get_timing(&f, &t, &count, &r));
		*echo_ns = t.sent_mono_ns;
	}
}

/* All that is due is sent, datagram by datagram, and what arrives is answered. */
static void
exchange(struct relay_rig *x)
{
	int64_t echo_ns = 0;
	size_t n;

	while ((n = relay_fill(x->relay, x->now, 0, 0, x->out.bytes, MTU, MTU)) > 0) {
		ck_assert_uint_le(n, MTU);
		if (n > line.longest)
			line.longest = n;
		if (vanishes(n))
			continue;
		arrive(x, n, &echo_ns);
	}
	if (echo_ns != 0)
		report(x, echo_ns);
}

static void
round_of(struct relay_rig *x, size_t len)
{
	line.longest = 0;
	for (unsigned int i = 0; i < 10; i++) {
		relay_rig_capture(x, 1, 40, len);
		exchange(x);
		relay_rig_wait(x, 20 * NS_PER_MS);
		exchange(x);
	}
}

static struct relay_rig *
begin(size_t takes, unsigned int lost_ppm)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	line = (struct line){
		.takes = takes, .lost_ppm = lost_ppm, .seeded = seeded_init(0)};
	relay_rig_open(x, PATH_DATAGRAM);
	return x;
}

static int64_t
narrow_bytes(const struct relay_rig *x)
{
	return gauge_get(&relay_session(x->relay, 0)->paths[0].narrow_bytes);
}

START_TEST(what_loses_nothing_is_not_probed)
{
	struct relay_rig *x = begin(MTU, 0);

	for (unsigned int i = 0; i < ROUNDS; i++)
		round_of(x, 100);
	ck_assert_uint_eq(x->narrows, 0);
	relay_rig_capture(x, 1, 1, 100);
	line.longest = 0;
	exchange(x);
	ck_assert_uint_lt(line.longest, 200);
	relay_rig_free(x);
}
END_TEST

START_TEST(a_narrow_path_is_found_and_used)
{
	struct relay_rig *x = begin(1220, 0);
	uint64_t before;

	for (unsigned int i = 0; i < ROUNDS && x->narrows == 0; i++)
		round_of(x, 600);
	ck_assert_uint_eq(x->narrows, 1);
	ck_assert_int_eq(narrow_bytes(x), NARROW);
	/* From now on what carries data arrives: one of 600 bytes each, and one longer
	 * than fits in pieces. */
	before = line.arrived;
	relay_rig_capture(x, 1, 1, 1300);
	exchange(x);
	round_of(x, 600);
	ck_assert_uint_ge(line.arrived, before + 402);
	ck_assert_uint_eq(x->widens, 0);
	/* Long ones are tried all the same, and tell when it is over. */
	line.takes = MTU;
	for (unsigned int i = 0; i < ROUNDS && x->widens == 0; i++)
		round_of(x, 600);
	ck_assert_uint_eq(x->widens, 1);
	ck_assert_int_eq(narrow_bytes(x), 0);
	round_of(x, 100);
	ck_assert_uint_gt(line.longest, NARROW);
	relay_rig_free(x);
}
END_TEST

/* Three of ten are lost, whatever their length. */
START_TEST(loss_at_random_is_no_narrow_path)
{
	struct relay_rig *x = begin(MTU, 300000);

	for (unsigned int i = 0; i < 5 * ROUNDS; i++)
		round_of(x, 600);
	seeded_check(&line.seeded, x->narrows == 0, "narrow %u times", x->narrows);
	relay_rig_free(x);
}
END_TEST

/* Where the short ones do not arrive either nothing is known. */
START_TEST(a_dark_path_is_not_narrow)
{
	struct relay_rig *x = begin(1220, 0);

	round_of(x, 600);
	ck_assert_uint_gt(relay_session(x->relay, 0)->paths[0].timing.loss_ppm, 0);
	line.takes = 0;
	for (unsigned int i = 0; i < ROUNDS; i++)
		round_of(x, 600);
	ck_assert_uint_eq(x->narrows, 0);
	relay_rig_free(x);
}
END_TEST

START_TEST(a_new_path_is_thought_wide)
{
	struct relay_rig *x = begin(1220, 0);

	for (unsigned int i = 0; i < ROUNDS && x->narrows == 0; i++)
		round_of(x, 600);
	ck_assert_int_eq(narrow_bytes(x), NARROW);
	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_up(x, 0, 0, PATH_DATAGRAM);
	ck_assert_int_eq(narrow_bytes(x), 0);
	relay_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("probe");
	TCase *t = tcase_create("probe");

	tcase_add_test(t, what_loses_nothing_is_not_probed);
	tcase_add_test(t, a_narrow_path_is_found_and_used);
	tcase_add_test(t, loss_at_random_is_no_narrow_path);
	tcase_add_test(t, a_dark_path_is_not_narrow);
	tcase_add_test(t, a_new_path_is_thought_wide);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
