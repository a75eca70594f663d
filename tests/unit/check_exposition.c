/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <event2/buffer.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "ops/exposition.h"
#include "suite.h"

static struct evbuffer *out;

static void
setup(void)
{
	out = evbuffer_new();
	ck_assert_ptr_nonnull(out);
}

static void
teardown(void)
{
	evbuffer_free(out);
}

static void
expect(const char *wanted)
{
	size_t n = evbuffer_get_length(out);
	char *got = calloc(1, n + 1);

	ck_assert_ptr_nonnull(got);
	ck_assert_int_eq(evbuffer_remove(out, got, n), (int)n);
	ck_assert_str_eq(got, wanted);
	free(got);
}

START_TEST(golden_text)
{
	const struct exposition_label labels[] = {{"relay", "colo-a"},
						  {"channel", "kospi200"}};

	exposition_family(out, "tombolo_emit_sent_total", EXPOSITION_COUNTER,
			  "Datagrams taken by the kernel");
	exposition_u64(out, "tombolo_emit_sent_total", labels, 2, UINT64_MAX);
	exposition_u64(out, "tombolo_emit_sent_total", labels, 1, 0);
	exposition_family(out, "tombolo:clock_offset_ns", EXPOSITION_GAUGE, "Offset");
	exposition_i64(out, "tombolo:clock_offset_ns", NULL, 0, INT64_MIN);
	expect("# HELP tombolo_emit_sent_total Datagrams taken by the kernel\n"
	       "# TYPE tombolo_emit_sent_total counter\n"
	       "tombolo_emit_sent_total{relay=\"colo-a\",channel=\"kospi200\"} "
	       "18446744073709551615\n"
	       "tombolo_emit_sent_total{relay=\"colo-a\"} 0\n"
	       "# HELP tombolo:clock_offset_ns Offset\n"
	       "# TYPE tombolo:clock_offset_ns gauge\n"
	       "tombolo:clock_offset_ns -9223372036854775808\n");
}
END_TEST

START_TEST(escapes)
{
	const struct exposition_label label = {"v", "a\\b\"c\nd"};

	exposition_family(out, "x", EXPOSITION_GAUGE, "back\\slash \"quoted\"\nline");
	exposition_u64(out, "x", &label, 1, 1);
	expect("# HELP x back\\\\slash \"quoted\"\\nline\n"
	       "# TYPE x gauge\n"
	       "x{v=\"a\\\\b\\\"c\\nd\"} 1\n");
}
END_TEST

#define BAD "\xef\xbf\xbd"

