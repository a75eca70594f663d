/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FINDING_H
#define TOMBOLO_FINDING_H
/*
 * What one check found of one thing: a result, what was found and, unless all is well,
 * what causes it and what to do. A check has one finding, or one for each path or
 * interface it looked at.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "check/catalog.h"

enum finding_result {
	FINDING_OK,
	FINDING_WARN, /* works, and will not for ever, or not well */
	FINDING_FAIL, /* does not work, or loses datagrams */
	FINDING_SKIP, /* cannot be found out here, or does not apply; found says why */
};

#define FINDING_TEXT_BYTES 512

struct finding {
	enum check_id check;
	enum finding_result result;
	char found[FINDING_TEXT_BYTES];
	char cause[FINDING_TEXT_BYTES];
	char remedy[FINDING_TEXT_BYTES];
};

/* The result and what was found. What is not printable ASCII becomes '?', for some of
 * it comes from remotes; here and below. */
void finding_set(struct finding *f, enum finding_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void finding_cause(struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finding_remedy(struct finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* All of a run, in the order of their numbers. */
struct findings {
	struct finding *list;
	size_t count, room;
	struct finding spare; /* given out when memory is short */
	bool short_of_memory;
};

void findings_fini(struct findings *fs);
/* The next, to be filled in before another one is added. */
struct finding *findings_add(struct findings *fs, enum check_id check);
size_t findings_count(const struct findings *fs, enum finding_result result);

const char *finding_result_name(enum finding_result result); /* "ok" … "FAIL" */
void findings_print(const struct findings *fs, FILE *out);
json_t *findings_json(const struct findings *fs);

#endif
