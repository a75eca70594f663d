/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "path/recover.c" /* the links between gaps are its own */
#include "seeded.h"
#include "suite.h"

#define CHANNELS   3
#define NUMBERS    400 /* per channel */
#define EXTRA      12
#define STEPS      3000
#define GIVE_UP_NS (50 * NS_PER_MS)
#define START      ((mono_t){1000 * NS_PER_S})

/* ---- the model: sorted lists of gaps, and the set of what is missing ---- */

struct entry {
	uint64_t first, end, missing;
	int64_t opened, since, due; /* due: INT64_MAX when suspended */
	uint32_t attempts, copies;
	bool own; /* the one that the channel has for itself */
};

struct list {
	struct entry gaps[NUMBERS];
	size_t count;
	bool missing[NUMBERS];
};

struct rig {
	struct seeded dice;
	struct recover *r;
	struct list lists[CHANNELS];
	size_t shared; /* gaps in use that are not a channel's own */
	uint64_t merged;
	mono_t now;
	int64_t reorder_ns, srtt_ns, rttvar_ns;
	int step;
};

static void
insert(struct rig *x, struct list *l, size_t at, struct entry e)
{
	e.own = x->shared == EXTRA;
	if (!e.own)
		x->shared++;
	memmove(&l->gaps[at + 1], &l->gaps[at], (l->count - at) * sizeof e);
	l->gaps[at] = e;
	l->count++;
}

static void
erase(struct rig *x, struct list *l, size_t at)
{
	if (!l->gaps[at].own)
		x->shared--;
	l->count--;
	memmove(&l->gaps[at], &l->gaps[at + 1], (l->count - at) * sizeof l->gaps[0]);
}

static void
open_model(struct rig *x, uint32_t channel, uint64_t first, uint64_t end,
	   bool suspended)
{
	struct list *l = &x->lists[channel];
	size_t behind = 0; /* how many gaps begin before end */
	struct entry *e;

	for (uint64_t i = first; i < end; i++)
		l->missing[i] = true;
	while (behind < l->count && l->gaps[behind].first < end)
		behind++;
	if ((behind == 0 || first >= l->gaps[behind - 1].end) &&
	    (x->shared < EXTRA || l->count == 0)) {
		insert(x, l, behind,
		       (struct entry){.first = first,
				      .end = end,
				      .missing = end - first,
				      .opened = x->now.ns,
				      .since = x->now.ns,
				      .due = suspended ? INT64_MAX
						       : x->now.ns + x->reorder_ns});
		return;
	}
	e = &l->gaps[behind > 0 ? behind - 1 : 0];
	e->missing += end - first;
	e->first = first < e->first ? first : e->first;
	e->end = end > e->end ? end : e->end;
	x->merged++;
}

/* The first gap that ends behind i; l->count when there is none. */
static size_t
find_model(const struct list *l, uint64_t i)
{
	size_t at = 0;

	while (at < l->count && l->gaps[at].end <= i)
		at++;
	return at;
}

/* ---- the whole state against the model ---- */

static void
compare_gap(struct rig *x, const struct gap *g, const struct entry *e)
{
	seeded_check(&x->dice,
		     g->first.n == e->first && g->end.n == e->end &&
			     g->missing == e->missing,
		     "step %d: [%llu, %llu) missing %llu, not [%llu, %llu) %llu",
		     x->step, (unsigned long long)g->first.n,
		     (unsigned long long)g->end.n, (unsigned long long)g->missing,
		     (unsigned long long)e->first, (unsigned long long)e->end,
		     (unsigned long long)e->missing);
	seeded_check(
		&x->dice,
		g->opened.ns == e->opened && g->since.ns == e->since &&
			g->due.ns == e->due,
		"step %d: [%llu...): opened %lld since %lld due %lld, not %lld %lld "
		"%lld",
		x->step, (unsigned long long)e->first, (long long)g->opened.ns,
		(long long)g->since.ns, (long long)g->due.ns, (long long)e->opened,
		(long long)e->since, (long long)e->due);
	seeded_check(&x->dice, g->attempts == e->attempts && g->copies == e->copies,
		     "step %d: %u attempts %u copies", x->step, g->attempts, g->copies);
	seeded_check(&x->dice, x->r->heap[g->heap_at] == index_of(x->r, g),
		     "step %d: lost in the heap", x->step);
}

