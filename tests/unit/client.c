/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int
client_dial(uint16_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

int
client_dial_path(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

bool
client_push(int fd, const char *data, size_t *len)
{
	ssize_t n = send(fd, data, *len, MSG_DONTWAIT | MSG_NOSIGNAL);

	*len = n > 0 ? (size_t)n : 0;
	return n >= 0 || errno == EAGAIN;
}

bool
client_pull(int fd, struct client_answer *a)
{
	char chunk[65536];
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		ck_assert(n == 0 || errno == ECONNRESET);
		a->reset = n < 0;
		return true;
	}
	if (a->len + (size_t)n >= a->room) {
		a->room = 2 * (a->len + sizeof(chunk));
		a->text = realloc(a->text, a->room);
		ck_assert_ptr_nonnull(a->text);
	}
	memcpy(a->text + a->len, chunk, (size_t)n);
	a->len += (size_t)n;
	a->text[a->len] = '\0';
	return false;
}

const char *
client_body(const struct client_answer *a)
{
	const char *end;

	ck_assert_ptr_nonnull(a->text);
	end = strstr(a->text, "\r\n\r\n");
	ck_assert_msg(end != NULL, "no head in \"%s\"", a->text);
	return end + 4;
}
