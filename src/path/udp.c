/* SPDX-License-Identifier: Apache-2.0 */
#include "path/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path/endpoint.h"

/* A burst is longer than the kernel's usual 208 KB; it may grant less. */
#define SOCKET_BYTES (4 * 1024 * 1024)
/* What IPv4 takes everywhere (RFC 791 says 68; no line of ours is that old), and
 * what is taken when the kernel does not know. */
#define MTU_MIN     576
#define MTU_UNKNOWN 1280

/* ---- in ---- */

static void
reset_header(struct udp_in *in, unsigned int i)
{
	struct msghdr *h = &in->headers[i].msg_hdr;

	h->msg_namelen = sizeof(in->from[i]);
	h->msg_controllen = sizeof(in->control[i]);
	h->msg_flags = 0;
}

int
udp_in_init(struct udp_in *in, unsigned int capacity, size_t each)
{
	*in = (struct udp_in){.capacity = capacity, .each = each};
	in->room = malloc(capacity * each);
	if (in->room == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < capacity; i++) {
		struct msghdr *h = &in->headers[i].msg_hdr;

		in->parts[i] = (struct iovec){.iov_base = in->room + i * each,
					      .iov_len = each};
		h->msg_name = &in->from[i];
		h->msg_iov = &in->parts[i];
		h->msg_iovlen = 1;
		h->msg_control = &in->control[i];
		reset_header(in, i);
	}
	return 0;
}

void
udp_in_fini(struct udp_in *in)
{
	free(in->room);
	in->room = NULL;
}

/* The value of a control message, or NULL. */
static const void *
find_control(struct msghdr *h, int level, int type)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return CMSG_DATA(c);
	return NULL;
}

int
udp_receive(struct udp_in *in, int fd, uint32_t *overflow)
{
	const void *value;
	int n;

	for (unsigned int i = 0; i < in->count; i++)
		reset_header(in, i);
	in->count = in->next = 0;
	n = recvmmsg(fd, in->headers, in->capacity, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	in->count = (unsigned int)n;
	if (n == 0)
		return 0;
	value = find_control(&in->headers[n - 1].msg_hdr, SOL_SOCKET, SO_RXQ_OVFL);
	if (value != NULL)
		memcpy(overflow, value, sizeof(*overflow));
	return n;
}

bool
udp_overflow(int fd, uint32_t *overflow)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t len = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0 ||
	    len <= SK_MEMINFO_DROPS * sizeof(memory[0]))
		return false;
	*overflow = memory[SK_MEMINFO_DROPS];
	return true;
}

bool
udp_in_next(struct udp_in *in, struct udp_datagram *d)
{
	unsigned int i = in->next;
	struct in_pktinfo info = {0};
	const void *value;

	if (i >= in->count)
		return false;
	in->next++;
	value = find_control(&in->headers[i].msg_hdr, IPPROTO_IP, IP_PKTINFO);
	if (value != NULL)
		memcpy(&info, value, sizeof(info));
	*d = (struct udp_datagram){
		.bytes = in->parts[i].iov_base,
		.len = in->headers[i].msg_len,
		.from = endpoint_from(&in->from[i]),
		.local = ntohl(info.ipi_spec_dst.s_addr),
		.cut = (in->headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0,
	};
	return true;
}

/* ---- out ---- */

bool
udp_out_put(struct udp_out *o, const void *bytes, size_t len)
{
	if (!udp_out_fits(o, len))
		return false;
	memcpy(o->room + o->end, bytes, len);
	o->len[o->first + o->count] = (uint16_t)len;
	o->end += len;
	o->count++;
	return true;
}

void
udp_out_clear(struct udp_out *o)
{
	o->start = o->end = 0;
	o->first = o->count = 0;
}

void
udp_out_drop(struct udp_out *o)
{
	o->start += o->len[o->first++];
	if (--o->count == 0)
		udp_out_clear(o);
}

int
udp_out_send(struct udp_out *o, int fd)
{
	struct mmsghdr headers[UDP_BATCH];
	struct iovec parts[UDP_BATCH];
	size_t at = o->start;
	unsigned int n = o->count;
	int sent;

	if (n == 0)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		parts[i] = (struct iovec){.iov_base = o->room + at,
					  .iov_len = o->len[o->first + i]};
		headers[i] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
		at += parts[i].iov_len;
	}
	sent = sendmmsg(fd, headers, n, MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	for (int i = 0; i < sent; i++)
		udp_out_drop(o);
	/* Fewer than asked for: the next call tells why. */
	return o->count == 0 ? 0 : -EINTR;
}

/* ---- sockets ---- */

/* Failures are of no consequence, but for what the caller checks. */
static void
tune(int fd)
{
	const int one = 1, bytes = SOCKET_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
}

static int
open_socket(void)
{
	const int never = IP_PMTUDISC_DO;
	int err;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	tune(fd);
	if (setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof(never)) == 0)
		return fd;
	err = errno;
	close(fd);
	return -err;
}

static int
fail(int fd)
{
	int err = errno;

	close(fd);
	return -err;
}

static int
connect_to(int fd, struct endpoint to)
{
	struct sockaddr_in sa = endpoint_sockaddr(to);

	return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}

static int
bind_at(int fd, struct endpoint at)
{
	struct sockaddr_in sa = endpoint_sockaddr(at);

	return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}

int
udp_dial(uint32_t bind_addr, struct endpoint to)
{
	int fd = open_socket();

	if (fd < 0)
		return fd;
	if ((bind_addr != 0 && bind_at(fd, (struct endpoint){.addr = bind_addr}) < 0) ||
	    connect_to(fd, to) < 0)
		return fail(fd);
	return fd;
}

int
udp_listen(struct endpoint at)
{
	const int one = 1;
	int fd = open_socket();

	if (fd < 0)
		return fd;
	/* To share only after bind(2), which else would not tell of a conflict. */
	if (bind_at(fd, at) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) < 0)
		return fail(fd);
	return fd;
}

int
udp_answer(struct endpoint local, struct endpoint to)
{
	const int one = 1;
	int fd = open_socket();

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind_at(fd, local) < 0 || connect_to(fd, to) < 0)
		return fail(fd);
	return fd;
}

size_t
udp_payload(int fd, uint32_t mtu)
{
	int route = 0;
	socklen_t len = sizeof(route);

	if (getsockopt(fd, IPPROTO_IP, IP_MTU, &route, &len) < 0 || route <= 0)
		route = MTU_UNKNOWN;
	if (mtu == 0 || (uint32_t)route < mtu)
		mtu = (uint32_t)route;
	if (mtu > UDP_MTU_MAX)
		mtu = UDP_MTU_MAX;
	if (mtu < MTU_MIN)
		mtu = MTU_MIN;
	return mtu - UDP_HEADER_BYTES;
}
