/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's instruments: the line does what it is set to, its packets come out
 * in time and order, and the sink's tally is right. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bench/delay.h"
#include "../../bench/line.h"
#include "../../bench/mark.h"
#include "../../bench/tally.h"
#include "base/clock.h"
#include "suite.h"

#define PACKETS   200000
#define PERIOD_NS (100 * NS_PER_US)

struct fate {
	unsigned int verdicts[LINE_VERDICTS];
	unsigned int bursts; /* of losses in a row */
	int64_t delay_sum_ns, delay_max_ns;
	unsigned int overtaken;
};

static uint64_t
seed(void)
{
	const char *text = getenv("TOMBOLO_SEED");
	uint64_t v = text != NULL ? strtoull(text, NULL, 10) : 1;

	fprintf(stderr, "TOMBOLO_SEED=%" PRIu64 "\n", v);
	return v;
}

static void
set(struct line *l, const char *settings, int64_t now_ns)
{
	char error[80];

	ck_assert_msg(line_set(l, settings, now_ns, error, sizeof(error)) == NULL, "%s",
		      error);
}

/* PACKETS of `len` bytes, one each PERIOD_NS. */
static struct fate
try_line(const char *settings, uint64_t random, size_t len)
{
	struct fate f = {.delay_max_ns = 0};
	struct line l;
	int64_t latest = INT64_MIN;
	bool losing = false;

	line_init(&l, random);
	set(&l, settings, 0);
	for (int64_t n = 0; n < PACKETS; n++) {
		int64_t now = n * PERIOD_NS, due = now;
		enum line_verdict v = line_take(&l, len, now, &due);

		f.verdicts[v]++;
		f.bursts += v == LINE_LOST && !losing;
		losing = v == LINE_LOST;
		if (v >= LINE_LOST)
			continue;
		f.delay_sum_ns += due - now;
		if (due - now > f.delay_max_ns)
			f.delay_max_ns = due - now;
		f.overtaken += due < latest;
		latest = due > latest ? due : latest;
	}
	return f;
}

static double
share(const struct fate *f, enum line_verdict v)
{
	return (double)f->verdicts[v] / PACKETS;
}

START_TEST(a_clean_line_only_delays)
{
	struct fate f = try_line("delay=500us", seed(), 300);

	ck_assert_uint_eq(f.verdicts[LINE_CARRIED], PACKETS);
	ck_assert_int_eq(f.delay_max_ns, 500 * NS_PER_US);
	ck_assert_int_eq(f.delay_sum_ns, PACKETS * 500 * NS_PER_US);
}
END_TEST

START_TEST(loses_as_many_as_it_is_told)
{
	struct fate random = try_line("loss=0.5%", seed(), 300);
	struct fate bursts = try_line("loss=2%:3", seed(), 300);
	struct fate heavy = try_line("loss=40%", seed(), 300);

	ck_assert_double_eq_tol(share(&random, LINE_LOST), 0.005, 0.001);
	ck_assert_double_eq_tol(share(&bursts, LINE_LOST), 0.02, 0.003);
	ck_assert_double_eq_tol(share(&heavy, LINE_LOST), 0.4, 0.01);
	ck_assert_double_eq_tol(
		(double)bursts.verdicts[LINE_LOST] / (double)bursts.bursts, 3, 0.3);
}
END_TEST

START_TEST(same_seed_is_same_fate)
{
	const char *settings = "delay=1ms,jitter=1ms,loss=2%:3,duplicate=5%";
	struct fate a = try_line(settings, seed(), 300),
		    b = try_line(settings, seed(), 300);
	struct fate other = try_line(settings, seed() + 1, 300);

	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_mem_ne(&a, &other, sizeof(a));
}
END_TEST

START_TEST(jitter_keeps_order_and_reordering_does_not)
{
	struct fate jitter = try_line("delay=1ms,jitter=5ms", seed(), 300);
	struct fate reorder = try_line("delay=1ms,reorder=5%:250us", seed(), 300);

	ck_assert_uint_eq(jitter.overtaken, 0);
	ck_assert_int_gt(jitter.delay_max_ns, 5 * NS_PER_MS);
	ck_assert_int_lt(jitter.delay_max_ns, 6 * NS_PER_MS);
	ck_assert_double_eq_tol(share(&reorder, LINE_REORDERED), 0.05, 0.005);
	ck_assert_int_eq(reorder.delay_max_ns, 1250 * NS_PER_US);
	ck_assert_uint_gt(reorder.overtaken, PACKETS / 25);
}
END_TEST

