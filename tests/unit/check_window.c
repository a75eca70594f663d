/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "path/pool.h"
#include "path/window.h"
#include "seeded.h"
#include "suite.h"

#define NUMBERS 40000 /* that the model can count */
#define STEPS   4000

/* ---- the model: what became of each number, for ever ---- */

enum fate { UNSEEN, GONE, OUT, HERE, AWAITED }; /* GONE: lost, or before the first */

struct rig {
	struct seeded dice;
	struct window w;
	uint32_t size;
	bool ordered;
	uint64_t base; /* the number of fates[0] */
	uint8_t fates[NUMBERS];
	uint32_t chunks[NUMBERS];
	uint64_t next, top; /* as indices of fates */
	uint32_t chunk;     /* the next to be stored */
	int step;
};

static seq_t
seq_of(const struct rig *x, uint64_t i)
{
	return (seq_t){x->base + i};
}

static void
settle_model(struct rig *x)
{
	while (x->next < x->top &&
	       (x->fates[x->next] == GONE || x->fates[x->next] == OUT))
		x->next++;
}

static uint64_t
count_model(const struct rig *x, enum fate fate)
{
	uint64_t n = 0;

	for (uint64_t i = x->next; i < x->top; i++)
		n += x->fates[i] == fate;
	return n;
}

static enum window_verdict
check_model(const struct rig *x, uint64_t i)
{
	if (i >= x->next + x->size)
		return WINDOW_BEYOND;
	if (i >= x->top || x->fates[i] == AWAITED)
		return WINDOW_NEW;
	/* half of the ring remembers */
	if (x->fates[i] == GONE || i + x->size < x->next)
		return WINDOW_LATE;
	return WINDOW_DUPLICATE;
}

static void
compare(struct rig *x)
{
	const struct window *w = &x->w;

	seeded_check(&x->dice,
		     w->next.n == x->base + x->next && w->top.n == x->base + x->top,
		     "step %d: next %llu top %llu, not %llu and %llu", x->step,
		     (unsigned long long)(w->next.n - x->base),
		     (unsigned long long)(w->top.n - x->base),
		     (unsigned long long)x->next, (unsigned long long)x->top);
	seeded_check(&x->dice, w->missing == count_model(x, AWAITED),
		     "step %d: missing %llu", x->step, (unsigned long long)w->missing);
	seeded_check(&x->dice, w->held == count_model(x, HERE), "step %d: held %llu",
		     x->step, (unsigned long long)w->held);
	seeded_check(&x->dice, window_limit(w).n == x->base + x->next + x->size,
		     "step %d: limit", x->step);
}

/* ---- what happens to a window ---- */

/* A number near the window, before, in or behind it. */
static uint64_t
draw(struct rig *x)
{
	uint64_t from = x->next > 3 * x->size ? x->next - 3 * x->size : 0;

	return from + seeded_below(&x->dice, x->next + 2 * x->size - from);
}

static void
open_model(struct rig *x, uint64_t top)
{
	for (; x->top < top && x->top < x->next + x->size; x->top++)
		x->fates[x->top] = AWAITED;
}

static void
extend(struct rig *x, uint64_t top)
{
	uint64_t before = x->top, n;
	seq_t first;

	open_model(x, top);
	n = window_extend(&x->w, seq_of(x, top), &first);
	seeded_check(&x->dice, n == x->top - before && first.n == x->base + before,
		     "step %d: opened %llu", x->step, (unsigned long long)n);
}

static void
release(struct rig *x)
{
	for (;;) {
		uint32_t chunk = window_release(&x->w);

		settle_model(x);
		if (x->next == x->top || x->fates[x->next] != HERE) {
			seeded_check(&x->dice, chunk == POOL_NONE,
				     "step %d: released %u", x->step, chunk);
			return;
		}
		seeded_check(&x->dice, chunk == x->chunks[x->next],
			     "step %d: released %u, not %u", x->step, chunk,
			     x->chunks[x->next]);
		x->fates[x->next] = OUT;
		settle_model(x);
	}
}

