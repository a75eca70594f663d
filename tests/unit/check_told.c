/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer's books do not cover: on the way, or for too long. */
#include <check.h>

#include "path/relay_beat.h"
#include "relay_rig.h"
#include "suite.h"

/* As path/relay_told.c has it: eight rounds of books, each up to a heartbeat late. */
#define PATIENCE_NS (8 * (RELAY_BOOKS_NS + RIG_HEARTBEAT_NS))

/* The peer that the test plays knows of all that it is told, and settles nothing. */
struct peer_played {
	bool silent; /* about its books: they are not in its reports */
	uint64_t knows;
	unsigned int listed; /* channel 1, in rounds with books */
	unsigned int rounds; /* of books */
};

static void
answer(struct relay_rig *x, struct peer_played *p, const struct wire_frame *f)
{
	struct wire_books books[RIG_CHANNELS], mine = {.channel = 1, .next = {1}};
	bool with = (f->flags & WIRE_BOOKS) != 0, listed = false;
	struct wire_timing t;
	uint16_t count;
	struct rd r;

	ck_assert(wire_get_timing(f, &t, &count, &r));
	for (uint16_t i = 0; i < count; i++) {
		ck_assert(wire_get_books(f, &r, &books[i]));
		if (books[i].channel != 1)
			continue;
		listed = true;
		p->knows = books[i].next.n - 1;
	}
	p->rounds += with;
	p->listed += with && listed;
	with &= !p->silent;
	mine.count = with ? PEER_FIGURES : 0;
	mine.figures[PEER_FIGURES - 1] = p->knows; /* expected */
	t = (struct wire_timing){.sent_mono_ns = 1,
				 .sent_utc_ns = x->now.utc.ns,
				 .echo_mono_ns = t.sent_mono_ns};
	frames_books(&x->in, WIRE_REPORT, with ? WIRE_BOOKS : 0, t, &mine, listed);
	ck_assert_int_gt(relay_rig_say(x), 0);
}

static uint64_t
unreported(const struct relay_rig *x)
{
	return counter_get(&relay_rig_outlet(x, 1)->unreported);
}

/* So much of channel 1 left the relay, and the copy of the peer's books lacks it. */
static uint64_t
on_the_way(const struct relay_rig *x)
{
	const struct outlet *o = relay_rig_outlet(x, 1);

	return counter_get(&o->book.sent) - counter_get(&o->peer.expected);
}

/* One turn: a datagram every 10 ms, and what is asked is answered at once. */
static void
turn(struct relay_rig *x, struct peer_played *p, bool fed)
{
	if (fed)
		relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear(x);
	for (unsigned int i = 0; i < frames_count(&x->out, WIRE_HEARTBEAT); i++) {
		struct wire_frame f;

		frames_find(&x->out, WIRE_HEARTBEAT, i, &f);
		answer(x, p, &f);
	}
	relay_rig_wait(x, 10 * NS_PER_MS);
}

static void
run(struct relay_rig *x, struct peer_played *p, bool fed, int64_t ns)
{
	for (; ns > 0; ns -= 10 * NS_PER_MS)
		turn(x, p, fed);
}

static struct relay_rig *
set_up(void)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.age_ns = 100 * NS_PER_S});

	relay_rig_open(x, PATH_STREAM);
	return x;
}

START_TEST(what_is_on_the_way_is_no_finding)
{
	struct peer_played p = {.silent = false};
	struct relay_rig *x = set_up();
	uint64_t most = 0;

	for (int64_t ns = 0; ns < 3 * PATIENCE_NS; ns += 10 * NS_PER_MS) {
		turn(x, &p, true);
		ck_assert_uint_eq(unreported(x), 0);
		if (ns > NS_PER_S && on_the_way(x) > most)
			most = on_the_way(x);
	}
	ck_assert_uint_ge(most, 50); /* the whole time */
	relay_rig_free(x);
}
END_TEST

