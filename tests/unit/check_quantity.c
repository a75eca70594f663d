/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities: what is read, what is refused, and that print and parse agree. */
#include "base/quantity.h"
#include "suite.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 200000

struct sample {
	enum quantity_kind kind;
	const char *text;
	uint64_t value;
};

static const struct sample right[] = {
	{QUANTITY_COUNT, "0", 0},
	{QUANTITY_COUNT, "16384", 16384},
	{QUANTITY_COUNT, "2.0", 2},
	{QUANTITY_COUNT, "18446744073709551615", UINT64_MAX},
	{QUANTITY_DURATION, "0", 0},
	{QUANTITY_DURATION, "0s", 0},
	{QUANTITY_DURATION, "1ns", 1},
	{QUANTITY_DURATION, "1us", 1000},
	{QUANTITY_DURATION, "200ms", 200000000},
	{QUANTITY_DURATION, "1.5s", 1500000000},
	{QUANTITY_DURATION, "0.000000001s", 1},
	{QUANTITY_DURATION, "0.50h", 1800000000000},
	{QUANTITY_DURATION, "10min", 600000000000},
	{QUANTITY_DURATION, "9223372036854775807ns", INT64_MAX},
	{QUANTITY_SIZE, "1B", 1},
	{QUANTITY_SIZE, "64MiB", 67108864},
	{QUANTITY_SIZE, "64MB", 64000000},
	{QUANTITY_SIZE, "1.5KiB", 1536},
	{QUANTITY_SIZE, "2kB", 2000},
	{QUANTITY_SIZE, "3GB", 3000000000},
	{QUANTITY_SIZE, "3GiB", 3221225472},
	{QUANTITY_RATE, "1Gbit", 1000000000},
	{QUANTITY_RATE, "0.5Mbit", 500000},
	{QUANTITY_RATE, "8kbit", 8000},
	{QUANTITY_RATE, "9bit", 9},
	{QUANTITY_FREQUENCY, "75000", 75000},
	{QUANTITY_FREQUENCY, "75000/s", 75000},
	{QUANTITY_CADENCE, "1/h", 1},
	{QUANTITY_CADENCE, "2/min", 120},
	{QUANTITY_CADENCE, "0.5/s", 1800},
};

