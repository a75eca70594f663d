/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Last stage of the peer; gets datagrams from window, hands them to the kernel;
 * runs on the lane's thread.
 *
 * The kernel is made to tell the truth. Without IP_RECVERR a UDP socket hears
 * nothing of a full interface queue (the datagram is dropped and the call
 * succeeds), and a device without carrier swallows everything with a success. So
 * IP_RECVERR is set, and the interface is looked at on a short cadence.
 */
#include "path/emit.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SEND_BUFFER_BYTES (4 * 1024 * 1024)
#define HEADER_BYTES      28 /* IPv4 and UDP */
#define INSPECT_NS        (10 * NS_PER_MS)
#define RETRY_FIRST_NS    NS_PER_MS
#define RETRY_LAST_NS     (100 * NS_PER_MS)

struct emitter {
	int fd;
	uint8_t ttl, dscp; /* as the socket has them */
	char interface[IFNAMSIZ];
	bool fragment;
	int ifindex; /* to which IP_MULTICAST_IF is set; 0 = to none */
	size_t payload_max;
	mono_t inspected;
	const char *trouble; /* why nothing can be sent; NULL = all is well */
	int64_t retry_ns;
	struct emit_figures figures;
	struct mmsghdr messages[EMIT_BATCH];
	struct sockaddr_in to[EMIT_BATCH];
};

/* ---- the interface ---- */

static struct ifreq
name_request(const struct emitter *e)
{
	struct ifreq r = {0};

	memcpy(r.ifr_name, e->interface, sizeof(r.ifr_name));
	return r;
}

static int
point_at(struct emitter *e, int ifindex)
{
	struct ip_mreqn mreq = {.imr_ifindex = ifindex};

	if (ifindex == e->ifindex)
		return 0;
	if (setsockopt(e->fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof(mreq)) < 0)
		return -errno;
	e->ifindex = ifindex;
	return 0;
}

static void
take_mtu(struct emitter *e, int mtu)
{
	size_t fits = mtu > HEADER_BYTES ? (size_t)mtu - HEADER_BYTES : 0;

	if (e->fragment || fits > DATAGRAM_BYTES_MAX)
		fits = DATAGRAM_BYTES_MAX;
	e->payload_max = fits;
	gauge_set(&e->figures.mtu_bytes, mtu);
}

/* NULL when the interface can send, else what is wrong with it. The address is
 * asked for because the kernel would otherwise borrow another interface's. */
static const char *
find_trouble(struct emitter *e)
{
	struct ifreq r = name_request(e);

	if (ioctl(e->fd, SIOCGIFINDEX, &r) < 0)
		return "no such interface";
	if (point_at(e, r.ifr_ifindex) < 0)
		return "interface vanished";
	if (ioctl(e->fd, SIOCGIFMTU, &r) < 0)
		return "interface vanished";
	take_mtu(e, r.ifr_mtu);
	if (ioctl(e->fd, SIOCGIFADDR, &r) < 0)
		return "no IPv4 address";
	if (ioctl(e->fd, SIOCGIFFLAGS, &r) < 0)
		return "interface vanished";
	if (!(r.ifr_flags & IFF_UP))
		return "down";
	if (!(r.ifr_flags & IFF_RUNNING))
		return "no carrier";
	return NULL;
}

static void
note_trouble(struct emitter *e, const char *trouble)
{
	if (trouble && !e->trouble)
		log_warn("emit", "interface cannot send interface=%s reason=\"%s\"",
			 e->interface, trouble);
	if (!trouble && e->trouble)
		log_info("emit", "interface can send interface=%s mtu=%lld",
			 e->interface, (long long)gauge_get(&e->figures.mtu_bytes));
	e->trouble = trouble;
}

static bool
inspect(struct emitter *e, mono_t now)
{
	e->inspected = now;
	note_trouble(e, find_trouble(e));
	return !e->trouble;
}

static bool
inspect_if_due(struct emitter *e)
{
	mono_t now = clock_now().mono;

	if (!e->trouble && mono_sub(now, e->inspected) < INSPECT_NS)
		return true;
	return inspect(e, now);
}

/* ---- refusals ---- */

static void
back_off(struct emitter *e)
{
	e->retry_ns = e->retry_ns ? 2 * e->retry_ns : RETRY_FIRST_NS;
	if (e->retry_ns > RETRY_LAST_NS)
		e->retry_ns = RETRY_LAST_NS;
}

/* True for what passes by itself; retry_ns then says when to try again. */
static bool
passes(struct emitter *e, int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
		counter_inc(&e->figures.again);
		e->retry_ns = 0;
		return true;
	case ENOBUFS:
	case ENOMEM:
		counter_inc(&e->figures.nobufs);
		back_off(e);
		return true;
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENODEV:
		counter_inc(&e->figures.down);
		back_off(e);
		return true;
	default: return false;
	}
}

