/* SPDX-License-Identifier: Apache-2.0 */
#include "exposition_parse.h"

#include <check.h>
#include <event2/buffer.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

static bool
is_name(const char *text, size_t len)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz_0123456789";

	if (len == 0 || strchr(first, text[0]) == NULL)
		return false;
	return strspn(text, rest) >= len;
}

static bool
ends_in(const char *text, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len >= n && strncmp(text + len - n, suffix, n) == 0;
}

/* ---- heads ---- */

static void
take_help(struct parsed *p, char *line)
{
	char *help = strchr(line, ' ');

	ck_assert_msg(help != NULL && help[1] != '\0', "HELP without a text: %s", line);
	*help = '\0';
	ck_assert_msg(is_name(line, strlen(line)), "bad family: %s", line);
	for (size_t i = 0; i < p->family_count; i++)
		ck_assert_msg(strcmp(p->families[i].name, line) != 0,
			      "family announced twice: %s", line);
	ck_assert_uint_lt(p->family_count, FAMILIES_MAX);
	p->families[p->family_count++].name = line;
}

static void
take_type(struct parsed *p, char *line)
{
	char *type = strchr(line, ' ');
	bool counter;

	ck_assert_msg(type != NULL && p->family_count > 0, "stray TYPE: %s", line);
	*type++ = '\0';
	ck_assert_str_eq(line, p->families[p->family_count - 1].name);
	ck_assert_ptr_null(p->families[p->family_count - 1].type);
	counter = strcmp(type, "counter") == 0;
	ck_assert_msg(counter || strcmp(type, "gauge") == 0 ||
			      strcmp(type, "histogram") == 0,
		      "bad type: %s", type);
	ck_assert_msg(counter == ends_in(line, strlen(line), "_total"), "%s is a %s",
		      line, type);
	p->families[p->family_count - 1].type = type;
}

/* ---- samples ---- */

/* name="value",… up to the brace; returns what stands behind it. */
static const char *
skip_labels(const char *at, bool *le)
{
	*le = false;
	for (;;) {
		size_t len = strcspn(at, "=");

		ck_assert_msg(is_name(at, len), "bad label at: %s", at);
		ck_assert_msg(at[len + 1] == '"', "no value at: %s", at);
		*le |= len == 2 && strncmp(at, "le", 2) == 0;
		for (at += len + 2; *at != '"'; at++) {
			if (*at == '\\')
				at++;
			ck_assert_msg(*at != '\0', "label without an end");
		}
		if (*++at == '}')
			return at + 1;
		ck_assert_msg(*at++ == ',', "no comma in labels");
	}
}

/* The sample's name is the family's, or has a histogram's suffix. */
static void
check_membership(const struct parsed *p, const char *name, size_t len, bool le)
{
	const char *family, *type;
	size_t n;

	ck_assert_uint_gt(p->family_count, 0);
	family = p->families[p->family_count - 1].name;
	type = p->families[p->family_count - 1].type;
	n = strlen(family);
	ck_assert_msg(type != NULL, "%s has no TYPE", family);
	ck_assert_msg(len >= n && strncmp(name, family, n) == 0, "%.*s in family %s",
		      (int)len, name, family);
	if (strcmp(type, "histogram") == 0) {
		ck_assert_int_eq(le, ends_in(name, len, "_bucket"));
		ck_assert(le || strncmp(name + n, "_sum", len - n) == 0 ||
			  strncmp(name + n, "_count", len - n) == 0);
	} else {
		ck_assert_msg(len == n && !le, "%.*s in family %s", (int)len, name,
			      family);
	}
}

static double
take_number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	ck_assert_msg(*text != '\0' && *end == '\0', "bad number: %s", text);
	ck_assert_msg(strchr(text, ' ') == NULL, "bad number: %s", text);
	return value;
}

static void
take_sample(struct parsed *p, char *line)
{
	size_t len = strcspn(line, "{ ");
	const char *behind = line + len;
	bool le = false;
	double value;

	ck_assert_msg(is_name(line, len), "bad name: %s", line);
	if (*behind == '{')
		behind = skip_labels(behind + 1, &le);
	ck_assert_msg(*behind == ' ', "no value: %s", line);
	check_membership(p, line, len, le);
	value = take_number(behind + 1);
	ck_assert_msg(!ends_in(line, len, "_total") || value >= 0, "%s", line);
	line[behind - line] = '\0';
	ck_assert_uint_lt(p->sample_count, SAMPLES_MAX);
	p->samples[p->sample_count].series = line;
	p->samples[p->sample_count++].value = value;
	p->families[p->family_count - 1].samples++;
}

/* ---- the whole ---- */

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
check_duplicates(const struct parsed *p)
{
	const char **all = calloc(p->sample_count + 1, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	for (size_t i = 0; i < p->sample_count; i++)
		all[i] = p->samples[i].series;
	qsort(all, p->sample_count, sizeof(*all), compare);
	for (size_t i = 1; i < p->sample_count; i++)
		ck_assert_msg(strcmp(all[i - 1], all[i]) != 0, "twice: %s", all[i]);
	free(all);
}

/* The buckets of a histogram are written in a run, and _count follows. */
static void
check_histograms(const struct parsed *p)
{
	double before = 0;

	for (size_t i = 0; i < p->sample_count; i++) {
		const char *series = p->samples[i].series;

		if (strstr(series, "le=\"+Inf\"") != NULL) {
			ck_assert_uint_lt(i + 1, p->sample_count);
			ck_assert_ptr_nonnull(
				strstr(p->samples[i + 1].series, "_count"));
			ck_assert(p->samples[i + 1].value == p->samples[i].value);
		}
		if (strstr(series, "le=\"") == NULL) {
			before = 0;
			continue;
		}
		ck_assert_msg(p->samples[i].value >= before, "shrinks: %s", series);
		before = p->samples[i].value;
	}
}

struct parsed *
parse_exposition(struct evbuffer *in)
{
	struct parsed *p = calloc(1, sizeof(*p));
	size_t len = evbuffer_get_length(in);
	char *rest, *line;

	ck_assert_ptr_nonnull(p);
	p->text = calloc(1, len + 1);
	ck_assert_ptr_nonnull(p->text);
	ck_assert_int_eq(evbuffer_remove(in, p->text, len), (int)len);
	ck_assert(len > 0 && p->text[len - 1] == '\n');
	rest = p->text;
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		if (strncmp(line, "# HELP ", 7) == 0)
			take_help(p, line + 7);
		else if (strncmp(line, "# TYPE ", 7) == 0)
			take_type(p, line + 7);
		else
			take_sample(p, line);
	}
	check_duplicates(p);
	check_histograms(p);
	return p;
}

void
parsed_free(struct parsed *p)
{
	free(p->text);
	free(p);
}

double
parsed_find(const struct parsed *p, const char *series)
{
	for (size_t i = 0; i < p->sample_count; i++)
		if (strcmp(p->samples[i].series, series) == 0)
			return p->samples[i].value;
	return NAN;
}

double
parsed_value(const struct parsed *p, const char *series)
{
	double value = parsed_find(p, series);

	ck_assert_msg(!isnan(value), "no such series: %s", series);
	return value;
}

size_t
parsed_count(const struct parsed *p, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < p->sample_count; i++)
		n += strncmp(p->samples[i].series, prefix, strlen(prefix)) == 0;
	return n;
}
