/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/exposition.h"

#include <assert.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/histogram.h"

#define NUMBER_BYTES_MAX 32

/* ---- names ---- */

static bool
name_is_good(const char *name, bool colon)
{
	const char *rest = colon ? "abcdefghijklmnopqrstuvwxyz_:0123456789"
				 : "abcdefghijklmnopqrstuvwxyz_0123456789";

	if (!*name || (*name >= '0' && *name <= '9'))
		return false;
	return name[strspn(name, rest)] == '\0';
}

static bool
ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* ---- text ---- */

static void
put(struct evbuffer *out, const char *text)
{
	evbuffer_add(out, text, strlen(text));
}

/* The bytes of the UTF-8 character at p (RFC 3629, table of section 4), or 0. */
static size_t
character_bytes(const unsigned char *p)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n = 1;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	if (p[0] >= 0xe0)
		n++;
	if (p[0] >= 0xf0)
		n++;
	if (p[0] == 0xe0 || p[0] == 0xf0) /* no overlong form */
		low = p[0] == 0xe0 ? 0xa0 : 0x90;
	if (p[0] == 0xed || p[0] == 0xf4) /* no surrogate, none past U+10FFFF */
		high = p[0] == 0xed ? 0x9f : 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i <= n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n + 1;
}

static void
put_escaped(struct evbuffer *out, const char *text, bool quote)
{
	size_t n;

	for (; *text; text += n ? n : 1) {
		n = character_bytes((const unsigned char *)text);
		if (n == 0)
			put(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (*text == '\n')
			put(out, "\\n");
		else if (*text == '\\')
			put(out, "\\\\");
		else if (*text == '"' && quote)
			put(out, "\\\"");
		else
			evbuffer_add(out, text, n);
	}
}

static void
put_label(struct evbuffer *out, const char *name, const char *value)
{
	put(out, name);
	put(out, "=\"");
	put_escaped(out, value, true);
	put(out, "\"");
}

/* name + suffix{labels,le="le"} value; le may be NULL. */
static void
put_sample(struct evbuffer *out, const char *name, const char *suffix,
	   const struct exposition_label *labels, size_t label_count, const char *le,
	   const char *value)
{
	const char *before = "{";

	put(out, name);
	put(out, suffix);
	for (size_t i = 0; i < label_count; i++) {
		assert(name_is_good(labels[i].name, false));
		assert(strcmp(labels[i].name, "le") != 0);
		put(out, before);
		put_label(out, labels[i].name, labels[i].value);
		before = ",";
	}
	if (le) {
		put(out, before);
		put_label(out, "le", le);
	}
	put(out, label_count || le ? "} " : " ");
	put(out, value);
	put(out, "\n");
}

/* ---- numbers ---- */

/* The fewest digits that read back to the same number. */
static void
format_double(char text[NUMBER_BYTES_MAX], double value)
{
	int digits = 15;

	if (isnan(value) || isinf(value)) {
		strcpy(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
		return;
	}
	do
		snprintf(text, NUMBER_BYTES_MAX, "%.*g", digits, value);
	while (strtod(text, NULL) != value && digits++ < 17);
}

static void
format_seconds(char text[NUMBER_BYTES_MAX], uint64_t value_ns, bool negative)
{
	size_t n = (size_t)snprintf(text, NUMBER_BYTES_MAX, "%s%llu.%09llu",
				    negative ? "-" : "", value_ns / NS_PER_S,
				    value_ns % NS_PER_S);

	while (text[n - 1] == '0')
		text[--n] = '\0';
	if (text[n - 1] == '.')
		text[--n] = '\0';
}

/* ---- families and samples ---- */

void
exposition_family(struct evbuffer *out, const char *name, enum exposition_type type,
		  const char *help)
{
	static const char *const types[] = {
		[EXPOSITION_COUNTER] = "counter",
		[EXPOSITION_GAUGE] = "gauge",
		[EXPOSITION_HISTOGRAM] = "histogram",
	};

	assert(name_is_good(name, true));
	assert(ends_in(name, "_total") == (type == EXPOSITION_COUNTER));
	put(out, "# HELP ");
	put(out, name);
	put(out, " ");
	put_escaped(out, help, false);
	put(out, "\n# TYPE ");
	put(out, name);
	put(out, " ");
	put(out, types[type]);
	put(out, "\n");
}

void
exposition_u64(struct evbuffer *out, const char *name,
	       const struct exposition_label *labels, size_t label_count,
	       uint64_t value)
{
	char text[NUMBER_BYTES_MAX];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_sample(out, name, "", labels, label_count, NULL, text);
}

void
exposition_i64(struct evbuffer *out, const char *name,
	       const struct exposition_label *labels, size_t label_count, int64_t value)
{
	char text[NUMBER_BYTES_MAX];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_sample(out, name, "", labels, label_count, NULL, text);
}

void
exposition_double(struct evbuffer *out, const char *name,
		  const struct exposition_label *labels, size_t label_count,
		  double value)
{
	char text[NUMBER_BYTES_MAX];

	format_double(text, value);
	put_sample(out, name, "", labels, label_count, NULL, text);
}

void
exposition_seconds(struct evbuffer *out, const char *name,
		   const struct exposition_label *labels, size_t label_count,
		   int64_t value_ns)
{
	char text[NUMBER_BYTES_MAX];
	bool negative = value_ns < 0;

	format_seconds(text, negative ? -(uint64_t)value_ns : (uint64_t)value_ns,
		       negative);
	put_sample(out, name, "", labels, label_count, NULL, text);
}

void
exposition_histogram(struct evbuffer *out, const char *name,
		     const struct exposition_label *labels, size_t label_count,
		     const struct histogram *h)
{
	struct histogram_bounds it = {.histogram = h};
	char le[NUMBER_BYTES_MAX], text[NUMBER_BYTES_MAX];

	assert(ends_in(name, "_seconds"));
	while (histogram_next_bound(&it)) {
		if (it.bound_ns == INT64_MAX)
			format_double(le, INFINITY);
		else
			format_seconds(le, (uint64_t)it.bound_ns, false);
		snprintf(text, sizeof(text), "%" PRIu64, it.count);
		put_sample(out, name, "_bucket", labels, label_count, le, text);
	}
	/* text still holds the count of +Inf, to which _count has to be equal */
	put_sample(out, name, "_count", labels, label_count, NULL, text);
	format_seconds(text, counter_get(&h->sum_ns), false);
	put_sample(out, name, "_sum", labels, label_count, NULL, text);
}
