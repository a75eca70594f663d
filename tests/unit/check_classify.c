/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "path/classify.h"
#include "suite.h"

#define GROUP  0xe9253601U
#define SOURCE 0x0a000009U

static struct channel_settings
channel(uint32_t group, uint16_t port, uint32_t source)
{
	return (struct channel_settings){
		.group = group, .port = port, .source = source};
}

START_TEST(nothing_configured)
{
	struct classifier *c = classify_new(NULL, 0, NULL);

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(classify_find(c, GROUP, 1, SOURCE), CLASSIFY_NONE);
	classify_free(c);
	classify_free(NULL);
}
END_TEST

START_TEST(group_and_port)
{
	struct channel_settings s[] = {channel(GROUP, 1, 0), channel(GROUP, 2, 0),
				       channel(GROUP + 1, 1, 0)};
	struct classifier *c = classify_new(s, 3, NULL);

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(classify_find(c, GROUP, 1, SOURCE), 0);
	ck_assert_int_eq(classify_find(c, GROUP, 2, SOURCE + 1), 1);
	ck_assert_int_eq(classify_find(c, GROUP + 1, 1, SOURCE), 2);
	ck_assert_int_eq(classify_find(c, GROUP + 1, 2, SOURCE), CLASSIFY_NONE);
	ck_assert_int_eq(classify_find(c, GROUP + 2, 1, SOURCE), CLASSIFY_NONE);
	classify_free(c);
}
END_TEST

START_TEST(a_source_goes_first)
{
	struct channel_settings s[] = {channel(GROUP, 1, 0), channel(GROUP, 1, SOURCE),
				       channel(GROUP, 2, SOURCE)};
	struct classifier *c = classify_new(s, 3, NULL);

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(classify_find(c, GROUP, 1, SOURCE), 1);
	ck_assert_int_eq(classify_find(c, GROUP, 1, SOURCE + 1), 0);
	ck_assert_int_eq(classify_find(c, GROUP, 2, SOURCE), 2);
	ck_assert_int_eq(classify_find(c, GROUP, 2, SOURCE + 1), CLASSIFY_NONE);
	classify_free(c);
}
END_TEST

static int
find_in_list(const struct channel_settings *s, size_t count, uint32_t group,
	     uint16_t port, uint32_t source)
{
	for (size_t i = 0; i < count; i++)
		if (s[i].group == group && s[i].port == port && s[i].source == source)
			return (int)i;
	return CLASSIFY_NONE;
}

/* Against a search of the list: dense numbers, so that there are many near misses,
 * and pairs that are given twice (the first one stands). */
START_TEST(as_a_list)
{
	static struct channel_settings s[CHANNELS_MAX];
	const char *given = getenv("TOMBOLO_SEED");
	unsigned int seed =
		given != NULL ? (unsigned int)strtoul(given, NULL, 0) : 4096;
	struct classifier *c;
	int found = 0;

	printf("check_classify: TOMBOLO_SEED=%u\n", seed);
	srandom(seed);
	for (size_t i = 0; i < CHANNELS_MAX; i++)
		s[i] = channel(GROUP + random() % 64, (uint16_t)(random() % 128),
			       random() % 2 ? 0 : SOURCE + random() % 4);
	c = classify_new(s, CHANNELS_MAX, NULL);
	ck_assert_ptr_nonnull(c);
	for (int i = 0; i < 20000; i++) {
		uint32_t group = GROUP + random() % 66, source = SOURCE + random() % 6;
		uint16_t port = (uint16_t)(random() % 130);
		int expected = find_in_list(s, CHANNELS_MAX, group, port, source);

		if (expected == CLASSIFY_NONE)
			expected = find_in_list(s, CHANNELS_MAX, group, port, 0);
		found += expected != CLASSIFY_NONE;
		ck_assert_int_eq(classify_find(c, group, port, source), expected);
	}
	ck_assert_int_gt(found, 1000);
	ck_assert_int_lt(found, 19000);
	classify_free(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("classify");
	TCase *tc = tcase_create("classify");

	tcase_add_test(tc, nothing_configured);
	tcase_add_test(tc, group_and_port);
	tcase_add_test(tc, a_source_goes_first);
	tcase_add_test(tc, as_a_list);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
