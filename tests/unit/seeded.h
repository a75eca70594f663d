/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SEEDED_H
#define TOMBOLO_SEEDED_H
/* Randomness of property tests: seeded, printed on failure, given by TOMBOLO_SEED. */
#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct seeded {
	uint64_t seed;
	uint64_t state;
};

/* `loop` tells the runs of one test from each other. With TOMBOLO_SEED all of them
 * are the one that failed. */
static inline struct seeded
seeded_init(int loop)
{
	const char *given = getenv("TOMBOLO_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0)
				      : (uint64_t)clock_now().utc.ns + (uint64_t)loop;

	return (struct seeded){.seed = seed, .state = seed};
}

/* SplitMix64. */
static inline uint64_t
seeded_roll(struct seeded *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* 0 <= result < n. */
static inline uint64_t
seeded_below(struct seeded *s, uint64_t n)
{
	return seeded_roll(s) % n;
}

static inline bool
seeded_one_in(struct seeded *s, uint64_t n)
{
	return seeded_below(s, n) == 0;
}

/* For inner loops: it speaks only when it fails, and then of the seed first. */
#define seeded_check(s, condition, ...)                                              \
	do {                                                                         \
		if (!(condition))                                                    \
			seeded_fail(s, #condition, __FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

static inline void __attribute__((noreturn, format(printf, 5, 6)))
seeded_fail(const struct seeded *s, const char *condition, const char *file, int line,
	    const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ck_abort_msg("%s:%d: %s: TOMBOLO_SEED=%llu: %s", file, line, condition,
		     (unsigned long long)s->seed, text);
}

#endif
