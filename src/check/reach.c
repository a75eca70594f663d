/* SPDX-License-Identifier: Apache-2.0 */
#include "check/reach.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ifstat.h"
#include "check/greeting.h"
#include "check/nic.h"
#include "path/endpoint.h"
#include "path/udp.h"

#define REPEAT_NS (400 * NS_PER_MS)

/* What tunnels, VPNs and access lines leave of 1500, and where IPv4 must always pass. */
static const uint32_t steps[] = {576,  1280, 1360, 1380, 1400, 1420, 1438,
				 1450, 1462, 1476, 1484, 1492, 1500};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* One path being tried. */
struct attempt {
	struct reach *r;
	int tcp, udp; /* -1: none, or done with */
	uint32_t lengths[REACH_LENGTHS];
	unsigned int count;
	mono_t repeat;
};

/* ---- opening ---- */

static int
open_tcp(const struct path_settings *path)
{
	struct sockaddr_in from = endpoint_sockaddr((struct endpoint){path->bind, 0});
	struct sockaddr_in to = endpoint_sockaddr(path->connect);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	if ((path->bind == 0 ||
	     bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0) &&
	    (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ||
	     errno == EINPROGRESS))
		return fd;
	err = errno;
	close(fd);
	return -err;
}

/* PROBE: the bit is set that forbids fragmentation, and what the kernel remembers of
 * the path's MTU does not keep it from sending: ip(7). */
static int
open_udp(const struct path_settings *path)
{
	const int probe = IP_PMTUDISC_PROBE, one = 1;
	int fd = udp_dial(path->bind, path->connect);

	if (fd >= 0) {
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	}
	return fd;
}

static void
note_source(struct reach *r, int fd)
{
	struct sockaddr_in sa = {0};
	socklen_t len = sizeof(sa);
	struct ifstat_state state;
	char name[NIC_NAME_BYTES];

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	r->source = endpoint_from(&sa).addr;
	if (nic_of_address(r->source, name) && ifstat_read(name, &state) == 0)
		r->device_mtu = state.mtu;
}

/* All steps below what is wanted, and that. */
static void
choose_lengths(struct attempt *a)
{
	uint32_t wanted = (uint32_t)a->r->device_mtu;
	uint32_t most = GREETING_BYTES_MAX + UDP_HEADER_BYTES;

	if (wanted == 0)
		wanted = steps[STEPS - 1];
	if (a->r->path->mtu != 0 && a->r->path->mtu < wanted)
		wanted = a->r->path->mtu;
	if (wanted > most)
		wanted = most;
	for (size_t i = 0; i < STEPS && steps[i] < wanted; i++)
		a->lengths[a->count++] = steps[i];
	a->lengths[a->count++] = wanted;
	a->r->tried = wanted;
}

static void
begin(struct attempt *a, struct reach *r, mono_t now)
{
	*a = (struct attempt){.r = r, .tcp = -1, .udp = -1, .repeat = now};
	a->udp = open_udp(r->path);
	if (a->udp < 0) {
		r->dial_error = -a->udp;
		a->udp = -1;
		return;
	}
	note_source(r, a->udp);
	choose_lengths(a);
	if (r->path->transport != TRANSPORT_TLS)
		return;
	a->tcp = open_tcp(r->path);
	if (a->tcp < 0) {
		r->tcp_error = -a->tcp;
		a->tcp = -1;
	}
}

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- UDP ---- */

