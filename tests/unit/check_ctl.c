/* SPDX-License-Identifier: Apache-2.0 */
/* tomboloctl's figures, tables, sparklines, answers and command line. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/spark.h"
#include "ctl/table.h"
#include "ctl/unit.h"
#include "suite.h"

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

/* ---- units ---- */

START_TEST(counts)
{
	ck_assert_str_eq(unit_count(0).text, "0");
	ck_assert_str_eq(unit_count(999999).text, "999999");
	ck_assert_str_eq(unit_count(1000000).text, "1.00M");
	ck_assert_str_eq(unit_count(1234567).text, "1.23M");
	ck_assert_str_eq(unit_count(999600000).text, "1.00G");
	ck_assert_str_eq(unit_count(INT64_MAX).text, "9.22E");
	ck_assert_str_eq(unit_count(-5).text, "-5");
	ck_assert_str_eq(unit_per_s(0).text, "0/s");
	ck_assert_str_eq(unit_per_s(999.4).text, "999/s");
	ck_assert_str_eq(unit_per_s(999.5).text, "1.00k/s");
	ck_assert_str_eq(unit_per_s(75000).text, "75.0k/s");
	ck_assert_str_eq(unit_bits(100).text, "800 bit/s");
	ck_assert_str_eq(unit_bits(1.25e8).text, "1.00 Gbit/s");
	ck_assert_str_eq(unit_bytes(1023).text, "1023 B");
	ck_assert_str_eq(unit_bytes(64 << 20).text, "64.0 MiB");
	ck_assert_str_eq(unit_percent(0).text, "0 %");
	ck_assert_str_eq(unit_percent(120).text, "0.012 %");
	ck_assert_str_eq(unit_percent(15000).text, "1.5 %");
}
END_TEST

static const struct {
	int64_t ns;
	const char *text;
} durations[] = {
	{-1, "-"},
	{0, "0 ns"},
	{999, "999 ns"},
	{1000, "1.00 us"},
	{107400, "107 us"},
	{4210000, "4.21 ms"},
	{1000000000, "1.0 s"},
	{9990000000, "9.9 s"},
	{10000000000, "10 s"},
	{59999999999, "59 s"},
	{250000000000, "4 min 10 s"},
	{3600000000000, "1 h 0 min"},
	{11520000000000, "3 h 12 min"},
	{187200000000000, "2 d 4 h"},
};

START_TEST(duration)
{
	ck_assert_str_eq(unit_duration(durations[_i].ns).text, durations[_i].text);
}
END_TEST

START_TEST(instant)
{
	ck_assert_str_eq(unit_time(1790000000123456789).text,
			 "2026-09-21 14:13:20 UTC");
	ck_assert_str_eq(unit_moment(1790000000000456789).text,
			 "2026-09-21 14:13:20.000456");
}
END_TEST

/* ---- tables and sparklines ---- */

START_TEST(table)
{
	static const struct table_column columns[] = {
		{"NAME", false}, {"N", true}, {"WORDS", false}};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct table t;

	table_init(&t, columns, 3);
	for (int i = 0; i < 40; i++) { /* more than the first allocation */
		table_row(&t);
		table_cell(&t, i == 20 ? "longest" : "x");
		table_cell(&t, "%d", 1000 * (i == 20));
		if (i == 20)
			table_cell(&t, "%0100d", 7); /* cut */
	}
	table_print(&t, 2, out);
	fclose(out);
	ck_assert_uint_eq(t.row_count, 40);
	ck_assert_ptr_nonnull(strstr(text, "  NAME        N  WORDS\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n  x           0\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n  longest  1000  000"));
	ck_assert_ptr_null(strstr(text, " \n"));
	table_fini(&t);
	free(text);
}
END_TEST

START_TEST(sparkline)
{
	static const double rise[] = {0, 1, 2, 4, 8}, flat[] = {3, 3, 3},
			    none[] = {0, 0}, faint[] = {0.001, 1000};
	char text[SPARK_BYTES(5)];

	spark_draw(rise, 5, false, text);
	ck_assert_str_eq(text, " :-+@");
	spark_draw(rise, 5, true, text);
	ck_assert_str_eq(text, " ▂▃▅█");
	spark_draw(flat, 3, true, text);
	ck_assert_str_eq(text, "███");
	spark_draw(none, 2, true, text);
	ck_assert_str_eq(text, "  ");
	spark_draw(faint, 2, false, text);
	ck_assert_str_eq(text, ".@");
	spark_draw(rise, 0, false, text);
	ck_assert_str_eq(text, "");
}
END_TEST

/* ---- answers ---- */

static int
parse(const char *answer, struct client_answer *a)
{
	char *text = strdup(answer);
	int rc = client_parse(text, strlen(text), a);

	if (rc != 0)
		free(text);
	return rc;
}

START_TEST(whole_answer)
{
	struct client_answer a;

	ck_assert_int_eq(
		parse("HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nno!\n", &a),
		0);
	ck_assert_int_eq(a.status, 409);
	ck_assert_str_eq(a.body, "no!\n");
	ck_assert_uint_eq(a.len, 4);
	free(a.body);
}
END_TEST