static void
compare_list(struct rig *x, uint32_t channel)
{
	const struct list *l = &x->lists[channel];
	const struct gap *g = recover_first(x->r, channel);
	uint64_t sum = 0, missing = 0;

	for (size_t i = 0; i < l->count; i++) {
		seeded_check(&x->dice, g != NULL, "step %d: %zu gaps", x->step, i);
		compare_gap(x, g, &l->gaps[i]);
		sum += g->missing;
		g = g->next == NONE ? NULL : &x->r->gaps[g->next];
	}
	seeded_check(&x->dice, g == NULL, "step %d: a gap too many", x->step);
	for (size_t i = 0; i < NUMBERS; i++)
		missing += l->missing[i];
	seeded_check(&x->dice, sum == missing, "step %d: %llu missing, not %llu",
		     x->step, (unsigned long long)sum, (unsigned long long)missing);
}

static int64_t
soonest(const struct rig *x)
{
	int64_t due = INT64_MAX;

	for (size_t ch = 0; ch < CHANNELS; ch++) {
		for (size_t i = 0; i < x->lists[ch].count; i++) {
			if (x->lists[ch].gaps[i].due < due)
				due = x->lists[ch].gaps[i].due;
		}
	}
	return due;
}

static void
compare(struct rig *x)
{
	int64_t due = soonest(x);
	const struct gap *g = recover_due(x->r, x->now);
	size_t count = 0;

	for (uint32_t ch = 0; ch < CHANNELS; ch++) {
		compare_list(x, ch);
		count += x->lists[ch].count;
	}
	seeded_check(&x->dice, recover_count(x->r) == count, "step %d: count", x->step);
	seeded_check(&x->dice, recover_merged(x->r) == x->merged, "step %d: merged",
		     x->step);
	seeded_check(&x->dice, recover_deadline(x->r).ns == due, "step %d: deadline",
		     x->step);
	seeded_check(&x->dice, (g != NULL) == (due <= x->now.ns && due != INT64_MAX),
		     "step %d: due", x->step);
	seeded_check(&x->dice, g == NULL || g->due.ns == due,
		     "step %d: not the soonest", x->step);
}

/* ---- what happens to gaps ---- */

/* A stretch of what is in no gap, or inside of one that grew. */
static bool
draw_stretch(struct rig *x, const struct list *l, uint64_t *first, uint64_t *end)
{
	uint64_t from = seeded_below(&x->dice, NUMBERS), most = NUMBERS;
	uint64_t to = from + 1 + seeded_below(&x->dice, 12);
	size_t at = find_model(l, from);

	if (l->missing[from])
		return false;
	if (at < l->count)
		most = from < l->gaps[at].first ? l->gaps[at].first : l->gaps[at].end;
	*first = from;
	*end = from;
	while (*end < to && *end < most && !l->missing[*end])
		++*end;
	return true;
}

static void
open_gap(struct rig *x, uint32_t channel)
{
	bool suspended = seeded_one_in(&x->dice, 5);
	uint64_t first, end;

	if (!draw_stretch(x, &x->lists[channel], &first, &end))
		return;
	recover_open(x->r, x->now, channel, (seq_t){first}, (seq_t){end}, suspended);
	open_model(x, channel, first, end, suspended);
}

/* 1, 1, 1, 1.5, 2.25 … times the wait, which is never longer than the ceiling. */
static int64_t
retry_model(const struct rig *x, uint32_t attempts)
{
	int64_t ns = x->srtt_ns > 0 ? x->srtt_ns + 4 * x->rttvar_ns : 5 * NS_PER_MS;
	const int64_t most = 200 * NS_PER_MS;

	ns += 200 * NS_PER_US;
	if (ns > most)
		return most;
	for (; attempts > 3 && ns < most; attempts--)
		ns += ns / 2;
	return ns < most ? ns : most;
}