START_TEST(what_stays_untold_is_one)
{
	struct peer_played p = {.silent = false};
	struct relay_rig *x = set_up();

	run(x, &p, true, 5 * NS_PER_S);
	p.silent = true;
	run(x, &p, true, PATIENCE_NS - NS_PER_S);
	ck_assert_uint_eq(unreported(x), 0);
	run(x, &p, true, 3 * NS_PER_S);
	/* All of it, not only what is as old as that; to a round of 100 exact. */
	ck_assert_uint_ge(unreported(x), 100 * PATIENCE_NS / NS_PER_S);
	ck_assert_uint_le(unreported(x), on_the_way(x) + 100);
	p.silent = false;
	run(x, &p, true, 3 * NS_PER_S);
	ck_assert_uint_eq(unreported(x), 0);
	relay_rig_free(x);
}
END_TEST

/* What a former process of the peer had in its books is not missed in its successor's,
 * which count from where it began. */
START_TEST(a_late_peer_is_not_asked_for_the_past)
{
	struct peer_played p = {.silent = false};
	struct relay_rig *x = set_up();

	run(x, &p, true, 5 * NS_PER_S);
	relay_path_down(x->relay, x->now, 0, 0);
	x->instance++;
	relay_rig_open(x, PATH_STREAM);
	run(x, &p, true, 2 * PATIENCE_NS);
	ck_assert_uint_eq(unreported(x), 0);
	relay_rig_free(x);
}
END_TEST

/* An answer that the line lost is not waited for until all channels are listed again,
 * and what was answered is not asked for again. */
START_TEST(it_is_asked_for_in_every_round)
{
	struct peer_played p = {.silent = true};
	struct relay_rig *x = set_up();

	turn(x, &p, true);
	run(x, &p, false, 3 * NS_PER_S);
	p.listed = p.rounds = 0;
	run(x, &p, false, 5 * NS_PER_S);
	ck_assert_uint_ge(p.rounds, 4);
	ck_assert_uint_eq(p.listed, p.rounds);
	relay_rig_report(x, 2);
	p.listed = p.rounds = 0;
	run(x, &p, false, 6 * NS_PER_S);
	ck_assert_uint_ge(p.rounds, 5);
	ck_assert_uint_le(p.listed, 1); /* with all channels */
	relay_rig_free(x);
}
END_TEST

START_TEST(without_a_session_it_comes_to_be_one)
{
	struct peer_played p = {.silent = false};
	struct relay_rig *x = set_up();

	run(x, &p, true, 5 * NS_PER_S);
	p.silent = true;
	for (int i = 0; i < 7; i++)
		turn(x, &p, true);
	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_wait(x, PATIENCE_NS - NS_PER_S);
	ck_assert_uint_eq(unreported(x), 0);
	relay_rig_wait(x, 3 * NS_PER_S);
	ck_assert_uint_ge(unreported(x), 7);
	ck_assert_uint_le(unreported(x), on_the_way(x) + 100);
	relay_rig_free(x);
}
END_TEST

START_TEST(at_the_end_nothing_is_waited_for)
{
	struct peer_played p = {.silent = false};
	struct relay_rig *x = set_up();

	run(x, &p, true, 5 * NS_PER_S);
	p.silent = true;
	run(x, &p, true, NS_PER_S);
	ck_assert_uint_eq(unreported(x), 0);
	relay_finish(x->relay);
	ck_assert_uint_ge(unreported(x), 100);
	relay_rig_report(x,
			 601); /* settled is in its books, whatever their copy says */
	relay_finish(x->relay);
	ck_assert_uint_eq(unreported(x), 0);
	relay_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("told");
	TCase *t = tcase_create("told");

	tcase_add_test(t, what_is_on_the_way_is_no_finding);
	tcase_add_test(t, what_stays_untold_is_one);
	tcase_add_test(t, a_late_peer_is_not_asked_for_the_past);
	tcase_add_test(t, it_is_asked_for_in_every_round);
	tcase_add_test(t, without_a_session_it_comes_to_be_one);
	tcase_add_test(t, at_the_end_nothing_is_waited_for);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
