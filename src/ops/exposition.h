/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EXPOSITION_H
#define TOMBOLO_EXPOSITION_H
/*
 * Writes the Prometheus text exposition format, version 0.0.4, into an evbuffer:
 * a family's head, then all its samples, then the next family. Names are ours, so
 * a bad one is our bug and asserted; label values and help may hold anything: they
 * are escaped, and what is not UTF-8 is replaced, since one bad byte would cost
 * the whole scrape. Numbers are printed so that they read back to the same value.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct evbuffer;
struct histogram;

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM };

/* Borrowed until the call returns. The name is [a-z_][a-z0-9_]*, and not "le". */
struct exposition_label {
	const char *name;
	const char *value;
};

/* "# HELP" and "# TYPE". The name is [a-z_:][a-z0-9_:]*; a counter's ends in
 * _total, another's does not. */
void exposition_family(struct evbuffer *out, const char *name,
		       enum exposition_type type, const char *help);

/* One sample of the family written last. */
void exposition_u64(struct evbuffer *out, const char *name,
		    const struct exposition_label *labels, size_t label_count,
		    uint64_t value);
void exposition_i64(struct evbuffer *out, const char *name,
		    const struct exposition_label *labels, size_t label_count,
		    int64_t value);
void exposition_double(struct evbuffer *out, const char *name,
		       const struct exposition_label *labels, size_t label_count,
		       double value);

/* Nanoseconds as a decimal number of seconds, exactly. */
void exposition_seconds(struct evbuffer *out, const char *name,
			const struct exposition_label *labels, size_t label_count,
			int64_t value_ns);

/* name_bucket, name_sum and name_count, in seconds: the name ends in _seconds. */
void exposition_histogram(struct evbuffer *out, const char *name,
			  const struct exposition_label *labels, size_t label_count,
			  const struct histogram *h);

#endif