static void
reopen(struct rig *x, uint32_t channel)
{
	struct list *l = &x->lists[channel];
	uint64_t i = 1 + seeded_below(&x->dice, NUMBERS - 1);
	size_t at = find_model(l, i);
	struct entry *e = &l->gaps[at];

	if (l->missing[i])
		return;
	recover_reopen(x->r, x->now, channel, (seq_t){i});
	if (at == l->count || i + 1 < e->first) {
		open_model(x, channel, i, i + 1, false);
		return;
	}
	l->missing[i] = true;
	e->first = i < e->first ? i : e->first;
	e->missing++;
	if (e->due != INT64_MAX)
		e->due = x->now.ns + retry_model(x, 1);
}

static void
fill_one(struct rig *x, uint32_t channel, uint64_t i, bool answered)
{
	struct list *l = &x->lists[channel];
	size_t at = find_model(l, i);
	struct entry *e = &l->gaps[at];
	struct recover_filled f;

	/* in a gap, but not missing: it is not asked about */
	if (at < l->count && i >= e->first && !l->missing[i])
		return;
	f = recover_fill(x->r, x->now, channel, (seq_t){i}, answered);
	seeded_check(&x->dice, f.known == l->missing[i], "step %d: %llu is known %d",
		     x->step, (unsigned long long)i, f.known);
	if (!f.known)
		return;
	seeded_check(&x->dice,
		     f.waited_ns == x->now.ns - e->opened && f.attempts == e->attempts,
		     "step %d: waited %lld, %u attempts", x->step,
		     (long long)f.waited_ns, f.attempts);
	l->missing[i] = false;
	if (--e->missing == 0)
		erase(x, l, at);
	else if (answered)
		e->since = x->now.ns;
}

static void
suspend(struct rig *x, uint32_t channel)
{
	recover_suspend(x->r, channel);
	for (size_t i = 0; i < x->lists[channel].count; i++)
		x->lists[channel].gaps[i].due = INT64_MAX;
}

static void
resume(struct rig *x, uint32_t channel)
{
	uint64_t sent = seeded_below(&x->dice, NUMBERS + 10);
	struct list *l = &x->lists[channel];

	recover_resume(x->r, x->now, channel, (seq_t){sent});
	for (size_t i = 0; i < l->count; i++) {
		if (l->gaps[i].end > sent || l->gaps[i].due != INT64_MAX)
			continue;
		l->gaps[i].since = l->gaps[i].due = x->now.ns;
	}
}

static void
throttle(struct rig *x, uint32_t channel)
{
	uint64_t first = seeded_below(&x->dice, NUMBERS);
	uint64_t end = first + 1 + seeded_below(&x->dice, 60);
	int64_t retry = (int64_t)seeded_below(&x->dice, 30 * NS_PER_MS);
	struct list *l = &x->lists[channel];

	recover_throttle(x->r, x->now, channel, (seq_t){first}, (seq_t){end}, retry);
	for (size_t i = 0; i < l->count; i++) {
		struct entry *e = &l->gaps[i];

		if (e->end <= first || e->first >= end || e->due == INT64_MAX)
			continue;
		e->since = x->now.ns;
		e->due = x->now.ns + retry;
	}
}

static void
request_model(struct rig *x, struct entry *e, uint32_t copies)
{
	int64_t due, hopeless = e->since + GIVE_UP_NS;

	if (e->copies == 0) {
		e->copies = copies;
		e->attempts++;
	}
	e->copies--;
	due = x->now.ns +
	      (e->copies > 0 ? 100 * NS_PER_US : retry_model(x, e->attempts));
	e->due = due < hopeless ? due : hopeless;
}

