/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens, and what it does to what is there. */
#include "ops/http.c"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_rig.h"
#include "suite.h"

static struct http *
new_at(const char *path)
{
	return http_new(http_rig.base, NULL, path, http_rig.error,
			sizeof(http_rig.error));
}

/* The server of the test is now one at its path alone. */
static void
serve_path(void)
{
	http_rig.server = new_at(http_rig.path);
	ck_assert_msg(http_rig.server != NULL, "%s", http_rig.error);
}

START_TEST(unix_socket)
{
	const char *request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	struct client_answer a = http_rig_talk(client_dial_path(http_rig.path), request,
					       strlen(request));
	struct stat st;

	http_rig_expect_status(&a, 200);
	ck_assert_str_eq(client_body(&a), "up 1\n");
	ck_assert_int_eq(stat(http_rig.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	free(a.text);
	http_rig_free_server();
	ck_assert_int_lt(stat(http_rig.path, &st), 0);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(mode_whatever_the_umask)
{
	static const mode_t masks[] = {0, 0077, 0777};
	struct stat st;

	http_free(http_rig.server);
	umask(masks[_i]);
	serve_path();
	ck_assert_int_eq(stat(http_rig.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
}
END_TEST

START_TEST(socket_in_use)
{
	struct http *second = new_at(http_rig.path);

	ck_assert_ptr_null(second);
	ck_assert_msg(strstr(http_rig.error, http_rig.path) &&
			      strstr(http_rig.error, "in use"),
		      "%s", http_rig.error);
	client_dial_path(http_rig.path); /* still there, and still the first one's */
	HTTP_RIG_UNTIL(http_rig_connections() > 0);
}
END_TEST

/* What a killed process leaves behind. */
START_TEST(stale_socket_is_replaced)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	http_free(http_rig.server);
	strcpy(sa.sun_path, http_rig.path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	serve_path();
	close(client_dial_path(http_rig.path));
}
END_TEST

START_TEST(other_files_are_left_alone)
{
	struct stat st;
	int fd;

	http_free(http_rig.server);
	fd = open(http_rig.path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	http_rig.server = new_at(http_rig.path);
	ck_assert_ptr_null(http_rig.server);
	ck_assert_msg(strstr(http_rig.error, "not a socket"), "%s", http_rig.error);
	ck_assert_int_eq(stat(http_rig.path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_successors_socket_is_left_alone)
{
	struct http *first = http_rig.server;
	struct stat st;

	ck_assert_int_eq(unlink(http_rig.path), 0);
	serve_path();
	http_free(first);
	ck_assert_int_eq(stat(http_rig.path, &st), 0);
	close(client_dial_path(http_rig.path));
}
END_TEST

START_TEST(start_errors)
{
	char longest[200];

	ck_assert_ptr_null(http_new(http_rig.base, &http_rig.tcp, NULL, http_rig.error,
				    sizeof(http_rig.error)));
	ck_assert_msg(strstr(http_rig.error, "127.0.0.1:") &&
			      strstr(http_rig.error, "in use"),
		      "%s", http_rig.error);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_ptr_null(new_at(longest));
	ck_assert_msg(strstr(http_rig.error, "at most 107 bytes"), "%s",
		      http_rig.error);
	ck_assert_ptr_null(new_at("/nowhere/at/all"));
	ck_assert_msg(strstr(http_rig.error, "No such file"), "%s", http_rig.error);
}
END_TEST

START_TEST(port_0_is_no_listener)
{
	const struct endpoint none = {INADDR_LOOPBACK, 0};
	struct http *h = http_new(http_rig.base, &none, NULL, http_rig.error,
				  sizeof(http_rig.error));

	ck_assert_msg(h != NULL, "%s", http_rig.error);
	ck_assert_uint_eq(h->places.listener_count, 0);
	http_free(h);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *t = http_rig_case(s, "listening");

	tcase_add_test(t, unix_socket);
	tcase_add_loop_test(t, mode_whatever_the_umask, 0, 3);
	tcase_add_test(t, socket_in_use);
	tcase_add_test(t, stale_socket_is_replaced);
	tcase_add_test(t, other_files_are_left_alone);
	tcase_add_test(t, a_successors_socket_is_left_alone);
	tcase_add_test(t, start_errors);
	tcase_add_test(t, port_0_is_no_listener);
	return suite_run(s);
}
