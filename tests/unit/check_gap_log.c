/* SPDX-License-Identifier: Apache-2.0 */
/* The log of gaps against a model that forgets nothing and looks at every number. */
#include "path/gap_log.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "seeded.h"
#include "suite.h"

#define CHANNELS 3
#define NUMBERS  600 /* per channel and epoch */
#define STEPS    4000
#define MOST     (STEPS + 1) /* gaps */

static const struct gap_shed never_shed = {.known = true};

/* ---- the model ---- */

struct model_gap {
	uint32_t channel;
	bool forgotten;
	struct gap_entry e;
};

struct number {
	size_t gap; /* + 1; 0: in none */
	bool missing;
};

struct rig {
	struct seeded dice;
	struct gap_log *log;
	struct model_gap gaps[MOST];
	size_t count;
	struct number numbers[CHANNELS][NUMBERS];
	uint64_t top[CHANNELS];       /* all below was found missing, or came */
	struct gap_outcomes unlisted; /* of gaps when they were in the log no more */
	struct now now;
};

static bool
is_listed(const struct rig *x, size_t gap)
{
	return gap + GAP_LOG_ENTRIES >= x->count && !x->gaps[gap].forgotten;
}

static struct gap_outcomes *
outcomes_of(struct rig *x, size_t gap)
{
	return is_listed(x, gap) ? &x->gaps[gap].e.outcomes : &x->unlisted;
}

static struct gap_entry *
add_gap(struct rig *x, uint32_t channel, uint64_t first, uint64_t end,
	enum gap_cause cause)
{
	struct model_gap *g = &x->gaps[x->count++];

	*g = (struct model_gap){
		.channel = channel,
		.e = {.first = {first},
		      .end = {end},
		      .cause = cause,
		      .found = x->now.utc,
		      .missed = end - first,
		      .open = end - first},
	};
	for (uint64_t i = first; i < end; i++)
		x->numbers[channel][i] = (struct number){x->count, true};
	return &g->e;
}

static void
settle_model(struct rig *x, uint32_t channel, uint64_t seq, uint64_t *listed,
	     uint64_t *unlisted)
{
	struct number *n = &x->numbers[channel][seq];
	size_t gap = n->gap - 1;

	seeded_check(&x->dice, n->missing, "the test settles what is not missing");
	n->missing = false;
	x->gaps[gap].e.open--;
	x->gaps[gap].e.lasted_ns = mono_sub(
		x->now.mono, (mono_t){utc_sub(x->gaps[gap].e.found, (utc_t){0})});
	if (is_listed(x, gap))
		(*listed)++;
	else
		(*unlisted)++;
}

/* ---- steps ---- */

static void
open_some(struct rig *x, uint32_t channel)
{
	uint64_t first = x->top[channel] + seeded_below(&x->dice, 3) + 1;
	uint64_t end = first + 1 + seeded_below(&x->dice, 6);

	if (end >= NUMBERS)
		return;
	add_gap(x, channel, first, end, GAP_UNTOLD);
	gap_log_open(x->log, x->now, channel, (seq_t){first}, (seq_t){end}, GAP_UNTOLD,
		     &never_shed);
	x->top[channel] = end;
}

/* A number that is missing, at random; 0: none was met. */
static uint64_t
pick_missing(struct rig *x, uint32_t channel)
{
	uint64_t start = seeded_below(&x->dice, NUMBERS);

	for (uint64_t i = 0; i < NUMBERS; i++) {
		uint64_t seq = (start + i) % NUMBERS;

		if (x->numbers[channel][seq].missing)
			return seq;
	}
	return 0;
}

static void
come_one(struct rig *x, uint32_t channel)
{
	uint64_t seq = pick_missing(x, channel);
	bool repair = seeded_one_in(&x->dice, 2);
	struct gap_outcomes *o;

	if (seq == 0)
		return;
	o = outcomes_of(x, x->numbers[channel][seq].gap - 1);
	settle_model(x, channel, seq, repair ? &o->repaired : &o->late,
		     repair ? &o->repaired : &o->late);
	gap_log_came(x->log, x->now.mono, channel, (seq_t){seq}, repair);
}