START_TEST(duplicates)
{
	struct fate f = try_line("duplicate=5%", seed(), 300);

	ck_assert_double_eq_tol(share(&f, LINE_DUPLICATED), 0.05, 0.005);
	ck_assert_uint_eq(f.verdicts[LINE_LOST], 0);
}
END_TEST

/* 1000 bytes each 100 us are 80 Mbit/s. */
START_TEST(a_rate_fills_its_queue)
{
	struct fate half = try_line("rate=40Mbit,queue=100kB", seed(), 1000);
	struct fate enough = try_line("rate=100Mbit,queue=100kB", seed(), 1000);

	ck_assert_double_eq_tol(share(&half, LINE_LOST_QUEUE), 0.5, 0.01);
	ck_assert_int_le(half.delay_max_ns, 20 * NS_PER_MS);
	ck_assert_int_gt(half.delay_max_ns, 19 * NS_PER_MS);
	ck_assert_uint_eq(enough.verdicts[LINE_LOST_QUEUE], 0);
	ck_assert_int_eq(enough.delay_max_ns, 80 * NS_PER_US);
}
END_TEST

START_TEST(is_dark_as_long_as_told)
{
	struct fate f = try_line("dark=2s:5s,dark=10s:1s", seed(), 300);
	struct line l;
	int64_t due;

	ck_assert_uint_eq(f.verdicts[LINE_LOST_DARK], 60000);
	line_init(&l, seed());
	set(&l, "dark=on", 0);
	ck_assert_int_eq(line_take(&l, 300, 0, &due), LINE_LOST_DARK);
	set(&l, "dark=1s:1s", 0);
	ck_assert_int_eq(line_take(&l, 300, 0, &due), LINE_CARRIED);
	ck_assert_int_eq(line_take(&l, 300, NS_PER_S, &due), LINE_LOST_DARK);
	set(&l, "dark=off", 0);
	ck_assert_int_eq(line_take(&l, 300, NS_PER_S, &due), LINE_CARRIED);
}
END_TEST

START_TEST(refuses_what_it_does_not_understand)
{
	static const char *const wrong[] = {
		"delay",       "delay=",        "delay=5",      "delay=2h",
		"loss=2",      "loss=-1%",      "loss=101%",    "loss=nan%",
		"loss=2%:0.5", "loss=2%:",      "loss=2%3",     "loss=90%:2",
		"duplicate=5", "duplicate=5%x", "reorder=5%",   "reorder=5%:x",
		"rate=10",     "rate=1bit",     "queue=10",     "dark=maybe",
		"dark=1s",     "dark=1s:",      "colour=green", "loss=1%,colour=green",
		"loss=1%,,",
	};
	struct line l, before;
	char error[80];

	line_init(&l, seed());
	set(&l, "delay=1ms,loss=3%", 0);
	before = l;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(line_set(&l, wrong[i], 0, error, sizeof(error)) != NULL,
			      "taken: %s", wrong[i]);
		ck_assert_mem_eq(&l, &before, sizeof(l));
	}
}
END_TEST

START_TEST(window_count_is_bounded)
{
	struct line l;
	char error[80];

	line_init(&l, seed());
	for (int i = 0; i < LINE_WINDOWS; i++)
		set(&l, "dark=1s:1s", 0);
	ck_assert_ptr_nonnull(line_set(&l, "dark=1s:1s", 0, error, sizeof(error)));
}
END_TEST

/* Against the least by a linear search. */
START_TEST(packets_come_out_in_time_and_order)
{
	enum { ROOM = 64, ROUNDS = 5000 };
	struct delay *d = delay_new(ROOM);
	int64_t due[ROUNDS];
	bool inside[ROUNDS] = {false};
	int put = 0, taken = 0;

	srand48((long)seed());
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(delay_next_ns(d), INT64_MAX);
	while (taken < ROUNDS) {
		uint8_t *room = delay_room(d);
		const struct delay_packet *p;
		int first = -1;

		ck_assert((room == NULL) == (put - taken == ROOM));
		if (put < ROUNDS && room != NULL && (put == taken || drand48() < 0.6)) {
			memcpy(room, &put, sizeof(put));
			due[put] = lrand48() % 50;
			inside[put] = true;
			delay_put(d, sizeof(put), due[put], NULL);
			put++;
			continue;
		}
		for (int i = 0; i < put; i++)
			if (inside[i] && (first < 0 || due[i] < due[first]))
				first = i;
		ck_assert_int_eq(delay_next_ns(d), due[first]);
		p = delay_take(d);
		ck_assert_uint_eq(p->len, sizeof(first));
		ck_assert_mem_eq(p->bytes, &first, sizeof(first));
		inside[first] = false;
		taken++;
	}
	delay_free(d);
}
END_TEST

