/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_QUANTITY_H
#define TOMBOLO_QUANTITY_H
/*
 * Quantities as an operator writes them: 200ms, 64MiB, 1Gbit, 75000/s. Pure.
 *
 * A quantity is a decimal number and a unit with nothing between them. The
 * number has no sign, no exponent and no leading zero (which YAML 1.1 would
 * take for octal). "0" alone needs no unit. A result that is not a whole number
 * of the smallest unit is refused, never rounded.
 */
#include <stddef.h>
#include <stdint.h>

enum quantity_kind {
	QUANTITY_COUNT,     /* 16384 */
	QUANTITY_DURATION,  /* ns, us, ms, s, min, h; in ns, at most INT64_MAX */
	QUANTITY_SIZE,      /* B, kB, KiB, MB, MiB, GB, GiB; in bytes */
	QUANTITY_RATE,      /* bit, kbit, Mbit, Gbit; in bits per second */
	QUANTITY_FREQUENCY, /* 75000 or 75000/s; per second */
	QUANTITY_CADENCE,   /* /h, /min, /s; per hour */
	QUANTITY_KIND_COUNT
};

enum quantity_verdict {
	QUANTITY_OK,
	QUANTITY_NOT_A_NUMBER,
	QUANTITY_NO_UNIT,
	QUANTITY_UNKNOWN_UNIT,
	QUANTITY_INEXACT,   /* finer than the smallest unit */
	QUANTITY_TOO_LARGE, /* for 64 bits, or more than 19 digits */
	QUANTITY_VERDICT_COUNT
};

/* Enough for every printed quantity, with the NUL. */
#define QUANTITY_BYTES 32

/* *value is in the smallest unit of the kind; it is untouched unless OK. */
enum quantity_verdict quantity_parse(enum quantity_kind kind, const char *text,
				     uint64_t *value);

/* Prints in the largest unit that is exact, so that it parses back to value. */
void quantity_print(enum quantity_kind kind, uint64_t value, char out[QUANTITY_BYTES]);

/* "duration"; "ns, us, ms, s, min, h" ("" for a count); what is wrong, as in
 * "has no unit". All static. */
const char *quantity_kind_name(enum quantity_kind kind);
const char *quantity_units(enum quantity_kind kind);
const char *quantity_verdict_text(enum quantity_verdict verdict);

#endif