static void
greet(struct attempt *a, mono_t now)
{
	uint8_t bytes[GREETING_BYTES_MAX];

	a->repeat = mono_add(now, REPEAT_NS);
	/* The longest first: hosts limit how many errors of ICMP they send. */
	for (unsigned int i = a->count; i-- > 0;) {
		size_t len = a->lengths[i] - UDP_HEADER_BYTES;

		if (a->lengths[i] <= a->r->proven || !greeting_write(bytes, len, i))
			continue;
		if (send(a->udp, bytes, len, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED)
			(void)send(a->udp, bytes, len, MSG_DONTWAIT);
	}
}

static void
prove(struct attempt *a, uint32_t number)
{
	if (number < a->count && a->lengths[number] > a->r->proven)
		a->r->proven = a->lengths[number];
}

static void
take_answers(struct attempt *a)
{
	uint8_t bytes[512];
	uint32_t number;
	ssize_t n;

	while ((n = recv(a->udp, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		if (!greeting_is_answer(bytes, (size_t)n, &number))
			continue;
		a->r->answered = true;
		prove(a, number);
	}
}

/* An error of ICMP: who is too long is told the MTU; who found no port arrived. */
static void
take_error(struct attempt *a, const struct sock_extended_err *e, const uint8_t *bytes,
	   size_t len)
{
	uint32_t number;

	if (e->ee_errno == EMSGSIZE) {
		if (a->r->told_mtu == 0 || e->ee_info < a->r->told_mtu)
			a->r->told_mtu = e->ee_info;
		return;
	}
	a->r->udp_error = (int)e->ee_errno;
	if (e->ee_errno == ECONNREFUSED && greeting_is_quoted(bytes, len, &number))
		prove(a, number);
}

static bool
take_next_error(struct attempt *a)
{
	uint8_t bytes[128], control[256] __attribute__((aligned(8)));
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr m = {.msg_iov = &part,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(a->udp, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	struct sock_extended_err e;

	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		take_error(a, &e, bytes, (size_t)n);
	}
	return true;
}

/* The longest has arrived: there is nothing more to learn. */
static void
serve_udp(struct attempt *a)
{
	while (take_next_error(a))
		;
	take_answers(a);
	if (a->r->proven == a->r->tried)
		shut(&a->udp);
}

/* ---- TCP ---- */

static void
serve_tcp(struct attempt *a)
{
	socklen_t len = sizeof(a->r->tcp_error), segment_len = sizeof(int);

	getsockopt(a->tcp, SOL_SOCKET, SO_ERROR, &a->r->tcp_error, &len);
	a->r->tcp_up = a->r->tcp_error == 0;
	if (a->r->tcp_up)
		getsockopt(a->tcp, IPPROTO_TCP, TCP_MAXSEG, &a->r->tcp_segment,
			   &segment_len);
	shut(&a->tcp);
}

/* ---- all of them ---- */

static void
serve(struct attempt *a, const struct pollfd *tcp, const struct pollfd *udp)
{
	if (a->tcp >= 0 && tcp->revents != 0)
		serve_tcp(a);
	if (a->udp >= 0 && udp->revents != 0)
		serve_udp(a);
}

/* Sends what is due. False: nothing is open any more. */
static bool
prepare(struct attempt *attempts, struct pollfd *fds, size_t count, mono_t now)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		struct attempt *a = &attempts[i];

		if (a->udp >= 0 && mono_due(a->repeat, now))
			greet(a, now);
		fds[2 * i] = (struct pollfd){.fd = a->tcp, .events = POLLOUT};
		fds[2 * i + 1] = (struct pollfd){.fd = a->udp, .events = POLLIN};
		any = any || a->tcp >= 0 || a->udp >= 0;
	}
	return any;
}

static void
run(struct attempt *attempts, struct pollfd *fds, size_t count, mono_t end)
{
	mono_t now;

	for (now = clock_now().mono; mono_before(now, end); now = clock_now().mono) {
		int64_t wait_ns = mono_sub(end, now);

		if (!prepare(attempts, fds, count, now))
			return;
		if (wait_ns > REPEAT_NS / 4)
			wait_ns = REPEAT_NS / 4;
		if (poll(fds, 2 * count, (int)(wait_ns / NS_PER_MS) + 1) <= 0)
			continue;
		for (size_t i = 0; i < count; i++)
			serve(&attempts[i], &fds[2 * i], &fds[2 * i + 1]);
	}
}

/* What the kernel has learnt of the path's MTU, or the route says. */
static void
note_route_mtu(struct reach *r)
{
	int fd = udp_dial(r->path->bind, r->path->connect), mtu = 0;
	socklen_t len = sizeof(mtu);

	if (fd < 0)
		return;
	if (getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &len) == 0 && mtu > 0 &&
	    mtu < r->device_mtu)
		r->told_mtu = (uint32_t)mtu;
	close(fd);
}

/* Lengths rise. */
static void
note_unproven(struct attempt *a)
{
	for (unsigned int i = 0; i < a->count && a->r->unproven == 0; i++)
		if (a->lengths[i] > a->r->proven)
			a->r->unproven = a->lengths[i];
}

int
reach_try(struct reach *r, size_t count, int64_t timeout_ns)
{
	mono_t start = clock_now().mono;
	struct attempt *attempts = calloc(count, sizeof(*attempts));
	struct pollfd *fds = calloc(2 * count, sizeof(*fds));
	int rc = attempts != NULL && fds != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < count; i++)
		begin(&attempts[i], &r[i], start);
	if (rc == 0)
		run(attempts, fds, count, mono_add(start, timeout_ns));
	for (size_t i = 0; rc == 0 && i < count; i++) {
		shut(&attempts[i].tcp);
		shut(&attempts[i].udp);
		note_route_mtu(&r[i]);
		note_unproven(&attempts[i]);
	}
	free(attempts);
	free(fds);
	return rc;
}
