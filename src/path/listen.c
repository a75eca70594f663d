/* SPDX-License-Identifier: Apache-2.0 */
#include "path/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "path/connection.h"
#include "path/endpoint.h"

#define BACKLOG          SOMAXCONN
#define ACCEPTS_PER_TURN 32

static const char *
remedy_of(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "stop what listens there (ss -ltunp shows it), or choose another port";
	case EADDRNOTAVAIL:
		return "this host does not have that address: correct it, or use 0.0.0.0";
	case EACCES:
		return "choose a port of 1024 or above, or grant CAP_NET_BIND_SERVICE";
	default: return "correct the address or the host's limits";
	}
}

int
listen_tcp(struct listener *l)
{
	struct sockaddr_in sa = endpoint_sockaddr(l->address);
	int one = 1;
	int err;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

/* Errors of the one connection that was to be accepted, not of the listener:
 * accept(2) says to treat them like EAGAIN and go on. */
static bool
is_of_connection(int err)
{
	switch (err) {
	case ECONNABORTED:
	case EINTR:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case EPERM: return true;
	default: return false;
	}
}

/* No descriptor or no memory: accepting on would spin. Connections wait in the
 * backlog meanwhile. */
static void
pause_accepting(struct listener *l, int err)
{
	struct timeval tv = path_timeval(NS_PER_S);
	char address[ENDPOINT_TEXT_BYTES];

	if (!l->paused)
		log_error(
			"tunnel",
			"accepting paused: %s listen=%s remedy=\"raise LimitNOFILE, or "
			"find what holds descriptors\"",
			strerror(err), endpoint_text(l->address, address));
	l->paused = true;
	event_del(&l->acceptable);
	event_add(&l->pause, &tv);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	event_add(&l->acceptable, NULL);
}

static void
note_accepting(struct listener *l)
{
	char address[ENDPOINT_TEXT_BYTES];

	if (l->paused)
		log_info("tunnel", "accepting again listen=%s",
			 endpoint_text(l->address, address));
	l->paused = false;
}

void
listen_accept_tcp(struct listener *l)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && l->open; i++) {
		struct sockaddr_in sa = {0};
		socklen_t len = sizeof(sa);
		int got = accept4(l->fd, (struct sockaddr *)&sa, &len,
				  SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got >= 0) {
			note_accepting(l);
			connection_accept(l->tunnel, l->ops, got, endpoint_from(&sa),
					  NULL);
		} else if (errno == EAGAIN) {
			return;
		} else if (!is_of_connection(errno)) {
			pause_accepting(l, errno);
			return;
		}
	}
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	l->ops->accept(l);
}

int
listen_open(struct listener *l, struct tunnel *t, const struct listen_settings *s,
	    char *error, size_t error_bytes)
{
	char address[ENDPOINT_TEXT_BYTES];
	int fd;

	*l = (struct listener){.tunnel = t,
			       .ops = path_transport(s->transport),
			       .address = s->address,
			       .fd = -1};
	endpoint_text(s->address, address);
	if (l->ops == NULL) {
		snprintf(error, error_bytes,
			 "listen %s: this transport is not available; use tls",
			 address);
		return -EPROTONOSUPPORT;
	}
	fd = l->ops->listen(l);
	if (fd < 0) {
		snprintf(error, error_bytes, "listen %s: %s; %s", address,
			 strerror(-fd), remedy_of(-fd));
		return fd;
	}
	l->fd = fd;
	l->open = true;
	event_assign(&l->acceptable, t->base, fd, EV_READ | EV_PERSIST, on_acceptable,
		     l);
	event_assign(&l->pause, t->base, -1, 0, on_pause_over, l);
	return 0;
}

void
listen_start(struct listener *l)
{
	event_add(&l->acceptable, NULL);
}

void
listen_close(struct listener *l)
{
	if (!l->open)
		return;
	event_del(&l->acceptable);
	event_del(&l->pause);
	if (l->ops->unlisten != NULL)
		l->ops->unlisten(l);
	close(l->fd);
	l->fd = -1;
	l->open = false;
}