static void
arrive(struct rig *x)
{
	uint64_t i = draw(x);
	enum window_verdict verdict = window_check(&x->w, seq_of(x, i));

	seeded_check(&x->dice, verdict == check_model(x, i),
		     "step %d: %llu is %d, not %d", x->step, (unsigned long long)i,
		     verdict, check_model(x, i));
	if (verdict != WINDOW_NEW)
		return;
	extend(x, i + 1);
	if (x->ordered) {
		x->chunks[i] = x->chunk++;
		x->fates[i] = HERE;
		window_hold(&x->w, seq_of(x, i), x->chunks[i]);
		release(x);
	} else {
		x->fates[i] = OUT;
		window_release_now(&x->w, seq_of(x, i));
		settle_model(x);
	}
}

static void
lose(struct rig *x)
{
	uint64_t first = draw(x), end = first + seeded_below(&x->dice, 2 * x->size);
	uint64_t n = 0;

	for (uint64_t i = first; i < end && i < x->top; i++) {
		if (i < x->next || x->fates[i] != AWAITED)
			continue;
		x->fates[i] = GONE;
		n++;
	}
	seeded_check(&x->dice,
		     window_lose(&x->w, seq_of(x, first), seq_of(x, end)) == n,
		     "step %d: lost not %llu", x->step, (unsigned long long)n);
	settle_model(x);
	release(x);
}

static void
unhold(struct rig *x)
{
	seq_t newest = window_newest_held(&x->w);
	uint64_t i = x->top;

	while (i > x->next && x->fates[i - 1] != HERE)
		i--;
	if (i == x->next) {
		seeded_check(&x->dice, newest.n == 0, "step %d: holds %llu", x->step,
			     (unsigned long long)newest.n);
		return;
	}
	i--;
	seeded_check(&x->dice, newest.n == x->base + i, "step %d: newest is not %llu",
		     x->step, (unsigned long long)i);
	seeded_check(&x->dice, window_unhold(&x->w, newest) == x->chunks[i],
		     "step %d: another chunk", x->step);
	x->fates[i] = AWAITED;
}

static void
ask(struct rig *x)
{
	uint64_t i = draw(x), end = i + seeded_below(&x->dice, x->size), n = 0;

	seeded_check(&x->dice,
		     window_is_missing(&x->w, seq_of(x, i)) ==
			     (i >= x->next && i < x->top && x->fates[i] == AWAITED),
		     "step %d: %llu", x->step, (unsigned long long)i);
	for (uint64_t j = i; j < end; j++)
		n += j >= x->next && j < x->top && x->fates[j] == AWAITED;
	seeded_check(&x->dice,
		     window_count_missing(&x->w, seq_of(x, i), seq_of(x, end)) == n,
		     "step %d: missing are not %llu", x->step, (unsigned long long)n);
}

static void
give_all_up(struct rig *x)
{
	for (uint64_t i = x->next; i < x->top; i++) {
		if (x->fates[i] == AWAITED)
			x->fates[i] = GONE;
	}
	window_lose(&x->w, x->w.next, x->w.top);
	settle_model(x);
	release(x);
}

static void
skip(struct rig *x)
{
	uint64_t to;

	give_all_up(x);
	to = x->next + seeded_below(&x->dice, 5 * x->size);
	for (; x->top < to; x->top++)
		x->fates[x->top] = GONE;
	x->next = x->top;
	window_skip(&x->w, seq_of(x, to));
}

static void
restart(struct rig *x)
{
	give_all_up(x);
	memset(x->fates, UNSEEN, sizeof x->fates);
	/* all before is as if lost, but for numbers that cannot be */
	x->next = x->top = 1000;
	memset(x->fates, GONE, 1000);
	x->base = seeded_roll(&x->dice) >> (2 + seeded_below(&x->dice, 50));
	window_restart(&x->w, seq_of(x, x->next));
}

/* From ordered to immediate, or back. */
static void
turn_over(struct rig *x)
{
	seq_t at = x->w.next;
	uint32_t chunk;

	x->ordered = x->w.ordered = !x->ordered;
	if (x->ordered)
		return;
	for (uint64_t i = x->next; i < x->top; i++) {
		if (x->fates[i] != HERE)
			continue;
		chunk = window_release_held(&x->w, &at);
		seeded_check(&x->dice, chunk == x->chunks[i],
			     "step %d: %llu is released out of turn", x->step,
			     (unsigned long long)i);
		x->fates[i] = OUT;
	}
	settle_model(x);
	seeded_check(&x->dice,
		     window_release_held(&x->w, &at) == POOL_NONE && x->w.held == 0,
		     "step %d: something is still held", x->step);
}

