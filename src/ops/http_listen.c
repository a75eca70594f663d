/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ops/http.h"
#include "ops/settings.h"

LOG_FORMAT(3, 4)
static void
fail(char *error, size_t error_bytes, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, error_bytes, fmt, ap);
	va_end(ap);
}

/* Takes over fd. */
static struct evconnlistener *
listen_on(struct event_base *base, int fd)
{
	struct evconnlistener *l = evconnlistener_new(
		base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
		HTTP_CONNECTIONS_MAX, fd);

	if (!l)
		close(fd);
	return l;
}

struct evconnlistener *
http_listen_tcp(struct event_base *base, const struct endpoint *tcp, char *error,
		size_t error_bytes)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(tcp->port),
				 .sin_addr = {htonl(tcp->addr)}};
	struct evconnlistener *l;
	char text[INET_ADDRSTRLEN];
	int fd, on = 1;

	inet_ntop(AF_INET, &sa.sin_addr, text, sizeof(text));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fail(error, error_bytes, "http: socket: %s", strerror(errno));
		return NULL;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		fail(error, error_bytes, "http: cannot listen on %s:%u: %s", text,
		     tcp->port, strerror(errno));
		close(fd);
		return NULL;
	}
	l = listen_on(base, fd);
	if (!l)
		fail(error, error_bytes, "http: cannot listen on %s:%u: %s", text,
		     tcp->port, strerror(errno));
	return l;
}

/* 0 when the path is free now: nothing was there, or a socket nobody answers on. */
static int
clear_path(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, rc = 0;

	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* with EAGAIN, too, there is somebody: whose queue is full */
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0)
		rc = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		rc = errno == EAGAIN ? -EADDRINUSE : -errno;
	else if (unlink(sa->sun_path) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* A bound socket whose file has mode 0660 and never had a wider one: the file takes
 * the mode of the socket, less the umask. Returns it, or a negative errno. */
static int
bind_path(const struct sockaddr_un *sa)
{
	int fd, rc = clear_path(sa);

	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0660) == 0 &&
	    bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 &&
	    chmod(sa->sun_path, 0660) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

struct evconnlistener *
http_listen_path(struct event_base *base, const char *path, struct http_path *file,
		 char *error, size_t error_bytes)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct evconnlistener *l = NULL;
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		fail(error, error_bytes,
		     "http: %s: a socket's path has at most "
		     "%zu bytes",
		     path, sizeof(sa.sun_path) - 1);
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = bind_path(&sa);
	if (fd < 0) {
		fail(error, error_bytes, "http: cannot listen on %s: %s", path,
		     fd == -EEXIST ? "the file there is not a socket" : strerror(-fd));
		return NULL;
	}
	file->path = strdup(path);
	if (file->path && lstat(path, &file->stat) == 0)
		l = listen_on(base, fd);
	else
		close(fd);
	if (!l)
		fail(error, error_bytes, "http: cannot listen on %s: %s", path,
		     strerror(errno));
	return l;
}

/* Another process may have replaced it; that one is not ours to remove. */
static void
remove_path(const struct http_path *file)
{
	struct stat st;

	if (file->path && lstat(file->path, &st) == 0 &&
	    st.st_dev == file->stat.st_dev && st.st_ino == file->stat.st_ino)
		unlink(file->path);
}

void
http_path_fini(struct http_path *file)
{
	remove_path(file);
	free(file->path);
	file->path = NULL;
}