/* value: the verdict */
static const struct sample wrong[] = {
	{QUANTITY_DURATION, "", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "-1s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "+1s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, " 1s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, ".5s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "5.s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "010s", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "00", QUANTITY_NOT_A_NUMBER},
	{QUANTITY_DURATION, "200", QUANTITY_NO_UNIT},
	{QUANTITY_SIZE, "64", QUANTITY_NO_UNIT},
	{QUANTITY_RATE, "1.5", QUANTITY_NO_UNIT},
	{QUANTITY_DURATION, "1 s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "1s ", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "1S", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "1e3s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "1.2.3s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "0x10s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "1_000s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_SIZE, "1Mib", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_SIZE, "1s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_RATE, "1GB", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_COUNT, "5/s", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_FREQUENCY, "5pps", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_CADENCE, "5", QUANTITY_NO_UNIT},
	{QUANTITY_CADENCE, "5/day", QUANTITY_UNKNOWN_UNIT},
	{QUANTITY_DURATION, "0.5ns", QUANTITY_INEXACT},
	{QUANTITY_COUNT, "2.5", QUANTITY_INEXACT},
	{QUANTITY_SIZE, "0.3KiB", QUANTITY_INEXACT},
	{QUANTITY_DURATION, "9223372036854775808ns", QUANTITY_TOO_LARGE},
	{QUANTITY_DURATION, "2562048h", QUANTITY_TOO_LARGE},
	{QUANTITY_COUNT, "18446744073709551616", QUANTITY_TOO_LARGE},
	{QUANTITY_SIZE, "18014398509481984KiB", QUANTITY_TOO_LARGE},
	{QUANTITY_SIZE, "1.00000000000000000000B", QUANTITY_TOO_LARGE},
	{QUANTITY_SIZE, "0.00000000000000000000B", QUANTITY_TOO_LARGE},
};

static const struct sample printed[] = {
	{QUANTITY_DURATION, "0", 0},
	{QUANTITY_DURATION, "1500ms", 1500000000},
	{QUANTITY_DURATION, "90s", 90000000000},
	{QUANTITY_DURATION, "1min", 60000000000},
	{QUANTITY_DURATION, "1h", 3600000000000},
	{QUANTITY_DURATION, "9223372036854775807ns", INT64_MAX},
	{QUANTITY_SIZE, "256MiB", 268435456},
	{QUANTITY_SIZE, "1GB", 1000000000},
	{QUANTITY_SIZE, "1025B", 1025},
	{QUANTITY_RATE, "1Gbit", 1000000000},
	{QUANTITY_RATE, "1500Mbit", 1500000000},
	{QUANTITY_COUNT, "16384", 16384},
	{QUANTITY_FREQUENCY, "75000/s", 75000},
	{QUANTITY_CADENCE, "75000/s", 270000000},
	{QUANTITY_CADENCE, "90/min", 5400},
	{QUANTITY_CADENCE, "7/h", 7},
	{QUANTITY_SIZE, "18446744073709551615B", UINT64_MAX},
};

START_TEST(test_right)
{
	const struct sample *s = &right[_i];
	uint64_t value = 77;

	ck_assert_msg(quantity_parse(s->kind, s->text, &value) == QUANTITY_OK, "%s",
		      s->text);
	ck_assert_uint_eq(value, s->value);
}
END_TEST

START_TEST(test_wrong)
{
	const struct sample *s = &wrong[_i];
	uint64_t value = 77;
	enum quantity_verdict v = quantity_parse(s->kind, s->text, &value);

	ck_assert_msg(v == s->value, "\"%s\" %s, not: %s", s->text,
		      quantity_verdict_text(v),
		      quantity_verdict_text((enum quantity_verdict)s->value));
	ck_assert_uint_eq(value, 77);
}
END_TEST

START_TEST(test_printed)
{
	const struct sample *s = &printed[_i];
	char text[QUANTITY_BYTES];

	quantity_print(s->kind, s->value, text);
	ck_assert_str_eq(text, s->text);
}
END_TEST

/* Every unit that the messages name is taken, and no verdict lacks its text. */
START_TEST(test_words)
{
	for (int k = 0; k < QUANTITY_KIND_COUNT; k++) {
		char units[64], text[64], *save, *unit;
		uint64_t value;

		ck_assert_str_ne(quantity_kind_name((enum quantity_kind)k), "");
		snprintf(units, sizeof(units), "%s",
			 quantity_units((enum quantity_kind)k));
		for (unit = strtok_r(units, ", ", &save); unit != NULL;
		     unit = strtok_r(NULL, ", ", &save)) {
			snprintf(text, sizeof(text), "7%s", unit);
			ck_assert_int_eq(
				quantity_parse((enum quantity_kind)k, text, &value),
				QUANTITY_OK);
			ck_assert_uint_eq(value % 7, 0);
		}
	}
	for (int v = 0; v < QUANTITY_VERDICT_COUNT; v++)
		ck_assert_str_ne(quantity_verdict_text((enum quantity_verdict)v),
				 "is not a quantity");
}
END_TEST

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t
choose_seed(void)
{
	const char *text = getenv("TOMBOLO_SEED");

	return text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
}

START_TEST(test_round_trip)
{
	uint64_t seed = choose_seed(), state = seed, factors[] = {1, 1000, 1024, 60};
	char text[QUANTITY_BYTES];

	for (int i = 0; i < ROUNDS; i++) {
		enum quantity_kind kind = next_random(&state) % QUANTITY_KIND_COUNT;
		uint64_t value = next_random(&state) >> next_random(&state) % 64, back;

		for (uint64_t n = next_random(&state) % 5; n > 0; n--)
			value *= factors[next_random(&state) % 4];
		if (kind == QUANTITY_DURATION)
			value &= INT64_MAX;
		quantity_print(kind, value, text);
		ck_assert_msg(quantity_parse(kind, text, &back) == QUANTITY_OK &&
				      back == value,
			      "TOMBOLO_SEED=%" PRIu64 ": %s", seed, text);
	}
}
END_TEST

/* Decimal fractions; the oracle counts in thousandths of the unit. */
START_TEST(test_fractions)
{
	static const struct {
		const char *name;
		uint64_t factor;
	} units[] = {
		{"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}};
	uint64_t seed = choose_seed(), state = seed;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t whole = next_random(&state) % 1000, value = 0;
		uint64_t milli = next_random(&state) % 1000,
			 u = next_random(&state) % 4;
		char text[64];

		snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64 "%s", whole,
			 milli, units[u].name);
		ck_assert_msg(quantity_parse(QUANTITY_DURATION, text, &value) ==
					      QUANTITY_OK &&
				      value == (whole * 1000 + milli) *
						       (units[u].factor / 1000),
			      "TOMBOLO_SEED=%" PRIu64 ": %s", seed, text);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("quantity");
	TCase *tables = tcase_create("tables"),
	      *properties = tcase_create("properties");

	tcase_add_loop_test(tables, test_right, 0, sizeof(right) / sizeof(right[0]));
	tcase_add_loop_test(tables, test_wrong, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tables, test_printed, 0,
			    sizeof(printed) / sizeof(printed[0]));
	tcase_add_test(tables, test_words);
	suite_add_tcase(s, tables);
	tcase_set_timeout(properties, 60);
	tcase_add_test(properties, test_round_trip);
	tcase_add_test(properties, test_fractions);
	suite_add_tcase(s, properties);
	return suite_run(s);
}
