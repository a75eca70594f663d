/* SPDX-License-Identifier: Apache-2.0 */
/* Names of places, against a walk over all of them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "seeded.h"
#include "suite.h"

#define PLACES 64
#define TEXTS  40 /* so that several places have one name */

struct world {
	struct names *names;
	const char *has[PLACES]; /* NULL: none */
	char texts[TEXTS][16];
};

static void
init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->names = names_new(PLACES);
	ck_assert_ptr_nonnull(w->names);
	for (int i = 0; i < TEXTS; i++)
		snprintf(w->texts[i], sizeof(w->texts[i]), "channel-%04d", i);
}

/* Each place of that name is found once, and no other. */
static void
compare(const struct seeded *s, const struct world *w, const char *text)
{
	bool found[PLACES] = {false};
	char copy[16];

	snprintf(copy, sizeof(copy), "%s", text);
	for (uint32_t i = names_find(w->names, copy); i != NAMES_NONE;
	     i = names_next(w->names, i)) {
		seeded_check(s, i < PLACES && !found[i], "%s: %u twice", text, i);
		found[i] = true;
	}
	for (uint32_t i = 0; i < PLACES; i++)
		seeded_check(
			s,
			found[i] == (w->has[i] != NULL && strcmp(w->has[i], text) == 0),
			"%s: %u is %sfound", text, i, found[i] ? "" : "not ");
}

START_TEST(against_a_walk)
{
	struct seeded s = seeded_init(_i);
	struct world w;

	init(&w);
	for (int step = 0; step < 2000; step++) {
		uint32_t place = (uint32_t)seeded_below(&s, PLACES);

		w.has[place] = w.texts[seeded_below(&s, TEXTS)];
		names_put(w.names, place, w.has[place]);
		compare(&s, &w, w.texts[seeded_below(&s, TEXTS)]);
		if (seeded_one_in(&s, 500)) {
			names_clear(w.names);
			memset(w.has, 0, sizeof(w.has));
		}
	}
	for (int i = 0; i < TEXTS; i++)
		compare(&s, &w, w.texts[i]);
	names_free(w.names);
}
END_TEST

START_TEST(nothing_is_found_in_an_empty_one)
{
	struct names *n = names_new(1);

	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(names_find(n, ""), NAMES_NONE);
	names_put(n, 0, "");
	ck_assert_uint_eq(names_find(n, ""), 0);
	ck_assert_uint_eq(names_next(n, 0), NAMES_NONE);
	ck_assert_uint_eq(names_find(n, "a"), NAMES_NONE);
	names_free(n);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("names");
	TCase *t = tcase_create("names");

	tcase_add_loop_test(t, against_a_walk, 0, 20);
	tcase_add_test(t, nothing_is_found_in_an_empty_one);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
