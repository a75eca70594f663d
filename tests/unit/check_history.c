/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "path/history.h"
#include "seeded.h"
#include "suite.h"

#define CHANNELS    4
#define STEPS       6000
#define PAYLOAD_MAX 4096
#define CURSORS     3
#define START       ((mono_t){1000 * NS_PER_S})

/* ---- the model: a plain list of all that was ever put, and where it begins ---- */

struct entry {
	uint16_t channel;
	uint64_t seq;
	int64_t captured, arrived;
	uint32_t len, salt;
	uint64_t pos;
	bool mark;
};

struct model {
	struct entry all[STEPS];
	size_t first, count; /* first that the history may still have */
	uint64_t next[CHANNELS];
};

struct rig {
	struct seeded dice;
	struct history *h;
	struct model m;
	mono_t now;
	int64_t age_ns;
	size_t quarter; /* of the ring: longer payloads are refused */
	bool pinned;
	uint64_t pin;
	uint64_t cursors[CURSORS];
	size_t seen[CURSORS]; /* entries that a cursor has behind it */
	int step;
};

static void
fill_payload(uint8_t *bytes, const struct entry *e)
{
	for (size_t i = 0; i < e->len; i++)
		bytes[i] = (uint8_t)(e->salt + i * 7);
}

static void
check_record(struct rig *x, const struct history_record *rec, const struct entry *e)
{
	uint8_t want[PAYLOAD_MAX];

	fill_payload(want, e);
	seeded_check(&x->dice,
		     rec->channel == e->channel && rec->seq.n == e->seq &&
			     rec->captured.ns == e->captured &&
			     rec->arrived.ns == e->arrived && rec->len == e->len &&
			     (rec->kind == HISTORY_MARK) == e->mark,
		     "step %d: another record than channel %u number %llu", x->step,
		     e->channel, (unsigned long long)e->seq);
	seeded_check(&x->dice, e->len == 0 || memcmp(rec->payload, want, e->len) == 0,
		     "step %d: another payload", x->step);
}

/* What has left is what the history says: its tail. The model then checks that
 * nothing left without need. */
static void
follow_tail(struct rig *x)
{
	struct model *m = &x->m;

	while (m->first < m->count && m->all[m->first].pos < history_tail(x->h)) {
		seeded_check(&x->dice, !x->pinned || m->all[m->first].pos < x->pin,
			     "step %d: a pinned record left", x->step);
		m->first++;
	}
}

static uint64_t
span(const struct entry *from, const struct entry *to)
{
	return to->pos - from->pos;
}

static struct entry
draw_entry(struct rig *x)
{
	struct seeded *d = &x->dice;
	size_t most = seeded_one_in(d, 4) ? x->quarter + 64 : 200;

	return (struct entry){.channel = (uint16_t)seeded_below(d, CHANNELS),
			      .captured = (int64_t)seeded_below(d, 1000),
			      .arrived = x->now.ns,
			      .len = (uint32_t)seeded_below(d, most),
			      .salt = (uint32_t)seeded_roll(d),
			      .mark = seeded_one_in(d, 10)};
}

static void
put(struct rig *x)
{
	struct model *m = &x->m;
	struct entry e = draw_entry(x), *last;
	size_t had = m->first;
	bool room = history_has_room(x->h, e.len);
	uint8_t payload[PAYLOAD_MAX];
	struct history_record rec;
	seq_t seq;

	fill_payload(payload, &e);
	seq = history_put(x->h, x->now, e.channel, e.mark ? HISTORY_MARK : HISTORY_DATA,
			  (utc_t){e.captured}, payload, e.len);
	seeded_check(&x->dice, room == (seq.n != 0), "step %d: room %d, number %llu",
		     x->step, room, (unsigned long long)seq.n);
	if (seq.n == 0) {
		seeded_check(&x->dice, x->pinned || e.len + 64 > x->quarter,
			     "step %d: refused %u bytes", x->step, e.len);
		follow_tail(x);
		return;
	}
	e.seq = m->next[e.channel]++;
	seeded_check(&x->dice, seq.n == e.seq && e.len <= x->quarter,
		     "step %d: number %llu", x->step, (unsigned long long)seq.n);
	seeded_check(&x->dice,
		     history_find(x->h, e.channel, seq, &rec, &e.pos) == HISTORY_HIT,
		     "step %d: not found when just put", x->step);
	m->all[m->count++] = e;
	follow_tail(x);
	/* It let go of no more than it had to: what left and what was put would not
	 * have fitted together, but for a lap's unused end. */
	last = &m->all[m->count - 1];
	seeded_check(&x->dice,
		     m->first == had ||
			     span(&m->all[m->first - 1], last) + e.len > 2 * x->quarter,
		     "step %d: let go too early", x->step);
}

static void
expire(struct rig *x)
{
	struct model *m = &x->m;

	history_expire(x->h, x->now);
	follow_tail(x);
	if (m->first == m->count)
		return;
	seeded_check(&x->dice,
		     x->now.ns - m->all[m->first].arrived < x->age_ns ||
			     (x->pinned && m->all[m->first].pos >= x->pin),
		     "step %d: too old, and still there", x->step);
}

