/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: what is written to stderr, in how many pieces, and what is not. */
#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

/* The test's end of what replaced stderr. */
static int reader;
static int stderr_before;

static void
replace_stderr(int ours, int theirs)
{
	reader = ours;
	stderr_before = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(theirs, STDERR_FILENO), 0);
	close(theirs);
}

static void
use_pipe(void)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	replace_stderr(fds[0], fds[1]);
	unsetenv("JOURNAL_STREAM");
	log_init("tombolo-test", LOG_LEVEL_INFO);
}

/* A socket that keeps the boundaries of writes. */
static void
use_socket(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
				    fds),
			 0);
	fcntl(fds[1], F_SETFL, 0);
	replace_stderr(fds[0], fds[1]);
	unsetenv("JOURNAL_STREAM");
	log_init("tombolo-test", LOG_LEVEL_INFO);
}

static void
restore_stderr(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(reader);
}

/* What was written and not yet read; "" for nothing. */
static const char *
written(void)
{
	static char text[65536];
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
name_journal(int shift)
{
	char text[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino + (uintmax_t)shift);
	setenv("JOURNAL_STREAM", text, 1);
	log_init("tombolo-test", LOG_LEVEL_DEBUG);
}

/* "2026-02-01T09:00:00.123456Z " */
static const char *
skip_stamp(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ ";

	for (size_t i = 0; shape[i] != '\0'; i++) {
		if (shape[i] == 'd')
			ck_assert_msg(line[i] >= '0' && line[i] <= '9', "stamp of %s",
				      line);
		else
			ck_assert_msg(line[i] == shape[i], "stamp of %s", line);
	}
	return line + sizeof(shape) - 1;
}

START_TEST(test_stamped)
{
	/* time() would lag behind by up to a tick of the kernel's. */
	int64_t before = clock_now().utc.ns / NS_PER_S, at;
	const char *line;
	struct tm tm = {.tm_year = 0};

	log_warn("tunnel", "path down remote=%s", "vpc-a");
	line = written();
	ck_assert_str_eq(skip_stamp(line),
			 "tombolo-test warn tunnel: path down remote=vpc-a\n");
	ck_assert_ptr_nonnull(strptime(line, "%Y-%m-%dT%H:%M:%S", &tm));
	at = timegm(&tm);
	ck_assert_int_ge(at, before);
	ck_assert_int_le(at, clock_now().utc.ns / NS_PER_S);
}
END_TEST

START_TEST(test_journal)
{
	name_journal(0);
	log_error("a", "one");
	ck_assert_str_eq(written(), "<3>a: one\n");
	log_warn("b", "two");
	ck_assert_str_eq(written(), "<4>b: two\n");
	log_info("c", "three");
	ck_assert_str_eq(written(), "<6>c: three\n");
	log_debug("d", "four");
	ck_assert_str_eq(written(), "<7>d: four\n");
}
END_TEST

/* Inherited from a service, but stderr was sent elsewhere since. */
START_TEST(test_journal_of_another)
{
	name_journal(1);
	log_error("a", "one");
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test error a: one\n");
}
END_TEST

START_TEST(test_journal_malformed)
{
	static const char *const texts[] = {"", ":", "1", "1:", "x:y", "1:2x"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		setenv("JOURNAL_STREAM", texts[i], 1);
		log_init("tombolo-test", LOG_LEVEL_INFO);
		log_error("a", "one");
		ck_assert_str_eq(skip_stamp(written()), "tombolo-test error a: one\n");
	}
}
END_TEST

START_TEST(test_levels)
{
	log_debug("a", "not at info");
	ck_assert_str_eq(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("a", "now");
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test debug a: now\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("a", "no more");
	ck_assert_str_eq(written(), "");
	log_error("a", "always");
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test error a: always\n");
	ck_assert_str_eq(log_level_name(LOG_LEVEL_ERROR), "error");
	ck_assert_str_eq(log_level_name(LOG_LEVEL_WARN), "warn");
	ck_assert_str_eq(log_level_name(LOG_LEVEL_INFO), "info");
	ck_assert_str_eq(log_level_name(LOG_LEVEL_DEBUG), "debug");
}
END_TEST

START_TEST(test_escaped)
{
	name_journal(0);
	log_warn("tls", "refused name=%s",
		 "x\n<3>tls: forged\r\t\x1b[2J\\\x7f\xc2\x9b\xff");
	ck_assert_str_eq(written(),
			 "<4>tls: refused name=x\\n<3>tls: forged\\x0d\\t\\x1b[2J"
			 "\\\\\\x7f\\xc2\\x9b\\xff\n");
}
END_TEST

START_TEST(test_errno_kept)
{
	log_set_level(LOG_LEVEL_INFO);
	errno = ENOENT;
	log_info("a", "open: %m");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(
		strstr(written(), "a: open: No such file or directory\n"));
	close(STDERR_FILENO);
	errno = ENOENT;
	log_info("a", "nowhere");
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* One record of the socket is one write; it ends with the line. */
START_TEST(test_one_write)
{
	char longer[8192];
	const char *line;

	log_info("a", "first");
	log_info("a", "second");
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test info a: first\n");
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test info a: second\n");
	memset(longer, '\n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_info("a", "%s", longer);
	line = written();
	ck_assert_uint_le(strlen(line), 4096);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	ck_assert_ptr_nonnull(strstr(line, "\\n...\n"));
	ck_assert_str_eq(written(), "");
}
END_TEST

static void
log_from_one_site(void)
{
	log_info("a", "flood");
}

/* The second may turn while the lines are written, hence the retry. */
START_TEST(test_limited)
{
	int64_t second;
	int lines;

	do {
		second = clock_now().mono.ns / NS_PER_S;
		for (int i = 0; i < 25; i++)
			log_from_one_site();
		for (lines = 0; written()[0] != '\0'; lines++)
			;
	} while (clock_now().mono.ns / NS_PER_S != second);
	ck_assert_int_eq(lines, 10);
	log_info("a", "another site has its own limit");
	ck_assert_str_ne(written(), "");
	while (clock_now().mono.ns / NS_PER_S == second)
		;
	log_from_one_site();
	ck_assert_str_eq(skip_stamp(written()),
			 "tombolo-test info a: flood suppressed=15\n");
	log_from_one_site();
	ck_assert_str_eq(skip_stamp(written()), "tombolo-test info a: flood\n");
}
END_TEST

/* A reader that has stopped costs lines, which are counted, and never waits. */
static void
fill_and_drain(void)
{
	const char *text;
	int written_before = 0, seen = 0, lost = 0;

	name_journal(0);
	for (; written_before < 20000; written_before++)
		log_line(LOG_LEVEL_INFO, "a", NULL, "%0900d", 0);
	while ((text = written())[0] != '\0') {
		for (; (text = strchr(text, '\n')) != NULL; text++)
			seen++;
	}
	ck_assert_int_gt(seen, 0);
	ck_assert_int_lt(seen, written_before);
	log_line(LOG_LEVEL_INFO, "a", NULL, "back");
	ck_assert_int_eq(sscanf(written(), "<6>a: back lost=%d\n", &lost), 1);
	ck_assert_int_eq(seen + lost, written_before);
}

START_TEST(test_full_pipe)
{
	fill_and_drain();
}
END_TEST

START_TEST(test_full_socket)
{
	fill_and_drain();
}
END_TEST

#define THREADS          4
#define LINES_PER_THREAD 100

static void *
log_many(void *arg)
{
	for (int i = 0; i < LINES_PER_THREAD; i++) {
		log_set_level(i % 2 == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG);
		log_line(LOG_LEVEL_INFO, "a", NULL, "%s", (const char *)arg);
	}
	return NULL;
}

START_TEST(test_threads)
{
	static char texts[THREADS][81];
	pthread_t threads[THREADS];
	char expected[128];
	int lines = 0;

	name_journal(0);
	for (int i = 0; i < THREADS; i++) {
		memset(texts[i], 'A' + i, 80);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, texts[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (char *save, *l = strtok_r((char *)written(), "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save)) {
		snprintf(expected, sizeof(expected), "<6>a: %s",
			 texts[(l[6] - 'A') & 3]);
		ck_assert_str_eq(l, expected);
		lines++;
	}
	ck_assert_int_eq(lines, THREADS * LINES_PER_THREAD);
}
END_TEST

START_TEST(test_fatal)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		log_set_level(LOG_LEVEL_ERROR);
		fatal("main", "cannot start: %s", "no reason");
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	ck_assert_str_eq(skip_stamp(written()),
			 "tombolo-test error main: cannot start: no reason\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *pipes = tcase_create("pipe"), *sockets = tcase_create("socket");

	tcase_add_checked_fixture(pipes, use_pipe, restore_stderr);
	tcase_add_test(pipes, test_stamped);
	tcase_add_test(pipes, test_journal);
	tcase_add_test(pipes, test_journal_of_another);
	tcase_add_test(pipes, test_journal_malformed);
	tcase_add_test(pipes, test_levels);
	tcase_add_test(pipes, test_escaped);
	tcase_add_test(pipes, test_errno_kept);
	tcase_add_test(pipes, test_full_pipe);
	tcase_add_test(pipes, test_threads);
	tcase_add_test(pipes, test_fatal);
	suite_add_tcase(s, pipes);
	tcase_add_checked_fixture(sockets, use_socket, restore_stderr);
	tcase_add_test(sockets, test_one_write);
	tcase_add_test(sockets, test_limited);
	tcase_add_test(sockets, test_full_socket);
	suite_add_tcase(s, sockets);
	return suite_run(s);
}