START_TEST(tally_counts_each_once)
{
	struct tally *t = tally_new(5, 2);
	/* channel, sequence: the second channel has two datagrams only */
	static const uint64_t arrivals[][2] = {{0, 0}, {0, 2}, {0, 1}, {0, 1}, {1, 0}};

	ck_assert_ptr_nonnull(t);
	for (size_t i = 0; i < 5; i++)
		ck_assert(tally_take(t,
				     &(struct mark){.kind = MARK_MEASURED,
						    .channel = (uint16_t)arrivals[i][0],
						    .sequence = arrivals[i][1],
						    .sent_ns = 1000},
				     1000 + (int64_t)(10 - i)));
	ck_assert(!tally_take(t, &(struct mark){.channel = 2}, 0));
	ck_assert(!tally_take(t, &(struct mark){.channel = 1, .sequence = 2}, 0));
	ck_assert(!tally_take(t, &(struct mark){.sequence = UINT64_MAX}, 0));
	ck_assert_uint_eq(tally_delivered(t), 4);
	ck_assert_uint_eq(tally_duplicates(t), 1);
	ck_assert_uint_eq(tally_reordered(t), 1);
	tally_sort(t);
	ck_assert_int_eq(tally_percentile_ns(t, 100), 10);
	ck_assert_int_eq(tally_percentile_ns(t, 1), 6);
	ck_assert_int_eq(tally_percentile_ns(t, 50), 9);
	ck_assert_uint_eq(tally_within(t, 5), 0);
	ck_assert_uint_eq(tally_within(t, 8), 2);
	ck_assert_uint_eq(tally_within(t, 10), 4);
	tally_free(t);
}
END_TEST

START_TEST(marks_are_read_as_written)
{
	struct mark m = {.kind = MARK_WARM,
			 .channel = 65535,
			 .sequence = UINT64_MAX - 1,
			 .sent_ns = 1700000000123456789},
		    got;
	uint8_t payload[64];

	mark_write(&m, payload, sizeof(payload));
	ck_assert(mark_read(payload, sizeof(payload), &got));
	ck_assert_int_eq(got.kind, m.kind);
	ck_assert_uint_eq(got.channel, m.channel);
	ck_assert_uint_eq(got.sequence, m.sequence);
	ck_assert_int_eq(got.sent_ns, m.sent_ns);
	ck_assert(!mark_read(payload, MARK_BYTES - 1, &got));
	payload[5] = 9;
	ck_assert(!mark_read(payload, sizeof(payload), &got));
	payload[5] = MARK_WARM;
	payload[0] ^= 1;
	ck_assert(!mark_read(payload, sizeof(payload), &got));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("bench");
	TCase *line = tcase_create("line");
	TCase *rest = tcase_create("delay, tally, mark");

	tcase_add_test(line, a_clean_line_only_delays);
	tcase_add_test(line, loses_as_many_as_it_is_told);
	tcase_add_test(line, same_seed_is_same_fate);
	tcase_add_test(line, jitter_keeps_order_and_reordering_does_not);
	tcase_add_test(line, duplicates);
	tcase_add_test(line, a_rate_fills_its_queue);
	tcase_add_test(line, is_dark_as_long_as_told);
	tcase_add_test(line, refuses_what_it_does_not_understand);
	tcase_add_test(line, window_count_is_bounded);
	tcase_set_timeout(line, 60);
	suite_add_tcase(s, line);
	tcase_add_test(rest, packets_come_out_in_time_and_order);
	tcase_add_test(rest, tally_counts_each_once);
	tcase_add_test(rest, marks_are_read_as_written);
	tcase_set_timeout(rest, 60);
	suite_add_tcase(s, rest);
	return s;
}

int
main(void)
{
	return suite_run(suite());
}
