/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread posts another reads whole; and the lists that are made of it. */
#include "base/posted.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "path/upstream.h"
#include "suite.h"

struct record {
	uint64_t figures[9];
	uint32_t odd; /* no whole number of words */
};

#define WRITES 200000

static counter_t words[POSTED_WORDS(sizeof(struct record))];
static _Atomic bool done;

static void *
write_many(void *arg)
{
	struct record r;

	(void)arg;
	for (uint64_t n = 1; n <= WRITES; n++) {
		for (size_t i = 0; i < 9; i++)
			r.figures[i] = n;
		r.odd = (uint32_t)n;
		posted_put(words, &r, sizeof r);
	}
	atomic_store(&done, true);
	return NULL;
}

START_TEST(a_reader_sees_it_whole)
{
	struct record r = {.odd = 0};
	uint64_t before = 0;
	pthread_t writer;

	ck_assert(!posted_get(words, &r, sizeof r));
	ck_assert_int_eq(pthread_create(&writer, NULL, write_many, NULL), 0);
	while (!atomic_load(&done)) {
		if (!posted_get(words, &r, sizeof r))
			continue;
		for (size_t i = 1; i < 9; i++)
			ck_assert_uint_eq(r.figures[i], r.figures[0]);
		ck_assert_uint_eq(r.odd, (uint32_t)r.figures[0]);
		ck_assert_uint_ge(r.figures[0], before);
		before = r.figures[0];
	}
	pthread_join(writer, NULL);
	ck_assert(posted_get(words, &r, sizeof r));
	ck_assert_uint_eq(r.odd, WRITES);
}
END_TEST

START_TEST(the_newest_upstream_gaps_are_kept)
{
	struct upstream *u = upstream_new();
	struct upstream_mark m;
	struct upstream_gap g;

	ck_assert_ptr_nonnull(u);
	ck_assert(!upstream_gap(u, 0, &g));
	for (uint64_t i = 1; i <= UPSTREAM_ENTRIES + 10; i++) {
		g = (struct upstream_gap){.channel = 2,
					  .captured = {(int64_t)i},
					  .first = i,
					  .missing = 3};
		upstream_note_gap(u, &g);
	}
	for (size_t n = 0; n < UPSTREAM_ENTRIES; n++) {
		ck_assert(upstream_gap(u, n, &g));
		ck_assert_uint_eq(g.first, UPSTREAM_ENTRIES + 10 - n);
		ck_assert_uint_eq(g.missing, 3);
	}
	ck_assert(!upstream_gap(u, UPSTREAM_ENTRIES, &g));
	ck_assert(!upstream_mark(u, 0, &m));
	upstream_note_mark(u, &(struct upstream_mark){{7}, DROP_INTERFACE, 4});
	ck_assert(upstream_mark(u, 0, &m));
	ck_assert_uint_eq(m.datagrams, 4);
	ck_assert_int_eq(m.point, DROP_INTERFACE);
	ck_assert(!upstream_mark(u, 1, &m));
	upstream_free(u);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("posted");
	TCase *all = tcase_create("all");

	tcase_add_test(all, a_reader_sees_it_whole);
	tcase_add_test(all, the_newest_upstream_gaps_are_kept);
	suite_add_tcase(suite, all);
	return suite_run(suite);
}