static void
find(struct rig *x)
{
	struct model *m = &x->m;
	uint16_t channel = (uint16_t)seeded_below(&x->dice, CHANNELS);
	uint64_t seq = seeded_below(&x->dice, m->next[channel] + 3), pos;
	const struct entry *e = NULL;
	enum history_find want = HISTORY_AGED, got;
	struct history_record rec;

	for (size_t i = m->first; i < m->count && e == NULL; i++) {
		if (m->all[i].channel == channel && m->all[i].seq == seq)
			e = &m->all[i];
	}
	if (seq == 0 || seq >= m->next[channel])
		want = HISTORY_NEVER;
	else if (e != NULL)
		want = HISTORY_HIT;
	got = history_find(x->h, channel, (seq_t){seq}, &rec, &pos);
	seeded_check(&x->dice, got == want, "step %d: find %u %llu: %d, not %d",
		     x->step, channel, (unsigned long long)seq, got, want);
	if (e == NULL)
		return;
	check_record(x, &rec, e);
	seeded_check(&x->dice, pos == e->pos, "step %d: found elsewhere", x->step);
	seeded_check(&x->dice,
		     history_find(x->h, channel, (seq_t){seq}, &rec, NULL) ==
			     HISTORY_HIT,
		     "step %d: a find without position", x->step);
}

/* A cursor takes some steps; if it fell behind it goes on at the oldest. */
static void
walk(struct rig *x, unsigned int i)
{
	struct model *m = &x->m;
	unsigned int steps = (unsigned int)seeded_below(&x->dice, 12);
	struct history_record rec;

	for (; steps > 0; steps--) {
		size_t want = x->seen[i] > m->first ? x->seen[i] : m->first;
		bool there = history_at(x->h, &x->cursors[i], &rec);

		seeded_check(&x->dice, there == (want < m->count),
			     "step %d: cursor %u: %d", x->step, i, there);
		seeded_check(&x->dice, !there || x->cursors[i] == m->all[want].pos,
			     "step %d: cursor %u is elsewhere", x->step, i);
		if (!there)
			return;
		check_record(x, &rec, &m->all[want]);
		x->cursors[i] = history_after(x->h, x->cursors[i]);
		x->seen[i] = want + 1;
	}
}

/* Frees up to where the first cursor is, as acknowledged. */
static void
pin(struct rig *x)
{
	if (x->cursors[0] > x->pin)
		x->pin = x->cursors[0];
	history_pin(x->h, x->pin);
}

static void
check_ends(struct rig *x)
{
	struct model *m = &x->m;

	for (uint16_t ch = 0; ch < CHANNELS; ch++) {
		uint64_t oldest = m->next[ch];

		for (size_t i = m->first; i < m->count; i++) {
			if (m->all[i].channel == ch) {
				oldest = m->all[i].seq;
				break;
			}
		}
		seeded_check(&x->dice, history_next(x->h, ch).n == m->next[ch],
			     "step %d: next of %u", x->step, ch);
		seeded_check(&x->dice, history_oldest(x->h, ch).n == oldest,
			     "step %d: oldest of %u: %llu, not %llu", x->step, ch,
			     (unsigned long long)history_oldest(x->h, ch).n,
			     (unsigned long long)oldest);
	}
	seeded_check(&x->dice, history_tail(x->h) <= history_head(x->h),
		     "step %d: tail beyond head", x->step);
	seeded_check(&x->dice,
		     history_backlog(x->h, 0) ==
			     history_head(x->h) - history_tail(x->h),
		     "step %d: backlog", x->step);
}

static void
take_step(struct rig *x)
{
	uint64_t roll = seeded_below(&x->dice, 100);

	if (roll < 45)
		put(x);
	else if (roll < 65)
		find(x);
	else if (roll < 90)
		walk(x, (unsigned int)seeded_below(&x->dice, CURSORS));
	else if (roll < 94 && x->pinned)
		pin(x);
	else if (roll < 96)
		x->now =
			mono_add(x->now, (int64_t)seeded_below(&x->dice, NS_PER_S / 4));
	else
		expire(x);
}

static void
run_model(int loop, bool pinned)
{
	struct rig *x = calloc(1, sizeof *x);
	size_t memory;

	ck_assert_ptr_nonnull(x);
	x->dice = seeded_init(loop);
	x->now = START;
	x->pinned = pinned;
	x->age_ns = (int64_t)(1 + seeded_below(&x->dice, 4 * NS_PER_S));
	memory = 8192 + 1024 + 8 * seeded_below(&x->dice, 1000);
	x->quarter = (memory - 8192) / 4;
	x->h = history_new(memory, x->age_ns, CHANNELS, pinned);
	ck_assert_ptr_nonnull(x->h);
	ck_assert_uint_ge(history_memory_bytes(x->h), memory);
	for (size_t i = 0; i < CHANNELS; i++)
		x->m.next[i] = 1;
	for (x->step = 0; x->step < STEPS; x->step++) {
		take_step(x);
		check_ends(x);
	}
	ck_assert_uint_gt(x->m.count, pinned ? 10 : STEPS / 4);
	history_free(x->h);
	free(x);
}