/* The kernel queues a copy of what it refused (IP_RECVERR), and while the queue
 * holds one the socket polls as in error: so it is emptied at every error. */
static void
drain_errors(const struct emitter *e)
{
	char data[1], control[256];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};

	while (recvmsg(e->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		m.msg_controllen = sizeof(control);
}

static enum emit_verdict
refuse(struct emitter *e, const struct outgoing *o, int error)
{
	struct in_addr group = {htonl(o->group)};
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &group, text, sizeof(text));
	if (error == EMSGSIZE) {
		counter_inc(&e->figures.oversize);
		log_warn("emit",
			 "datagram refused reason=oversize group=%s port=%u "
			 "bytes=%zu mtu=%lld",
			 text, o->port, o->len,
			 (long long)gauge_get(&e->figures.mtu_bytes));
		return EMIT_OVERSIZE;
	}
	counter_inc(&e->figures.errors);
	log_warn("emit", "datagram refused reason=\"%s\" group=%s port=%u bytes=%zu",
		 strerror(error), text, o->port, o->len);
	return EMIT_ERROR;
}

/* ---- sending ---- */

static void
fill(struct emitter *e, size_t i, const struct outgoing *o)
{
	assert(o->iov_count <= EMIT_IOV_MAX);
	e->to[i] = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_port = htons(o->port),
					.sin_addr = {htonl(o->group)}};
	e->messages[i].msg_hdr = (struct msghdr){.msg_name = &e->to[i],
						 .msg_namelen = sizeof(e->to[i]),
						 .msg_iov = (struct iovec *)o->iov,
						 .msg_iovlen = o->iov_count};
}

/* Hands the run of datagrams that fit to the kernel. Returns how many it took, at
 * least one, or a negative errno that is the first one's. */
static int
send_run(struct emitter *e, const struct outgoing *out, size_t count,
	 enum emit_verdict *verdicts)
{
	size_t n;
	int taken;

	for (n = 0; n < count && out[n].len <= e->payload_max; n++)
		fill(e, n, &out[n]);
	counter_inc(&e->figures.batches);
	taken = sendmmsg(e->fd, e->messages, n, MSG_DONTWAIT);
	if (taken < 0)
		return -errno;
	e->retry_ns = 0;
	for (int i = 0; i < taken; i++) {
		verdicts[i] = EMIT_SENT;
		counter_add(&e->figures.sent_bytes, out[i].len);
	}
	counter_add(&e->figures.sent, (uint64_t)taken);
	return taken;
}

static int
attempt(struct emitter *e, const struct outgoing *out, size_t count,
	enum emit_verdict *verdicts)
{
	int taken = -EMSGSIZE;

	if (out->len <= e->payload_max)
		taken = send_run(e, out, count, verdicts);
	if (taken < 0)
		drain_errors(e);
	return taken;
}

/*
 * sendmmsg() also reports what happened to the socket earlier (an ICMP error that
 * anybody may send us), and the MTU or the interface's index may be new since the
 * last look. So nothing is refused at the first error, and not before that look.
 */
static bool
believe(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/* Settles one datagram or several from the front. 0: the first must wait. */
static size_t
settle(struct emitter *e, const struct outgoing *out, size_t count,
       enum emit_verdict *verdicts)
{
	int taken = attempt(e, out, count, verdicts);

	if (taken < 0 && !believe(-taken)) {
		if (inspect(e, clock_now().mono))
			taken = attempt(e, out, count, verdicts);
		else
			taken = -ENETDOWN;
	}
	if (taken > 0)
		return (size_t)taken;
	if (passes(e, -taken))
		return 0;
	verdicts[0] = refuse(e, out, -taken);
	return 1;
}

size_t
emit_send(struct emitter *e, const struct outgoing *out, size_t count,
	  enum emit_verdict *verdicts)
{
	size_t end = count < EMIT_BATCH ? count : EMIT_BATCH;
	size_t done = 0, step = 1; /* step 0: something must wait, and all behind it */

	for (size_t i = 0; i < count; i++)
		verdicts[i] = EMIT_AGAIN;
	if (!inspect_if_due(e)) {
		passes(e, ENETDOWN);
		return 0;
	}
	while (done < end && step) {
		step = settle(e, &out[done], end - done, &verdicts[done]);
		done += step;
	}
	return done;
}

int
emit_fd(const struct emitter *e)
{
	return e->fd;
}

int64_t
emit_retry_ns(const struct emitter *e)
{
	return e->retry_ns;
}

const struct emit_figures *
emit_figures(const struct emitter *e)
{
	return &e->figures;
}

/* ---- start ---- */

LOG_FORMAT(3, 4)
static bool
fail(char *error, size_t error_bytes, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, error_bytes, fmt, ap);
	va_end(ap);
	return false;
}