static void
look_for_released(struct rig *x)
{
	uint64_t end = x->top;

	while (end > x->next && x->fates[end - 1] != OUT)
		end--;
	seeded_check(&x->dice, window_released_end(&x->w).n == x->base + end,
		     "step %d: released to another end than %llu", x->step,
		     (unsigned long long)end);
}

static void
take_step(struct rig *x)
{
	uint64_t roll = seeded_below(&x->dice, 1000);

	if (x->top + 8ULL * x->size > NUMBERS || roll < 2)
		restart(x);
	else if (roll < 10)
		skip(x);
	else if (roll < 20)
		turn_over(x);
	else if (roll < 40)
		look_for_released(x);
	else if (roll < 100)
		extend(x, draw(x));
	else if (roll < 200)
		lose(x);
	else if (roll < 300)
		unhold(x);
	else if (roll < 400)
		ask(x);
	else
		arrive(x);
}

START_TEST(against_a_map)
{
	struct rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->dice = seeded_init(_i);
	x->ordered = _i % 3 != 0;
	x->size = 1U << seeded_below(&x->dice, 10);
	ck_assert(window_init(&x->w, x->size, x->ordered));
	restart(x);
	for (x->step = 0; x->step < STEPS; x->step++) {
		take_step(x);
		compare(x);
	}
	window_fini(&x->w);
	free(x);
}
END_TEST

/* ---- by hand ---- */

START_TEST(a_new_one)
{
	struct window w;

	ck_assert(window_init(&w, 4, true));
	ck_assert_uint_eq(w.next.n, 1);
	ck_assert_uint_eq(w.top.n, 1);
	ck_assert_uint_eq(window_limit(&w).n, 5);
	ck_assert_int_eq(window_check(&w, (seq_t){1}), WINDOW_NEW);
	ck_assert_int_eq(window_check(&w, (seq_t){4}), WINDOW_NEW);
	ck_assert_int_eq(window_check(&w, (seq_t){5}), WINDOW_BEYOND);
	ck_assert_int_eq(window_check(&w, (seq_t){UINT64_MAX}), WINDOW_BEYOND);
	ck_assert_uint_eq(window_release(&w), POOL_NONE);
	ck_assert_uint_eq(window_newest_held(&w).n, 0);
	window_fini(&w);
}
END_TEST

START_TEST(a_repeat_is_told_from_a_late_one)
{
	struct window w;
	seq_t first;

	ck_assert(window_init(&w, 4, true));
	window_extend(&w, (seq_t){3}, &first);
	window_hold(&w, (seq_t){2}, 7);
	ck_assert_uint_eq(window_release(&w), POOL_NONE);
	ck_assert_uint_eq(window_lose(&w, (seq_t){0}, (seq_t){UINT64_MAX}), 1);
	ck_assert_uint_eq(window_release(&w), 7);
	ck_assert_uint_eq(window_release(&w), POOL_NONE);
	ck_assert_int_eq(window_check(&w, (seq_t){1}), WINDOW_LATE);
	ck_assert_int_eq(window_check(&w, (seq_t){2}), WINDOW_DUPLICATE);
	/* four numbers on, it is forgotten which it was */
	window_skip(&w, (seq_t){6});
	ck_assert_int_eq(window_check(&w, (seq_t){2}), WINDOW_DUPLICATE);
	window_skip(&w, (seq_t){7});
	ck_assert_int_eq(window_check(&w, (seq_t){2}), WINDOW_LATE);
	window_fini(&w);
}
END_TEST

START_TEST(the_window_does_not_reach_beyond_itself)
{
	struct window w;
	seq_t first;

	ck_assert(window_init(&w, 4, true));
	ck_assert_uint_eq(window_extend(&w, (seq_t){100}, &first), 4);
	ck_assert_uint_eq(first.n, 1);
	ck_assert_uint_eq(w.top.n, 5);
	ck_assert_uint_eq(window_extend(&w, (seq_t){100}, &first), 0);
	ck_assert_uint_eq(window_lose(&w, (seq_t){1}, (seq_t){3}), 2);
	ck_assert_uint_eq(window_extend(&w, (seq_t){100}, &first), 2);
	ck_assert_uint_eq(first.n, 5);
	window_fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("window");
	TCase *t = tcase_create("window");

	tcase_add_test(t, a_new_one);
	tcase_add_test(t, a_repeat_is_told_from_a_late_one);
	tcase_add_test(t, the_window_does_not_reach_beyond_itself);
	tcase_add_loop_test(t, against_a_map, 0, 300);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