/* Everything that is due is asked for, or given up. */
static void
serve(struct rig *x)
{
	const struct gap *g;

	while ((g = recover_due(x->r, x->now)) != NULL) {
		struct list *l = &x->lists[g->channel];
		struct entry *e = &l->gaps[find_model(l, g->first.n)];
		uint32_t copies = 1 + (uint32_t)seeded_below(&x->dice, 3);
		bool hopeless = x->now.ns - e->since >= GIVE_UP_NS;

		compare_gap(x, g, e);
		seeded_check(&x->dice, recover_is_hopeless(x->r, g, x->now) == hopeless,
			     "step %d: hopeless is not %d", x->step, hopeless);
		if (!hopeless) {
			recover_requested(x->r, g, x->now, copies);
			request_model(x, e, copies);
			continue;
		}
		for (uint64_t i = e->first, end = e->end; i < end; i++) {
			if (l->missing[i])
				fill_one(x, (uint32_t)(l - x->lists), i, false);
		}
	}
}

static void
set_times(struct rig *x)
{
	x->reorder_ns = (int64_t)seeded_below(&x->dice, 3 * NS_PER_MS);
	x->srtt_ns = seeded_one_in(&x->dice, 4)
			     ? 0
			     : (int64_t)(seeded_roll(&x->dice) >>
					 (30 + seeded_below(&x->dice, 20)));
	x->rttvar_ns = x->srtt_ns / 2;
	recover_set_times(x->r, x->reorder_ns, x->srtt_ns, x->rttvar_ns);
}

static void
take_step(struct rig *x)
{
	uint32_t channel = (uint32_t)seeded_below(&x->dice, CHANNELS);
	uint64_t roll = seeded_below(&x->dice, 1000);

	x->now = mono_add(x->now, (int64_t)seeded_below(&x->dice, 2 * NS_PER_MS));
	if (roll < 250)
		open_gap(x, channel);
	else if (roll < 300)
		reopen(x, channel);
	else if (roll < 700)
		fill_one(x, channel, seeded_below(&x->dice, NUMBERS),
			 seeded_one_in(&x->dice, 2));
	else if (roll < 730)
		suspend(x, channel);
	else if (roll < 800)
		resume(x, channel);
	else if (roll < 850)
		throttle(x, channel);
	else if (roll < 855)
		set_times(x);
	else if (roll < 860) {
		recover_clear(x->r, channel);
		while (x->lists[channel].count > 0)
			erase(x, &x->lists[channel], 0);
		memset(x->lists[channel].missing, 0, NUMBERS);
	} else
		serve(x);
}

START_TEST(against_lists)
{
	struct rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->dice = seeded_init(_i);
	x->now = START;
	x->r = recover_new(CHANNELS, EXTRA, GIVE_UP_NS);
	ck_assert_ptr_nonnull(x->r);
	for (x->step = 0; x->step < STEPS; x->step++) {
		take_step(x);
		compare(x);
	}
	ck_assert_uint_gt(x->merged, 0); /* the pool was spent now and then */
	recover_free(x->r);
	free(x);
}
END_TEST

/* ---- by hand ---- */

static const struct gap *
open_one(struct recover *r, mono_t now, uint64_t first, uint64_t end)
{
	recover_open(r, now, 0, (seq_t){first}, (seq_t){end}, false);
	return recover_first(r, 0);
}

START_TEST(an_empty_one)
{
	struct recover *r = recover_new(2, 0, GIVE_UP_NS);

	ck_assert_ptr_null(recover_due(r, MONO_NEVER));
	ck_assert_int_eq(recover_deadline(r).ns, MONO_NEVER.ns);
	ck_assert_ptr_null(recover_first(r, 1));
	ck_assert(!recover_fill(r, START, 1, SEQ_FIRST, true).known);
	recover_clear(r, 1);
	recover_suspend(r, 1);
	recover_resume(r, START, 1, (seq_t){9});
	recover_throttle(r, START, 1, SEQ_FIRST, (seq_t){9}, 1);
	ck_assert_uint_eq(recover_count(r), 0);
	ck_assert_uint_gt(recover_memory_bytes(r), 0);
	recover_free(r);
	recover_free(NULL);
}
END_TEST