/* A run of what is missing, over borders of gaps where they touch. */
static void
lose_some(struct rig *x, uint32_t channel)
{
	enum lost_reason reason =
		(enum lost_reason)seeded_below(&x->dice, LOST_REASONS);
	uint64_t first = pick_missing(x, channel), end = first;

	if (first == 0)
		return;
	for (; end < NUMBERS && x->numbers[channel][end].missing; end++) {
		struct gap_outcomes *o =
			outcomes_of(x, x->numbers[channel][end].gap - 1);

		settle_model(x, channel, end, &o->lost[reason], &o->lost[reason]);
	}
	gap_log_lost(x->log, x->now.mono, channel, (seq_t){first}, end - first, reason);
}

/* A number that came before is given up for want of memory. */
static void
reopen_one(struct rig *x, uint32_t channel)
{
	uint64_t seq = 1 + seeded_below(&x->dice, NUMBERS - 2);
	struct number *n = &x->numbers[channel][seq];
	struct number *behind = &x->numbers[channel][seq + 1];
	size_t gap = n->gap - 1, next = behind->gap - 1;

	if (n->missing || seq >= x->top[channel])
		return;
	if (n->gap != 0 && is_listed(x, gap)) {
		x->gaps[gap].e.missed++;
		x->gaps[gap].e.open++;
	} else if (behind->gap != 0 && is_listed(x, next) &&
		   x->gaps[next].e.cause == GAP_MEMORY) {
		x->gaps[next].e.first.n = seq;
		x->gaps[next].e.missed++;
		x->gaps[next].e.open++;
		n->gap = behind->gap;
	} else {
		add_gap(x, channel, seq, seq + 1, GAP_MEMORY);
	}
	n->missing = true;
	gap_log_again(x->log, x->now, channel, (seq_t){seq});
}

static void
request_some(struct rig *x, uint32_t channel)
{
	uint64_t first = seeded_below(&x->dice, NUMBERS);
	uint64_t end = first + 1 + seeded_below(&x->dice, 20);

	for (size_t i = 0; i < x->count; i++) {
		struct gap_entry *e = &x->gaps[i].e;

		if (is_listed(x, i) && x->gaps[i].channel == channel && e->open > 0 &&
		    e->first.n < end && first < e->end.n && e->era == 0)
			e->requests++;
	}
	gap_log_requested(x->log, channel, (seq_t){first}, (seq_t){end});
}

/* Everything is lost, and numbers begin anew. era: 1 in the model is "of the past". */
static void
begin_epoch(struct rig *x)
{
	for (uint32_t c = 0; c < CHANNELS; c++) {
		while (pick_missing(x, c) != 0)
			lose_some(x, c);
		memset(x->numbers[c], 0, sizeof x->numbers[c]);
		x->top[c] = 0;
	}
	for (size_t i = 0; i < x->count; i++)
		x->gaps[i].e.era = 1;
	gap_log_new_epoch(x->log);
}

/* ---- the comparison ---- */

static void
compare_outcomes(struct rig *x, const struct gap_outcomes *a,
		 const struct gap_outcomes *b, size_t gap)
{
	seeded_check(&x->dice, memcmp(a, b, sizeof *a) == 0,
		     "outcomes of %zu: %lu %lu, model %lu %lu", gap, a->repaired,
		     a->late, b->repaired, b->late);
}