START_TEST(against_a_list)
{
	run_model(_i, false);
}
END_TEST

START_TEST(against_a_list_pinned)
{
	run_model(_i, true);
}
END_TEST

/* ---- by hand ---- */

static const uint8_t zeros[PAYLOAD_MAX];

static uint64_t
put_one(struct history *h, mono_t now, uint16_t channel, size_t len)
{
	return history_put(h, now, channel, HISTORY_DATA, (utc_t){0}, zeros, len).n;
}

START_TEST(an_empty_one)
{
	struct history *h = history_new(16384, NS_PER_S, 2, false);
	struct history_record rec;
	uint64_t pos = 0;

	ck_assert(!history_at(h, &pos, &rec));
	ck_assert_uint_eq(history_next(h, 1).n, 1);
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	ck_assert_int_eq(history_find(h, 1, SEQ_FIRST, &rec, NULL), HISTORY_NEVER);
	ck_assert_int_eq(history_find(h, 1, SEQ_NONE, &rec, NULL), HISTORY_NEVER);
	history_expire(h, MONO_NEVER);
	ck_assert_uint_eq(history_backlog(h, 0), 0);
	history_free(h);
	history_free(NULL);
}
END_TEST

START_TEST(age)
{
	struct history *h = history_new(16384, 100, 2, false);
	struct history_record rec;
	mono_t now = START;

	for (int i = 0; i < 5; i++, now = mono_add(now, 10))
		ck_assert_uint_ne(put_one(h, now, 1, 8), 0);
	history_expire(h, mono_add(START, 99));
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	history_expire(h, mono_add(START, 100));
	ck_assert_uint_eq(history_oldest(h, 1).n, 2);
	ck_assert_int_eq(history_find(h, 1, SEQ_FIRST, &rec, NULL), HISTORY_AGED);
	history_expire(h, mono_add(START, 1000));
	ck_assert_uint_eq(history_oldest(h, 1).n, 6);
	ck_assert_int_eq(history_find(h, 1, (seq_t){5}, &rec, NULL), HISTORY_AGED);
	ck_assert_int_eq(history_find(h, 1, (seq_t){6}, &rec, NULL), HISTORY_NEVER);
	history_free(h);
}
END_TEST

/* Of what is there already, too. */
START_TEST(another_age)
{
	struct history *h = history_new(16384, 100, 2, false);
	mono_t now = START;

	for (int i = 0; i < 5; i++, now = mono_add(now, 10))
		ck_assert_uint_ne(put_one(h, now, 1, 8), 0);
	history_set_age(h, 1000);
	history_expire(h, mono_add(START, 900));
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	history_set_age(h, 30);
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	history_expire(h, mono_add(START, 50));
	ck_assert_uint_eq(history_oldest(h, 1).n, 4);
	history_free(h);
}
END_TEST

START_TEST(a_quarter_of_the_ring_is_the_most)
{
	struct history *h = history_new(8192 + 8192, NS_PER_S, 2, false);
	size_t most = 2048;

	while (!history_has_room(h, most))
		most--;
	ck_assert_uint_gt(most, 1900);
	ck_assert_uint_eq(put_one(h, START, 1, most + 1), 0);
	ck_assert_uint_eq(history_next(h, 1).n, 1); /* no number was used up */
	for (uint64_t i = 1; i < 100; i++)
		ck_assert_uint_eq(put_one(h, START, 1, most), i);
	history_free(h);
}
END_TEST

START_TEST(pinned)
{
	struct history *h = history_new(8192 + 4096, 1, 2, true);
	struct history_record rec;
	uint64_t n = 0, pos = 0;

	while (history_has_room(h, 500))
		ck_assert_uint_eq(put_one(h, START, 1, 500), ++n);
	ck_assert_uint_eq(put_one(h, START, 1, 500), 0);
	history_expire(h, MONO_NEVER);
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	/* the first may go */
	ck_assert(history_at(h, &pos, &rec));
	history_pin(h, history_after(h, pos));
	ck_assert_uint_eq(history_oldest(h, 1).n, 1);
	ck_assert(history_has_room(h, 500));
	ck_assert_uint_eq(put_one(h, START, 1, 500), n + 1);
	ck_assert_uint_eq(history_oldest(h, 1).n, 2);
	ck_assert_uint_eq(put_one(h, START, 1, 500), 0);
	/* and then all */
	history_pin(h, history_head(h));
	history_expire(h, MONO_NEVER);
	ck_assert_uint_eq(history_oldest(h, 1).n, n + 2);
	ck_assert(history_has_room(h, 500));
	history_free(h);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("history");
	TCase *t = tcase_create("history");

	tcase_add_test(t, an_empty_one);
	tcase_add_test(t, age);
	tcase_add_test(t, another_age);
	tcase_add_test(t, a_quarter_of_the_ring_is_the_most);
	tcase_add_test(t, pinned);
	tcase_add_loop_test(t, against_a_list, 0, 150);
	tcase_add_loop_test(t, against_a_list_pinned, 0, 150);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