/* A request, and repeats by the round trip: never sooner, and ever rarer. */
START_TEST(when_it_is_requested)
{
	static const int64_t waits_us[] = {14200, 14200, 14200, 21300,
					   31950, 47925, 71887};
	struct recover *r = recover_new(1, 0, NS_PER_S);
	const struct gap *g;
	mono_t now = START, due;

	recover_set_times(r, 3 * NS_PER_MS, 10 * NS_PER_MS, NS_PER_MS);
	g = open_one(r, now, 5, 9);
	now = mono_add(now, 3 * NS_PER_MS);
	ck_assert_ptr_null(recover_due(r, mono_add(now, -1)));
	for (size_t i = 0; i < sizeof waits_us / sizeof waits_us[0]; i++) {
		ck_assert_ptr_eq(recover_due(r, now), g);
		recover_requested(r, g, now, 1);
		ck_assert_uint_eq(g->attempts, i + 1);
		due = recover_deadline(r);
		ck_assert_int_eq(mono_sub(due, now) / NS_PER_US, waits_us[i]);
		now = due;
	}
	recover_free(r);
}
END_TEST

START_TEST(a_bad_line_gets_copies)
{
	struct recover *r = recover_new(1, 0, NS_PER_S);
	const struct gap *g = open_one(r, START, 5, 9);
	mono_t now = START;

	for (int i = 0; i < 2; i++) {
		now = mono_add(now, 100 * NS_PER_US);
		recover_requested(r, g, now, 3);
		ck_assert_uint_eq(g->attempts, 1);
		ck_assert_int_eq(mono_sub(recover_deadline(r), now), 100 * NS_PER_US);
	}
	recover_requested(r, g, now, 3);
	ck_assert_uint_eq(g->attempts, 1);
	ck_assert_int_eq(mono_sub(recover_deadline(r), now), 5200 * NS_PER_US);
	recover_requested(r, g, now, 1);
	ck_assert_uint_eq(g->attempts, 2);
	recover_free(r);
}
END_TEST

START_TEST(given_up_by_age)
{
	struct recover *r = recover_new(1, 0, 20 * NS_PER_MS);
	const struct gap *g = open_one(r, START, 5, 9);
	mono_t end = mono_add(START, 20 * NS_PER_MS), now = START;

	while (mono_before(now, end)) {
		ck_assert(!recover_is_hopeless(r, g, now));
		recover_requested(r, g, now, 1);
		now = recover_deadline(r);
	}
	ck_assert_int_eq(now.ns, end.ns); /* not later, for want of another repeat */
	ck_assert(recover_is_hopeless(r, g, now));
	/* while it is suspended it does not age */
	recover_suspend(r, 0);
	ck_assert_ptr_null(recover_due(r, mono_add(now, NS_PER_S)));
	now = mono_add(now, NS_PER_S);
	recover_resume(r, now, 0, (seq_t){9});
	ck_assert_ptr_eq(recover_due(r, now), g);
	ck_assert(!recover_is_hopeless(r, g, now));
	recover_free(r);
}
END_TEST

START_TEST(another_age)
{
	struct recover *r = recover_new(1, 0, NS_PER_S);
	const struct gap *g = open_one(r, START, 5, 9);
	mono_t now = mono_add(START, 100 * NS_PER_MS);

	ck_assert(!recover_is_hopeless(r, g, now));
	recover_set_give_up(r, 50 * NS_PER_MS);
	ck_assert(recover_is_hopeless(r, g, now));
	recover_set_give_up(r, 200 * NS_PER_MS);
	ck_assert(!recover_is_hopeless(r, g, now));
	recover_requested(r, g, mono_add(START, 199 * NS_PER_MS), 1);
	ck_assert_int_eq(recover_deadline(r).ns, START.ns + 200 * NS_PER_MS);
	recover_free(r);
}
END_TEST