static void
compare(struct rig *x)
{
	struct gap_outcomes left = x->unlisted;
	struct gap_entry e;

	for (size_t n = 0; n < GAP_LOG_ENTRIES; n++) {
		const struct gap_entry *m;

		if (n >= x->count) {
			seeded_check(&x->dice, !gap_log_get(x->log, n, &e), "%zu", n);
			break;
		}
		m = &x->gaps[x->count - 1 - n].e;
		seeded_check(&x->dice, gap_log_get(x->log, n, &e), "%zu is not there",
			     n);
		seeded_check(
			&x->dice,
			e.first.n == m->first.n && e.end.n == m->end.n &&
				e.missed == m->missed && e.open == m->open &&
				e.requests == m->requests &&
				e.found.ns == m->found.ns &&
				(m->cause == GAP_MEMORY) == (e.cause == GAP_MEMORY),
			"gap %zu: [%lu,%lu) missed %lu open %lu requests %u; model "
			"[%lu,%lu) %lu %lu %u",
			n, e.first.n, e.end.n, e.missed, e.open, e.requests, m->first.n,
			m->end.n, m->missed, m->open, m->requests);
		compare_outcomes(x, &e.outcomes, &m->outcomes, n);
		seeded_check(&x->dice,
			     e.missed == e.open + e.outcomes.repaired +
						 e.outcomes.late +
						 e.outcomes.lost[LOST_GIVE_UP] +
						 e.outcomes.lost[LOST_AGED] +
						 e.outcomes.lost[LOST_NEVER] +
						 e.outcomes.lost[LOST_WINDOW] +
						 e.outcomes.lost[LOST_RESTART] +
						 e.outcomes.lost[LOST_DRAIN],
			     "gap %zu does not add up", n);
	}
	for (size_t i = 0; i + GAP_LOG_ENTRIES < x->count; i++) {
		left.repaired += x->gaps[i].e.outcomes.repaired;
		left.late += x->gaps[i].e.outcomes.late;
		for (size_t r = 0; r < LOST_REASONS; r++)
			left.lost[r] += x->gaps[i].e.outcomes.lost[r];
	}
	compare_outcomes(x, gap_log_left(x->log), &left, SIZE_MAX);
}

START_TEST(agrees_with_a_model)
{
	struct rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->dice = seeded_init(_i);
	x->log = gap_log_new();
	ck_assert_ptr_nonnull(x->log);
	for (int step = 0; step < STEPS && x->count < STEPS; step++) {
		uint32_t channel = (uint32_t)seeded_below(&x->dice, CHANNELS);

		x->now.mono.ns += 1000;
		x->now.utc.ns = x->now.mono.ns;
		switch (seeded_below(&x->dice, 8)) {
		case 0:
		case 1: open_some(x, channel); break;
		case 2:
		case 3: come_one(x, channel); break;
		case 4: lose_some(x, channel); break;
		case 5: reopen_one(x, channel); break;
		case 6: request_some(x, channel); break;
		default:
			if (seeded_one_in(&x->dice, 40))
				begin_epoch(x);
		}
		if (step % 50 == 0)
			compare(x);
	}
	compare(x);
	gap_log_free(x->log);
	free(x);
}
END_TEST

/* ---- single properties ---- */

static struct gap_log *log_;
static const struct now now = {.mono = {5000}, .utc = {9000}};

static void
setup(void)
{
	log_ = gap_log_new();
	ck_assert_ptr_nonnull(log_);
}

static void
teardown(void)
{
	gap_log_free(log_);
}

static void
open_gap(uint64_t first, uint64_t end, uint64_t by_age, uint64_t by_bytes)
{
	struct gap_shed shed = {true, by_age, by_bytes};

	gap_log_open(log_, (struct now){{now.mono.ns + (int64_t)first}, now.utc}, 1,
		     (seq_t){first}, (seq_t){end}, GAP_UNTOLD, &shed);
}

static bool
tell(uint64_t sent, uint64_t by_age, uint64_t by_bytes)
{
	struct gap_shed shed = {true, by_age, by_bytes};

	return gap_log_told(log_, 1, (seq_t){sent}, &shed);
}

static enum gap_cause
cause_of(size_t n)
{
	struct gap_entry e;

	ck_assert(gap_log_get(log_, n, &e));
	return e.cause;
}

START_TEST(a_relay_that_never_sheds_lost_it_on_a_path)
{
	open_gap(10, 12, 0, 0);
	ck_assert_int_eq(cause_of(0), GAP_UNTOLD);
	ck_assert(!tell(11, 0, 0)); /* it has not passed all of it */
	ck_assert_int_eq(cause_of(0), GAP_UNTOLD);
	ck_assert(tell(12, 0, 0));
	ck_assert_int_eq(cause_of(0), GAP_PATH);
}
END_TEST