static const struct {
	const char *value;
	const char *wanted;
} texts[] = {
	{"", ""},
	{"\xea\xb5\xad\xec\x9e\xa5", "\xea\xb5\xad\xec\x9e\xa5"}, /* Hangul */
	{"\xc2\xa2\xf0\x9f\x8c\x8a.", "\xc2\xa2\xf0\x9f\x8c\x8a."},
	{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	{"a\xff"
	 "b",
	 "a" BAD "b"},
	{"\xc0\xaf", BAD BAD},                 /* overlong */
	{"\xe0\x9f\xbf", BAD BAD BAD},         /* overlong */
	{"\xf0\x8f\xbf\xbf", BAD BAD BAD BAD}, /* overlong */
	{"\xed\xa0\x80", BAD BAD BAD},         /* surrogate */
	{"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* past U+10FFFF */
	{"\xe2\x82", BAD BAD},                 /* cut off by the end */
	{"\xe2\"", BAD "\\\""},
	{"\x80", BAD},
};

START_TEST(utf8)
{
	const struct exposition_label label = {"v", texts[_i].value};
	char wanted[64];

	exposition_u64(out, "x", &label, 1, 1);
	snprintf(wanted, sizeof(wanted), "x{v=\"%s\"} 1\n", texts[_i].wanted);
	expect(wanted);
}
END_TEST

static const struct {
	double value;
	const char *wanted;
} doubles[] = {
	{0, "x 0\n"},
	{-0.5, "x -0.5\n"},
	{0.1, "x 0.1\n"},
	{0.1 + 0.2, "x 0.30000000000000004\n"},
	{1e300, "x 1e+300\n"},
	{1.0 / 3, "x 0.3333333333333333\n"},
	{5e-324, "x 4.94065645841247e-324\n"},
	{NAN, "x NaN\n"},
	{INFINITY, "x +Inf\n"},
	{-INFINITY, "x -Inf\n"},
};

START_TEST(doubles_read_back)
{
	exposition_double(out, "x", NULL, 0, doubles[_i].value);
	expect(doubles[_i].wanted);
	if (!isnan(doubles[_i].value))
		ck_assert(strtod(doubles[_i].wanted + 2, NULL) == doubles[_i].value);
}
END_TEST

START_TEST(seconds_are_exact)
{
	exposition_seconds(out, "x", NULL, 0, 0);
	exposition_seconds(out, "x", NULL, 0, 1);
	exposition_seconds(out, "x", NULL, 0, -1500 * NS_PER_MS);
	exposition_seconds(out, "x", NULL, 0, 100 * NS_PER_S);
	exposition_seconds(out, "x", NULL, 0, INT64_MAX);
	exposition_seconds(out, "x", NULL, 0, INT64_MIN);
	expect("x 0\nx 0.000000001\nx -1.5\nx 100\nx 9223372036.854775807\n"
	       "x -9223372036.854775808\n");
}
END_TEST

START_TEST(histogram_golden_text)
{
	const struct exposition_label label = {"lane", "0"};
	struct histogram *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	histogram_record(h, 15 * NS_PER_US);
	histogram_record(h, 1500 * NS_PER_US);
	histogram_record(h, 1500 * NS_PER_US);
	histogram_record(h, 60 * NS_PER_S);
	exposition_family(out, "x_seconds", EXPOSITION_HISTOGRAM, "Latency");
	exposition_histogram(out, "x_seconds", &label, 1, h);
	free(h);
	expect("# HELP x_seconds Latency\n"
	       "# TYPE x_seconds histogram\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.00001\"} 0\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.00002\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.00005\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.0001\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.0002\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.0005\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.001\"} 1\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.002\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.005\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.01\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.02\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.05\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.1\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.2\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"0.5\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"1\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"2\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"5\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"10\"} 3\n"
	       "x_seconds_bucket{lane=\"0\",le=\"+Inf\"} 4\n"
	       "x_seconds_count{lane=\"0\"} 4\n"
	       "x_seconds_sum{lane=\"0\"} 60.003015\n");
}
END_TEST

START_TEST(histogram_without_labels)
{
	struct histogram *h = calloc(1, sizeof(*h));
	char *last;

	ck_assert_ptr_nonnull(h);
	exposition_histogram(out, "x_seconds", NULL, 0, h);
	evbuffer_add(out, "", 1);
	last = strstr((char *)evbuffer_pullup(out, -1),
		      "x_seconds_bucket{le=\"+Inf\"}");
	ck_assert_ptr_nonnull(last);
	ck_assert_str_eq(last, "x_seconds_bucket{le=\"+Inf\"} 0\nx_seconds_count 0\n"
			       "x_seconds_sum 0\n");
	free(h);
}
END_TEST

/* A bad name is our own bug: the process ends. */
static const struct {
	const char *name;
	enum exposition_type type;
} bad_names[] = {
	{"", EXPOSITION_GAUGE},
	{"9x", EXPOSITION_GAUGE},
	{"Upper", EXPOSITION_GAUGE},
	{"a-b", EXPOSITION_GAUGE},
	{"a b", EXPOSITION_GAUGE},
	{"x", EXPOSITION_COUNTER},
	{"x_total", EXPOSITION_GAUGE},
	{"x_totals", EXPOSITION_COUNTER},
	{"x_total", EXPOSITION_HISTOGRAM},
};

START_TEST(bad_name_aborts)
{
	const struct rlimit no_core = {0, 0};

	setrlimit(RLIMIT_CORE, &no_core);
	exposition_family(out, bad_names[_i].name, bad_names[_i].type, "");
}
END_TEST

static const char *const bad_labels[] = {"", "le", "a:b", "1", "A"};

START_TEST(bad_label_aborts)
{
	const struct rlimit no_core = {0, 0};
	const struct exposition_label label = {bad_labels[_i], ""};

	setrlimit(RLIMIT_CORE, &no_core);
	exposition_u64(out, "x", &label, 1, 0);
}
END_TEST

static bool
forks(void)
{
	const char *fork_mode = getenv("CK_FORK");

	return !fork_mode || strcmp(fork_mode, "no") != 0;
}

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int
main(void)
{
	Suite *s = suite_create("exposition");
	TCase *t = tcase_create("exposition");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, golden_text);
	tcase_add_test(t, escapes);
	tcase_add_loop_test(t, utf8, 0, COUNT(texts));
	tcase_add_loop_test(t, doubles_read_back, 0, COUNT(doubles));
	tcase_add_test(t, seconds_are_exact);
	tcase_add_test(t, histogram_golden_text);
	tcase_add_test(t, histogram_without_labels);
	if (forks()) {
		tcase_add_loop_test_raise_signal(t, bad_name_aborts, SIGABRT, 0,
						 COUNT(bad_names));
		tcase_add_loop_test_raise_signal(t, bad_label_aborts, SIGABRT, 0,
						 COUNT(bad_labels));
	}
	suite_add_tcase(s, t);
	return suite_run(s);
}
