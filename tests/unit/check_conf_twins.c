/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that are alike, against a comparison of each with each. */
#include <check.h>
#include <stdlib.h>

#include "ops/conf_twins.h"
#include "seeded.h"
#include "suite.h"

#define ENTRIES 40

struct entry {
	char before;
	int key; /* below 0: like no other */
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->key < 0 && y->key < 0)
		return x < y ? -1 : x > y;
	return x->key < y->key ? -1 : x->key > y->key;
}

static struct conf_twins
search(const struct entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			if (entries[k].key == entries[i].key && entries[i].key >= 0)
				return (struct conf_twins){k, i};
		}
	}
	return (struct conf_twins){count, count};
}

START_TEST(against_each_with_each)
{
	struct seeded s = seeded_init(_i);

	for (int round = 0; round < 500; round++) {
		size_t count = seeded_below(&s, ENTRIES);
		uint64_t keys = 1 + seeded_below(&s, 4 * ENTRIES * ENTRIES);
		struct entry entries[ENTRIES];
		struct conf_twins due, found;

		for (size_t i = 0; i < count; i++)
			entries[i] = (struct entry){
				.key = seeded_one_in(&s, 8)
					       ? -1
					       : (int)seeded_below(&s, keys)};
		due = search(entries, count);
		ck_assert(conf_twins_find(entries, count, sizeof(entries[0]), compare,
					  &found));
		seeded_check(&s, found.first == due.first && found.second == due.second,
			     "round %d: %zu and %zu, not %zu and %zu", round,
			     found.first, found.second, due.first, due.second);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf twins");
	TCase *t = tcase_create("conf twins");

	tcase_add_loop_test(t, against_each_with_each, 0, 20);
	suite_add_tcase(suite, t);
	return suite_run(suite);
}
