/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "path/figures.h"
#include "path/wire.h"
#include "seeded.h"
#include "suite.h"

/* Where each figure stands among those of its page: their meaning on the wire. */
#define PLACE(name, help) PLACE_##name,
enum { SENT_BOOK(PLACE) };
#undef PLACE
#define PLACE(name, help) PEER_##name,
enum { PEER_BOOK(PLACE) };
#undef PLACE

/* The pages as lists: a counter each, and nothing else. */
_Static_assert(sizeof(struct sent_book) == SENT_FIGURES * sizeof(counter_t), "a list");
_Static_assert(sizeof(struct peer_book) == PEER_FIGURES * sizeof(counter_t), "a list");
_Static_assert(sizeof(struct capture_book) == CAPTURE_FIGURES * sizeof(counter_t),
	       "a list");

/* How each figure counts in a residual. */
static int
sent_sign(int place)
{
	switch (place) {
	case PLACE_owed: return 1;
	case PLACE_sent:
	case PLACE_shed_age:
	case PLACE_shed_bytes:
	case PLACE_shed_aged:
	case PLACE_unsent: return -1;
	default: return 0;
	}
}

static int
received_sign(int place)
{
	switch (place) {
	case PEER_received: return 1;
	case PEER_emitted:
	case PEER_duplicate:
	case PEER_late:
	case PEER_stale:
	case PEER_refused_oversize:
	case PEER_refused_error:
	case PEER_refused_memory:
	case PEER_refused_window:
	case PEER_held: return -1;
	default: return 0;
	}
}

static int
expected_sign(int place)
{
	switch (place) {
	case PEER_expected: return 1;
	case PEER_emitted:
	case PEER_stale:
	case PEER_refused_oversize:
	case PEER_refused_error:
	case PEER_missing:
	case PEER_held:
	case PEER_lost_give_up:
	case PEER_lost_aged:
	case PEER_lost_never:
	case PEER_lost_window:
	case PEER_lost_restart:
	case PEER_lost_drain: return -1;
	default: return 0;
	}
}

START_TEST(each_figure_counts_as_it_should)
{
	for (int i = 0; i < SENT_FIGURES; i++) {
		struct sent_book b = {0};

		counter_set((counter_t *)&b + i, 7);
		ck_assert_int_eq(sent_residual(&b), 7 * sent_sign(i));
	}
	for (int i = 0; i < PEER_FIGURES; i++) {
		struct peer_book b = {0};

		counter_set((counter_t *)&b + i, 7);
		ck_assert_int_eq(received_residual(&b), 7 * received_sign(i));
		ck_assert_int_eq(expected_residual(&b), 7 * expected_sign(i));
		ck_assert_uint_eq(peer_book_lost(&b),
				  i >= PEER_lost_give_up && i <= PEER_lost_drain ? 7
										 : 0);
	}
}
END_TEST

/* A book that the other half told may hold anything; nothing overflows. */
START_TEST(against_sums_modulo_2_64)
{
	struct seeded dice = seeded_init(_i);
	struct peer_book b = {0};
	struct sent_book s = {0};
	uint64_t received = 0, expected = 0, sent = 0;

	for (int i = 0; i < PEER_FIGURES; i++) {
		uint64_t n = seeded_one_in(&dice, 3) ? UINT64_C(1) << 63
						     : seeded_roll(&dice);

		counter_set((counter_t *)&b + i, n);
		received += n * (uint64_t)received_sign(i);
		expected += n * (uint64_t)expected_sign(i);
		if (i >= SENT_FIGURES)
			continue;
		counter_set((counter_t *)&s + i, n);
		sent += n * (uint64_t)sent_sign(i);
	}
	seeded_check(&dice, (uint64_t)received_residual(&b) == received, "received");
	seeded_check(&dice, (uint64_t)expected_residual(&b) == expected, "expected");
	seeded_check(&dice, (uint64_t)sent_residual(&s) == sent, "sent");
}
END_TEST

/* Append-only: what has a place on the wire keeps it (doc/PROTOCOL.md). */
START_TEST(places_on_the_wire)
{
	ck_assert_int_eq(PLACE_owed, 0);
	ck_assert_int_eq(PLACE_sent, 1);
	ck_assert_int_eq(PLACE_shed_age, 2);
	ck_assert_int_eq(PLACE_shed_bytes, 3);
	ck_assert_int_eq(PLACE_shed_aged, 4);
	ck_assert_int_eq(PLACE_unsent, 5);
	ck_assert_int_eq(PLACE_resent, 6);
	ck_assert_int_eq(PLACE_repaired, 7);
	ck_assert_int_eq(PLACE_abandoned, 8);
	ck_assert_int_eq(PEER_received, 0);
	ck_assert_int_eq(PEER_emitted, 1);
	ck_assert_int_eq(PEER_duplicate, 2);
	ck_assert_int_eq(PEER_late, 3);
	ck_assert_int_eq(PEER_stale, 4);
	ck_assert_int_eq(PEER_refused_oversize, 5);
	ck_assert_int_eq(PEER_refused_error, 6);
	ck_assert_int_eq(PEER_refused_memory, 7);
	ck_assert_int_eq(PEER_refused_window, 8);
	ck_assert_int_eq(PEER_held, 9);
	ck_assert_int_eq(PEER_missing, 10);
	ck_assert_int_eq(PEER_lost_give_up, 11);
	ck_assert_int_eq(PEER_lost_drain, 16);
	ck_assert_int_eq(PEER_expected, 17);
	ck_assert_int_le(SENT_FIGURES, WIRE_FIGURES_MAX);
	ck_assert_int_le(PEER_FIGURES, WIRE_FIGURES_MAX);
}
END_TEST

/* An older half says less of a page than we know, a newer one more. */
START_TEST(pages_travel)
{
	struct sent_book here = {0}, there = {0};
	uint64_t figures[WIRE_FIGURES_MAX] = {0};

	for (int i = 0; i < SENT_FIGURES; i++)
		counter_set((counter_t *)&here + i, 100 + (uint64_t)i);
	ck_assert_uint_eq(figures_copy((const counter_t *)&here, SENT_FIGURES, figures),
			  SENT_FIGURES);
	ck_assert_uint_eq(figures[PLACE_unsent], 100 + PLACE_unsent);
	figures_store((counter_t *)&there, SENT_FIGURES, figures, 3);
	ck_assert_uint_eq(counter_get(&there.shed_age), 100 + PLACE_shed_age);
	ck_assert_uint_eq(counter_get(&there.shed_bytes), 0);
	/* What is beyond the page would be another's. */
	figures_store((counter_t *)&there, SENT_FIGURES - 1, figures, WIRE_FIGURES_MAX);
	ck_assert_uint_eq(counter_get((counter_t *)&there + SENT_FIGURES - 2),
			  100 + SENT_FIGURES - 2);
	ck_assert_uint_eq(counter_get((counter_t *)&there + SENT_FIGURES - 1), 0);
	figures_clear((counter_t *)&here, SENT_FIGURES);
	for (int i = 0; i < SENT_FIGURES; i++)
		ck_assert_uint_eq(counter_get((counter_t *)&here + i), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("figures");
	TCase *t = tcase_create("figures");

	tcase_add_test(t, each_figure_counts_as_it_should);
	tcase_add_loop_test(t, against_sums_modulo_2_64, 0, 200);
	tcase_add_test(t, places_on_the_wire);
	tcase_add_test(t, pages_travel);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