static const char *const bad_answers[] = {
	"",
	"220 mail.example.com ESMTP\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nbody",
	/* not a head's */
	"HTTP/1.1 200 OK\r\n\r\n\r\nContent-Length: 0\r\n\r\n",
};

START_TEST(bad_answer)
{
	struct client_answer a;

	ck_assert_int_eq(parse(bad_answers[_i], &a), -EPROTO);
}
END_TEST

START_TEST(nobody_answers)
{
	struct client_answer a;
	char text[256], longest[200];

	ck_assert_int_eq(client_ask("/nonexistent/x.sock", "GET", "/", &a), -ENOENT);
	client_explain("/x.sock", -ENOENT, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "is the daemon running?"));
	client_explain("/x.sock", -EACCES, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "Permission denied; be root"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(client_ask(longest, "GET", "/", &a), -ENAMETOOLONG);
}
END_TEST

/* ---- the command line ---- */

/* Words are separated by blanks. */
static bool
understand(const char *words, struct command_line *line, char error[256])
{
	static char copy[256];
	static char program[] = "tomboloctl", *argv[16]; /* words point there */
	char *rest = copy;
	int argc = 1;

	argv[0] = program;
	snprintf(copy, sizeof(copy), "%s", words);
	while (*copy != '\0' && (argv[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	argv[argc] = NULL;
	return command_parse(argc, argv, line, error, 256);
}

START_TEST(understood)
{
	struct command_line line;
	char error[256];

	ck_assert(understand("status", &line, error));
	ck_assert_str_eq(line.command->name, "status");
	ck_assert_ptr_null(line.ctl.half);
	ck_assert(understand("peer channels --all --sort lost -j", &line, error));
	ck_assert_str_eq(line.ctl.half, "peer");
	ck_assert(line.ctl.all && line.ctl.json);
	ck_assert_str_eq(line.ctl.sort, "lost");
	ck_assert(understand("-s /x.sock log debug", &line, error));
	ck_assert_str_eq(line.ctl.socket, "/x.sock");
	ck_assert_str_eq(line.ctl.argument, "debug");
	ck_assert(understand("gaps", &line, error));
	ck_assert_ptr_null(line.ctl.argument);
	ck_assert(understand("relay gaps kospi200 -n 12", &line, error));
	ck_assert_str_eq(line.ctl.argument, "kospi200");
	ck_assert_uint_eq(line.ctl.most, 12);
	ck_assert(understand("history a b c --since 5s --until 1ms -w - --force", &line,
			     error));
	ck_assert_uint_eq(line.ctl.word_count, 3);
	ck_assert_str_eq(line.ctl.words[2], "c");
	ck_assert_str_eq(line.ctl.since, "5s");
	ck_assert_str_eq(line.ctl.until, "1ms");
	ck_assert_str_eq(line.ctl.output, "-");
	ck_assert(line.ctl.force);
	ck_assert(understand("help", &line, error));
	ck_assert(line.help);
	ck_assert(understand("-V", &line, error));
	ck_assert(line.version);
}
END_TEST

static const struct {
	const char *words, *error;
} misunderstood[] = {
	{"", "which command?"},
	{"relay", "which command?"},
	{"frobnicate", "frobnicate: no such command"},
	{"log", "log: which LEVEL?"},
	{"status now", "now: one word too many"},
	{"-x status", "-x: no such option, or its value is missing"},
	{"gaps one two", "two: one word too many"},
	{"gaps -n 0", "-n 0: a number from 1 on"},
	{"gaps -n x", "-n x: a number from 1 on"},
	{"history", "history: which CHANNEL?"},
	{"history a -w f", "history: --since when? as in --since 5s"},
	{"history a --since 5s", "history: -w which file? - is standard output"},
	{"history a --since 5 -w f",
	 "history: 5 is not how long ago; a number and one of ns, us, ms, s, min, h"},
	{"history a --since 5s --until x -w f",
	 "history: x is not how long ago; a number and one of ns, us, ms, s, min, h"},
	{"status -s", "-s: no such option, or its value is missing"},
	{"-s /x.sock relay status", "either -s or relay, not both"},
	{"channels --sort colour",
	 "--sort colour: one of name, total, rate, missing, lost, waiting, last, "
	 "trouble"},
};

START_TEST(refused)
{
	struct command_line line;
	char error[256];

	ck_assert(!understand(misunderstood[_i].words, &line, error));
	ck_assert_str_eq(error, misunderstood[_i].error);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl");
	TCase *t = tcase_create("ctl");

	tcase_add_test(t, counts);
	tcase_add_loop_test(t, duration, 0, COUNT(durations));
	tcase_add_test(t, instant);
	tcase_add_test(t, table);
	tcase_add_test(t, sparkline);
	tcase_add_test(t, whole_answer);
	tcase_add_loop_test(t, bad_answer, 0, COUNT(bad_answers));
	tcase_add_test(t, nobody_answers);
	tcase_add_test(t, understood);
	tcase_add_loop_test(t, refused, 0, COUNT(misunderstood));
	suite_add_tcase(s, t);
	return suite_run(s);
}
