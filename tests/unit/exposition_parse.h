/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EXPOSITION_PARSE_H
#define TOMBOLO_EXPOSITION_PARSE_H
/*
 * A strict reader of the Prometheus text format: what a scraper lets pass and a
 * person would stumble over is an error, too. Any error fails the test.
 */
#include <stddef.h>

struct evbuffer;

#define FAMILIES_MAX 256
#define SAMPLES_MAX  16384

struct parsed {
	char *text;
	struct {
		const char *name, *type;
		size_t samples;
	} families[FAMILIES_MAX];
	size_t family_count;
	struct {
		const char *series; /* name{labels}, as written */
		double value;
	} samples[SAMPLES_MAX];
	size_t sample_count;
};

/*
 * Takes all of the buffer. Checks: each family has HELP, with a text, then TYPE,
 * and is announced once, before its samples; samples belong to the family last
 * announced; no series twice; names, labels and numbers are well formed; counters,
 * and only they, end in _total and are not negative; le is in buckets alone, which
 * grow, and +Inf equals _count. Free with parsed_free().
 */
struct parsed *parse_exposition(struct evbuffer *in);
void parsed_free(struct parsed *p);

/* The value of a series: which has to be there, or NaN when it is not. */
double parsed_value(const struct parsed *p, const char *series);
double parsed_find(const struct parsed *p, const char *series);
/* How many series begin with prefix. */
size_t parsed_count(const struct parsed *p, const char *prefix);

#endif