START_TEST(what_was_shed_is_known_by_its_number)
{
	open_gap(10, 12, 7, 3);
	ck_assert(tell(20, 9, 3));
	ck_assert_int_eq(cause_of(0), GAP_SHED_AGE);
	open_gap(30, 31, 9, 3);
	ck_assert(tell(40, 9, 4));
	ck_assert_int_eq(cause_of(0), GAP_SHED_BYTES);
	open_gap(50, 60, 9, 4);
	ck_assert(tell(60, 15, 8));
	ck_assert_int_eq(cause_of(0), GAP_SHED);
	open_gap(70, 71, 15, 8);
	ck_assert(tell(80, 15, 8));
	ck_assert_int_eq(cause_of(0), GAP_PATH);
	ck_assert_int_eq(cause_of(3), GAP_SHED_AGE);
}
END_TEST

START_TEST(a_part_of_it_may_have_been_shed)
{
	open_gap(10, 12, 7, 3);
	open_gap(15, 18, 7, 3);
	ck_assert(tell(20, 9, 3));
	ck_assert_int_eq(cause_of(0), GAP_BOTH);
	ck_assert_int_eq(cause_of(1), GAP_BOTH);
}
END_TEST

START_TEST(nothing_is_guessed)
{
	struct gap_shed unknown = {.known = false};

	gap_log_open(log_, now, 1, (seq_t){5}, (seq_t){6}, GAP_UNTOLD, &unknown);
	ck_assert(!tell(10, 4, 0));
	ck_assert_int_eq(cause_of(0), GAP_UNTOLD);
	open_gap(20, 21, 4, 0);
	ck_assert(!tell(30, 3, 0)); /* a book that went back */
	ck_assert_int_eq(cause_of(0), GAP_UNTOLD);
}
END_TEST

START_TEST(two_parts_of_one_hole_are_one_gap)
{
	struct gap_shed shed = {.known = true};
	struct gap_entry e;

	gap_log_open(log_, now, 2, (seq_t){5}, (seq_t){9}, GAP_UNTOLD, &shed);
	gap_log_open(log_, now, 2, (seq_t){9}, (seq_t){12}, GAP_UNTOLD, &shed);
	ck_assert(gap_log_get(log_, 0, &e));
	ck_assert(!gap_log_get(log_, 1, &e));
	ck_assert_uint_eq(e.first.n, 5);
	ck_assert_uint_eq(e.end.n, 12);
	ck_assert_uint_eq(e.open, 7);
	gap_log_lost(log_, now.mono, 2, (seq_t){5}, 4, LOST_WINDOW);
	ck_assert(gap_log_get(log_, 0, &e));
	ck_assert_uint_eq(e.open, 3);
	ck_assert_uint_eq(e.outcomes.lost[LOST_WINDOW], 4);
}
END_TEST

START_TEST(a_channel_whose_place_is_taken_goes)
{
	struct gap_entry e;

	open_gap(10, 12, 0, 0);
	gap_log_came(log_, now.mono, 1, (seq_t){10}, true);
	gap_log_forget(log_, 1);
	ck_assert(!gap_log_get(log_, 0, &e));
	ck_assert_uint_eq(gap_log_left(log_)->repaired, 1);
	gap_log_came(log_, now.mono, 1, (seq_t){11}, true);
	ck_assert_uint_eq(gap_log_left(log_)->repaired, 2);
}
END_TEST

START_TEST(every_cause_has_a_name)
{
	for (int i = 0; i < GAP_CAUSE_COUNT; i++) {
		ck_assert_ptr_nonnull(gap_cause_name((enum gap_cause)i));
		ck_assert_ptr_nonnull(gap_cause_help((enum gap_cause)i));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gap_log");
	TCase *model = tcase_create("model"), *single = tcase_create("single");

	tcase_set_timeout(model, 120);
	tcase_add_loop_test(model, agrees_with_a_model, 0, 20);
	suite_add_tcase(suite, model);
	tcase_add_checked_fixture(single, setup, teardown);
	tcase_add_test(single, a_relay_that_never_sheds_lost_it_on_a_path);
	tcase_add_test(single, what_was_shed_is_known_by_its_number);
	tcase_add_test(single, a_part_of_it_may_have_been_shed);
	tcase_add_test(single, nothing_is_guessed);
	tcase_add_test(single, two_parts_of_one_hole_are_one_gap);
	tcase_add_test(single, a_channel_whose_place_is_taken_goes);
	tcase_add_test(single, every_cause_has_a_name);
	suite_add_tcase(suite, single);
	return suite_run(suite);
}