static void
list_interfaces(char *list, size_t list_bytes)
{
	struct if_nameindex *all = if_nameindex();
	size_t used = 0;

	list[0] = '\0';
	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		used += (size_t)snprintf(list + used, list_bytes - used, "%s%s",
					 used ? ", " : "", i->if_name);
		if (used >= list_bytes)
			break;
	}
	if (all)
		if_freenameindex(all);
}

static bool
check_interface(struct emitter *e, const char *name, char *error, size_t error_bytes)
{
	struct ifreq r;
	char list[256];

	if (strlen(name) >= sizeof(e->interface) || if_nametoindex(name) == 0) {
		list_interfaces(list, sizeof(list));
		return fail(error, error_bytes,
			    "emit: no such interface \"%s\" (there are: %s)", name,
			    list);
	}
	memcpy(e->interface, name, strlen(name) + 1);
	r = name_request(e);
	if (ioctl(e->fd, SIOCGIFADDR, &r) < 0)
		return fail(error, error_bytes,
			    "emit: interface \"%s\" has no IPv4 address, and what is "
			    "emitted needs a source address",
			    name);
	return true;
}

struct option {
	int option;
	int value;
	const char *name;
};

static bool
set_options(const struct emitter *e, const struct option *options, size_t count,
	    char *error, size_t error_bytes)
{
	for (size_t i = 0; i < count; i++)
		if (setsockopt(e->fd, IPPROTO_IP, options[i].option, &options[i].value,
			       sizeof(int)) < 0)
			return fail(error, error_bytes, "emit: %s %d: %s",
				    options[i].name, options[i].value, strerror(errno));
	return true;
}

static bool
set_marks(const struct emitter *e, uint8_t ttl, uint8_t dscp, char *error,
	  size_t error_bytes)
{
	const struct option options[] = {
		{IP_MULTICAST_TTL, ttl, "IP_MULTICAST_TTL"},
		{IP_TOS, dscp << 2, "IP_TOS"},
	};

	return set_options(e, options, 2, error, error_bytes);
}

int
emit_mark(struct emitter *e, const struct emit_settings *s, char *error,
	  size_t error_bytes)
{
	char again[128];

	if (!set_marks(e, s->ttl, s->dscp, error, error_bytes)) {
		(void)set_marks(e, e->ttl, e->dscp, again, sizeof(again));
		return -EINVAL;
	}
	e->ttl = s->ttl;
	e->dscp = s->dscp;
	return 0;
}

static bool
set_up_socket(struct emitter *e, const struct emit_settings *s, char *error,
	      size_t error_bytes)
{
	const struct option options[] = {
		{IP_MULTICAST_LOOP, s->loop, "IP_MULTICAST_LOOP"},
		{IP_MTU_DISCOVER, s->fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO,
		 "IP_MTU_DISCOVER"},
		{IP_RECVERR, 1, "IP_RECVERR"},
	};

	return set_options(e, options, sizeof(options) / sizeof(options[0]), error,
			   error_bytes) &&
	       emit_mark(e, s, error, error_bytes) == 0;
}

/* Only ever a matter of how often we hear EAGAIN: so less than wanted is told, not
 * refused. What others send to the socket's port is left to a small queue. */
static void
set_buffers(const struct emitter *e)
{
	int wanted = SEND_BUFFER_BYTES, got = 0, least = 1;
	socklen_t len = sizeof(got);

	if (setsockopt(e->fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) < 0)
		setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	getsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &got, &len);
	if (got < wanted) /* the kernel reports twice what was set (socket(7)) */
		log_info("emit",
			 "send buffer is smaller than wanted bytes=%d wanted=%d "
			 "see=net.core.wmem_max",
			 got / 2, wanted);
}

struct emitter *
emit_new(const struct emit_settings *s, char *error, size_t error_bytes)
{
	struct emitter *e = calloc(1, sizeof(*e));

	if (!e) {
		fail(error, error_bytes, "emit: out of memory");
		return NULL;
	}
	e->fragment = s->fragment;
	e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (e->fd < 0) {
		fail(error, error_bytes, "emit: socket: %s", strerror(errno));
		goto failed;
	}
	if (!check_interface(e, s->interface, error, error_bytes))
		goto failed;
	if (!set_up_socket(e, s, error, error_bytes))
		goto failed;
	set_buffers(e);
	inspect(e, clock_now().mono);
	return e;
failed:
	emit_free(e);
	return NULL;
}

void
emit_free(struct emitter *e)
{
	if (!e)
		return;
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}
