/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_line.h"

#include <check.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunnel_rig.h"

static int
open_socket(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

void
udp_line_send(struct udp_line *l, int direction, const void *bytes, size_t len)
{
	struct sockaddr_in to = l->client;
	int fd = direction == TO_SERVER ? l->back : l->front;

	if (direction == TO_SERVER)
		to = (struct sockaddr_in){.sin_family = AF_INET,
					  .sin_port = htons(l->server),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	/* A full buffer loses it, as a line would. */
	(void)!sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to));
}

static void
pass(struct udp_line *l, int direction, const uint8_t *bytes, size_t len)
{
	uint64_t n = ++l->seen[direction];
	unsigned int times = 1;

	if (len > l->longest[direction])
		l->longest[direction] = len;
	if (l->judge != NULL)
		times = l->judge(l, direction, n, bytes, len);
	while (times-- > 0)
		udp_line_send(l, direction, bytes, len);
}

static void
on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct udp_line *l = arg;
	uint8_t bytes[65536];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n;

	(void)what;
	while ((n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
			     &from_len)) >= 0) {
		if (fd == l->front)
			l->client = from;
		pass(l, fd == l->front ? TO_SERVER : TO_CLIENT, bytes, (size_t)n);
		from_len = sizeof(from);
	}
}

static struct event *
watch(struct udp_line *l, int fd)
{
	struct event *e = event_new(l->base, fd, EV_READ | EV_PERSIST, on_datagram, l);

	event_add(e, NULL);
	return e;
}

void
udp_line_open(struct udp_line *l, struct event_base *base, uint16_t server)
{
	*l = (struct udp_line){.base = base, .server = server};
	l->front = open_socket();
	l->back = open_socket();
	l->at_front = watch(l, l->front);
	l->at_back = watch(l, l->back);
}

void
udp_line_close(struct udp_line *l)
{
	if (l->base == NULL)
		return;
	event_free(l->at_front);
	event_free(l->at_back);
	close(l->front);
	close(l->back);
	l->base = NULL;
}

uint16_t
udp_line_port(const struct udp_line *l)
{
	return rig_local_port(l->front);
}

void
udp_line_rebind(struct udp_line *l)
{
	int old = l->back;

	/* The new one first, so that it is not of the same port. */
	l->back = open_socket();
	event_free(l->at_back);
	close(old);
	l->at_back = watch(l, l->back);
}
