/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantity.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define UNITS_MAX 8

struct unit {
	const char *name;
	uint64_t factor;
};

struct kind {
	const char *name;
	const char *units; /* for messages */
	bool bare;         /* a number alone will do */
	uint64_t max;
	struct unit unit[UNITS_MAX]; /* by factor, rising; ends with a NULL name */
};

static const struct kind kinds[QUANTITY_KIND_COUNT] = {
	[QUANTITY_COUNT] = {"count", "", true, UINT64_MAX, {{"", 1}}},
	[QUANTITY_DURATION] = {"duration",
			       "ns, us, ms, s, min, h",
			       false,
			       INT64_MAX,
			       {{"ns", 1},
				{"us", 1000},
				{"ms", 1000000},
				{"s", 1000000000},
				{"min", 60000000000},
				{"h", 3600000000000}}},
	[QUANTITY_SIZE] = {"size",
			   "B, KiB, MiB, GiB, kB, MB, GB",
			   false,
			   UINT64_MAX,
			   {{"B", 1},
			    {"kB", 1000},
			    {"KiB", 1024},
			    {"MB", 1000000},
			    {"MiB", 1048576},
			    {"GB", 1000000000},
			    {"GiB", 1073741824}}},
	[QUANTITY_RATE] =
		{"rate",
		 "bit, kbit, Mbit, Gbit",
		 false,
		 UINT64_MAX,
		 {{"bit", 1}, {"kbit", 1000}, {"Mbit", 1000000}, {"Gbit", 1000000000}}},
	[QUANTITY_FREQUENCY] =
		{"count per second", "/s", true, UINT64_MAX, {{"/s", 1}}},
	[QUANTITY_CADENCE] = {"count per time",
			      "/h, /min, /s",
			      false,
			      UINT64_MAX,
			      {{"/h", 1}, {"/min", 60}, {"/s", 3600}}},
};

/* What was written in front of the unit: digits / scale. */
struct number {
	uint64_t digits;
	uint64_t scale;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static enum quantity_verdict
parse_digits(const char **at, struct number *n, bool fraction)
{
	const char *p = *at;

	if (!is_digit(*p))
		return QUANTITY_NOT_A_NUMBER;
	for (; is_digit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (n->digits > (UINT64_MAX - digit) / 10)
			return QUANTITY_TOO_LARGE;
		if (fraction && n->scale > UINT64_MAX / 10)
			return QUANTITY_TOO_LARGE;
		n->digits = n->digits * 10 + digit;
		n->scale *= fraction ? 10 : 1;
	}
	*at = p;
	return QUANTITY_OK;
}

static enum quantity_verdict
parse_number(const char **at, struct number *n)
{
	enum quantity_verdict v;

	if ((*at)[0] == '0' && is_digit((*at)[1]))
		return QUANTITY_NOT_A_NUMBER;
	v = parse_digits(at, n, false);
	if (v != QUANTITY_OK || **at != '.')
		return v;
	++*at;
	return parse_digits(at, n, true);
}

static enum quantity_verdict
find_unit(const struct kind *k, const char *text, const struct number *n,
	  uint64_t *factor)
{
	if (*text == '\0') {
		*factor = 1;
		return k->bare || n->digits == 0 ? QUANTITY_OK : QUANTITY_NO_UNIT;
	}
	for (const struct unit *u = k->unit; u->name != NULL; u++) {
		if (strcmp(u->name, text) == 0) {
			*factor = u->factor;
			return QUANTITY_OK;
		}
	}
	return QUANTITY_UNKNOWN_UNIT;
}

enum quantity_verdict
quantity_parse(enum quantity_kind kind, const char *text, uint64_t *value)
{
	struct number n = {.digits = 0, .scale = 1};
	enum quantity_verdict v;
	unsigned __int128 exact;
	uint64_t factor;

	v = parse_number(&text, &n);
	if (v != QUANTITY_OK)
		return v;
	v = find_unit(&kinds[kind], text, &n, &factor);
	if (v != QUANTITY_OK)
		return v;
	exact = (unsigned __int128)n.digits * factor;
	if (exact % n.scale != 0)
		return QUANTITY_INEXACT;
	exact /= n.scale;
	if (exact > kinds[kind].max)
		return QUANTITY_TOO_LARGE;
	*value = (uint64_t)exact;
	return QUANTITY_OK;
}

void
quantity_print(enum quantity_kind kind, uint64_t value, char out[QUANTITY_BYTES])
{
	const struct unit *best = kinds[kind].unit;

	if (value == 0) {
		snprintf(out, QUANTITY_BYTES, "0");
		return;
	}
	for (const struct unit *u = best; u->name != NULL; u++) {
		if (value % u->factor == 0)
			best = u;
	}
	snprintf(out, QUANTITY_BYTES, "%" PRIu64 "%s", value / best->factor,
		 best->name);
}

const char *
quantity_kind_name(enum quantity_kind kind)
{
	return kinds[kind].name;
}

const char *
quantity_units(enum quantity_kind kind)
{
	return kinds[kind].units;
}

const char *
quantity_verdict_text(enum quantity_verdict verdict)
{
	switch (verdict) {
	case QUANTITY_OK: return "is right";
	case QUANTITY_NOT_A_NUMBER: return "is not a number";
	case QUANTITY_NO_UNIT: return "has no unit";
	case QUANTITY_UNKNOWN_UNIT: return "has an unknown unit";
	case QUANTITY_INEXACT: return "is finer than the smallest unit";
	case QUANTITY_TOO_LARGE: return "is too large";
	case QUANTITY_VERDICT_COUNT: break;
	}
	return "is not a quantity";
}