START_TEST(one_channel_is_never_given_up)
{
	struct recover *r = recover_new(2, 0, 20 * NS_PER_MS);
	const struct gap *g;
	mono_t now = mono_add(START, 3600 * NS_PER_S);

	recover_set_lasting(r, 1);
	recover_open(r, START, 0, (seq_t){1}, (seq_t){2}, false);
	recover_open(r, START, 1, (seq_t){1}, (seq_t){2}, false);
	g = recover_first(r, 1);
	ck_assert(recover_is_hopeless(r, recover_first(r, 0), now));
	ck_assert(!recover_is_hopeless(r, g, now));
	recover_clear(r, 0);
	recover_requested(r, g, now, 1);
	ck_assert(mono_before(now, recover_deadline(r)));
	ck_assert(mono_before(recover_deadline(r), mono_add(now, NS_PER_S)));
	recover_free(r);
}
END_TEST

START_TEST(only_what_was_passed_is_resumed)
{
	struct recover *r = recover_new(1, 4, GIVE_UP_NS);

	recover_open(r, START, 0, (seq_t){2}, (seq_t){4}, true);
	recover_open(r, START, 0, (seq_t){8}, (seq_t){10}, true);
	recover_resume(r, START, 0, (seq_t){9}); /* 9 is under way */
	ck_assert_ptr_eq(recover_due(r, START), recover_first(r, 0));
	recover_requested(r, recover_first(r, 0), START, 1);
	ck_assert_ptr_null(recover_due(r, START));
	recover_resume(r, START, 0, (seq_t){10});
	ck_assert_uint_eq(recover_due(r, START)->first.n, 8);
	recover_free(r);
}
END_TEST

/* With nothing but a gap for each channel all is still asked for. */
START_TEST(gaps_grow_together)
{
	struct recover *r = recover_new(1, 0, GIVE_UP_NS);
	const struct gap *g = open_one(r, START, 5, 6);

	recover_open(r, START, 0, (seq_t){8}, (seq_t){10}, false);
	recover_open(r, START, 0, (seq_t){2}, (seq_t){3}, false);
	ck_assert_uint_eq(recover_count(r), 1);
	ck_assert_uint_eq(recover_merged(r), 2);
	ck_assert_uint_eq(g->first.n, 2);
	ck_assert_uint_eq(g->end.n, 10);
	ck_assert_uint_eq(g->missing, 4);
	ck_assert(recover_fill(r, START, 0, (seq_t){8}, true).known);
	ck_assert(recover_fill(r, START, 0, (seq_t){2}, true).known);
	ck_assert(recover_fill(r, START, 0, (seq_t){5}, true).known);
	ck_assert_uint_eq(recover_count(r), 1);
	ck_assert(recover_fill(r, START, 0, (seq_t){9}, true).known);
	ck_assert_uint_eq(recover_count(r), 0);
	ck_assert_ptr_nonnull(open_one(r, START, 20, 21));
	recover_free(r);
}
END_TEST

START_TEST(missing_again)
{
	struct recover *r = recover_new(1, 4, GIVE_UP_NS);
	const struct gap *g = open_one(r, START, 5, 6);

	recover_reopen(r, START, 0, (seq_t){4}); /* beside it */
	ck_assert_uint_eq(recover_count(r), 1);
	ck_assert_uint_eq(g->first.n, 4);
	ck_assert_uint_eq(g->missing, 2);
	recover_reopen(r, START, 0, (seq_t){2}); /* elsewhere */
	ck_assert_uint_eq(recover_count(r), 2);
	ck_assert_uint_eq(recover_first(r, 0)->first.n, 2);
	recover_free(r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("recover");
	TCase *t = tcase_create("recover");

	tcase_add_test(t, an_empty_one);
	tcase_add_test(t, when_it_is_requested);
	tcase_add_test(t, a_bad_line_gets_copies);
	tcase_add_test(t, given_up_by_age);
	tcase_add_test(t, another_age);
	tcase_add_test(t, one_channel_is_never_given_up);
	tcase_add_test(t, only_what_was_passed_is_resumed);
	tcase_add_test(t, gaps_grow_together);
	tcase_add_test(t, missing_again);
	tcase_add_loop_test(t, against_lists, 0, 150);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
