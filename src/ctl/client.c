/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S       5
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define FIRST_BYTES      ((size_t)64 << 10)

static int
open_socket(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd, error;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	error = errno == EAGAIN ? ETIMEDOUT : errno;
	close(fd);
	return -error;
}

static int
send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* One more piece at the end of *text, which has room for it and a NUL. */
static ssize_t
read_piece(int fd, char **text, size_t len, size_t *room)
{
	ssize_t n;

	if (*room - len < 2) {
		char *more =
			*room < ANSWER_BYTES_MAX ? realloc(*text, 2 * *room) : NULL;

		if (more == NULL)
			return -ENOMEM;
		*text = more;
		*room *= 2;
	}
	do
		n = recv(fd, *text + len, *room - len - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n;
}

/* Until the daemon closes; *text is to be released whatever is returned. */
static ssize_t
receive_all(int fd, char **text)
{
	size_t len = 0, room = FIRST_BYTES;
	ssize_t n;

	*text = malloc(room);
	if (*text == NULL)
		return -ENOMEM;
	while ((n = read_piece(fd, text, len, &room)) > 0)
		len += (size_t)n;
	(*text)[len] = '\0';
	return n < 0 ? n : (ssize_t)len;
}

/* The daemon says Content-Length: what is shorter was cut. */
static bool
is_whole(const char *head, size_t body_len)
{
	static const char name[] = "\r\nContent-Length: ";
	const char *at = strcasestr(head, name);

	return at != NULL && strtoull(at + sizeof(name) - 1, NULL, 10) == body_len;
}

int
client_parse(char *text, size_t len, struct client_answer *answer)
{
	char *end = strstr(text, "\r\n\r\n");
	size_t head;

	if (end == NULL || sscanf(text, "HTTP/1.%*1d %3d", &answer->status) != 1)
		return -EPROTO;
	*end = '\0';
	head = (size_t)(end + 4 - text);
	if (!is_whole(text, len - head))
		return -EPROTO;
	answer->len = len - head;
	memmove(text, text + head, answer->len + 1);
	answer->body = text;
	return 0;
}

int
client_ask(const char *socket_path, const char *method, const char *target,
	   struct client_answer *answer)
{
	char request[256], *text = NULL;
	int fd = open_socket(socket_path), rc;
	ssize_t n;

	if (fd < 0)
		return fd;
	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
		 method, target);
	rc = send_all(fd, request, strlen(request));
	if (rc == 0) {
		n = receive_all(fd, &text);
		rc = n < 0 ? (int)n : client_parse(text, (size_t)n, answer);
	}
	if (rc != 0)
		free(text);
	close(fd);
	return rc;
}

/* Up to the blank line, and what came with it: *len bytes in text, of which the body
 * begins at the place returned; negative errno. */
static ssize_t
receive_head(int fd, char text[FIRST_BYTES], size_t *len)
{
	char *room = text;
	size_t size = FIRST_BYTES;
	ssize_t n;

	for (*len = 0; *len < FIRST_BYTES - 1; *len += (size_t)n) {
		char *end;

		text[*len] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (end != NULL)
			return end + 4 - text;
		n = read_piece(fd, &room, *len, &size);
		if (n <= 0)
			return n < 0 ? n : -EPROTO;
	}
	return -EPROTO;
}

static int
pass_on(int fd, char *text, size_t at, size_t len,
	int (*take)(void *arg, const char *bytes, size_t len), void *arg)
{
	int rc = len > at ? take(arg, text + at, len - at) : 0;
	size_t size = FIRST_BYTES;
	ssize_t n = 1;

	while (rc == 0 && (n = read_piece(fd, &text, 0, &size)) > 0)
		rc = take(arg, text, (size_t)n);
	return rc == 0 && n < 0 ? (int)n : rc;
}

/* A refusal is short: what has not come with its head comes now. */
static int
read_refusal(int fd, char *text, size_t at, size_t len, struct client_answer *answer)
{
	size_t size = FIRST_BYTES;
	ssize_t n;

	while (len < FIRST_BYTES - 1 && (n = read_piece(fd, &text, len, &size)) > 0)
		len += (size_t)n;
	answer->body = strndup(text + at, len - at);
	answer->len = answer->body != NULL ? strlen(answer->body) : 0;
	return answer->body != NULL ? 0 : -ENOMEM;
}

/* HTTP/1.0, so that the body is not in chunks. */
int
client_stream(const char *socket_path, const char *target,
	      int (*take)(void *arg, const char *bytes, size_t len), void *arg,
	      struct client_answer *answer)
{
	char *text = malloc(FIRST_BYTES), *request = NULL;
	int fd = open_socket(socket_path), rc = fd < 0 ? fd : -ENOMEM;
	size_t len = 0;
	ssize_t at;

	*answer = (struct client_answer){.status = 0};
	if (fd >= 0 && text != NULL &&
	    asprintf(&request, "GET %s HTTP/1.0\r\n\r\n", target) > 0)
		rc = send_all(fd, request, strlen(request));
	if (rc == 0) {
		at = receive_head(fd, text, &len);
		if (at < 0)
			rc = (int)at;
		else if (sscanf(text, "HTTP/1.%*1d %3d", &answer->status) != 1)
			rc = -EPROTO;
		else if (answer->status == 200)
			rc = pass_on(fd, text, (size_t)at, len, take, arg);
		else
			rc = read_refusal(fd, text, (size_t)at, len, answer);
	}
	free(request);
	free(text);
	if (fd >= 0)
		close(fd);
	return rc;
}

void
client_explain(const char *socket_path, int error, char *text, size_t bytes)
{
	const char *remedy = "";

	if (error == -ENOENT || error == -ECONNREFUSED)
		remedy =
			"; is the daemon running? see systemctl status 'tombolo-*', and "
			"control.socket in its configuration";
	else if (error == -EACCES)
		remedy = "; be root, or a member of the socket's group";
	else if (error == -EPROTO)
		remedy = "; is this a control socket of tombolo?";
	else if (error == -ETIMEDOUT)
		remedy = "; the daemon hangs or is stopped";
	snprintf(text, bytes, "%s: %s%s", socket_path,
		 error == -EPROTO ? "the answer makes no sense" : strerror(-error),
		 remedy);
}
