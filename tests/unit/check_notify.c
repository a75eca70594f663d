/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"
#include "suite.h"

static char directory[64];
static int manager = -1;

/* A service manager's socket; name is as in NOTIFY_SOCKET. */
static void
listen_as_manager(const char *name)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	socklen_t len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

	memcpy(sa.sun_path, name, strlen(name));
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&sa, len), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void
setup(void)
{
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	strcpy(directory, P_tmpdir "/tmb-notify-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void
teardown(void)
{
	char path[96];

	if (manager >= 0)
		close(manager);
	manager = -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	unlink(path);
	rmdir(directory);
}

static void
listen_on_path(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/socket", directory);
	listen_as_manager(path);
}

/* A datagram is there when sendto() has returned. */
static void
expect(const char *wanted)
{
	char got[1024];
	ssize_t n = recv(manager, got, sizeof(got) - 1, 0);

	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, wanted);
}

static void
expect_nothing(void)
{
	char got[16];

	ck_assert_int_lt(recv(manager, got, sizeof(got), 0), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(unset_does_nothing)
{
	listen_on_path();
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(notify_ready(), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	ck_assert_int_eq(notify_ready(), 0);
	expect_nothing();
}
END_TEST

static void
say_everything(void)
{
	ck_assert_int_eq(notify_ready(), 0);
	expect("READY=1");
	ck_assert_int_eq(notify_reloading((mono_t){12345678901999}), 0);
	expect("RELOADING=1\nMONOTONIC_USEC=12345678901");
	ck_assert_int_eq(notify_status("2 of 2 lanes have a path"), 0);
	expect("STATUS=2 of 2 lanes have a path");
	ck_assert_int_eq(notify_watchdog(), 0);
	expect("WATCHDOG=1");
	ck_assert_int_eq(notify_stopping(), 0);
	expect("STOPPING=1");
	expect_nothing();
}

START_TEST(path_socket)
{
	listen_on_path();
	say_everything();
}
END_TEST

START_TEST(abstract_socket)
{
	char name[64];

	snprintf(name, sizeof(name), "@tmb-notify-%d", (int)getpid());
	listen_as_manager(name);
	say_everything();
}
END_TEST

/* sun_path may be full to the last byte: neither form needs a NUL. */
START_TEST(longest_name)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(name, 'x', sizeof(name));
	snprintf(name, sizeof(name), "@tmb-notify-%d", (int)getpid());
	name[strlen(name)] = '-';
	name[sizeof(name) - 2] = '\0';
	listen_as_manager(name);
	ck_assert_int_eq(notify_ready(), 0);
	expect("READY=1");
	name[sizeof(name) - 2] = 'x';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert_int_eq(notify_ready(), -ENAMETOOLONG);
}
END_TEST

START_TEST(status_is_one_line)
{
	char text[1024], wanted[1024];

	listen_on_path();
	ck_assert_int_eq(notify_status("a\nREADY=1\r\nb"), 0);
	expect("STATUS=a READY=1  b");
	memset(text, 'y', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(notify_status(text), 0);
	snprintf(wanted, sizeof(wanted), "STATUS=%.255s", text);
	expect(wanted);
}
END_TEST

START_TEST(errors)
{
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "relative", 1);
	ck_assert_int_eq(notify_ready(), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	ck_assert_int_eq(notify_ready(), -ENOENT);
}
END_TEST

START_TEST(watchdog_interval)
{
	char pid[16];

	ck_assert_int_eq(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	ck_assert_int_eq(notify_watchdog_ns(), 30 * NS_PER_S);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_int_eq(notify_watchdog_ns(), 30 * NS_PER_S);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_int_eq(notify_watchdog_ns(), 0);
}
END_TEST

START_TEST(watchdog_nonsense)
{
	static const char *const values[] = {"",
					     "0",
					     "-5",
					     "10s",
					     " 10",
					     "+1",
					     "99999999999999999999",
					     "9223372036854775807"};

	setenv("WATCHDOG_USEC", values[_i], 1);
	ck_assert_int_eq(notify_watchdog_ns(), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("notify");
	TCase *t = tcase_create("notify");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, unset_does_nothing);
	tcase_add_test(t, path_socket);
	tcase_add_test(t, abstract_socket);
	tcase_add_test(t, longest_name);
	tcase_add_test(t, status_is_one_line);
	tcase_add_test(t, errors);
	tcase_add_test(t, watchdog_interval);
	tcase_add_loop_test(t, watchdog_nonsense, 0, 8);
	suite_add_tcase(s, t);
	return suite_run(s);
}
