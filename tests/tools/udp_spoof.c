/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_spoof: an attacker who sends from addresses that are not its own. For use
 * inside a test's own network namespace.
 *
 *   udp_spoof -d address:port -s address[/bits] [-p port] [-k kind] [-i interface]
 *             [-n count] [-r rate] [-S seed]
 *
 * Sends count (1000) datagrams, rate (1000) a second, to -d from random addresses of
 * the subnet -s and random ports, or from the port -p. What they are:
 *
 *   hello   a ClientHello of DTLS 1.2 without a cookie, as a client begins (default)
 *   cut     a record of DTLS 1.2, of epoch 1, that says it is longer than it is
 *   noise   random bytes, 1 to 1200
 *   again   what leaves through -i for -d from -s, heard first and then said again;
 *           when nothing of it comes for 10 s, that is an error
 *
 * Ends after count, and prints how many the kernel took, in how many ms, and from which
 * port the last one. What it is behind with, on a busy machine, it does not make up for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "options.h"

#define COUNT_MAX     1000000
#define RATE_MAX      100000
#define AGAIN_MAX     10000
#define PATIENCE_S    10
#define STEP_NS       NS_PER_MS
#define STEP_MAX      (RATE_MAX / 1000)
#define NOISE_MAX     1200
#define IP_BYTES      20
#define UDP_BYTES     8
#define PACKET_BYTES  1500
#define DTLS_1_2      0xfefd
#define HANDSHAKE     22
#define DATA          23
#define CLIENT_HELLO  1
#define HELLO_BYTES   69 /* the body */
#define MESSAGE_BYTES (12 + HELLO_BYTES)

enum kind { HELLO, CUT, NOISE, AGAIN, KINDS };

struct heard {
	size_t len;
	uint8_t packet[PACKET_BYTES];
};

struct spoofer {
	uint32_t to, from, mask;
	uint16_t to_port, from_port;
	enum kind kind;
	uint64_t count, rate, random;
	const char *interface;
	int fd;
	uint64_t sent;
	uint16_t last_port;
	struct heard *heard; /* AGAIN: count of them */
	uint64_t said;       /* of these */
};

/* A step's worth, as sendmmsg(2) wants it. */
struct step {
	struct mmsghdr msgs[STEP_MAX];
	struct iovec iovs[STEP_MAX];
	struct sockaddr_in to;
	uint8_t packets[STEP_MAX][PACKET_BYTES];
};

static uint64_t
draw(struct spoofer *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545f4914f6cdd1dULL;
}

static void
put_random(struct spoofer *s, struct wr *w, size_t len)
{
	for (; len >= 8; len -= 8)
		wr_u64(w, draw(s));
	wr_be(w, draw(s) >> 8, len);
}

static void
put_record(struct spoofer *s, struct wr *w, uint8_t type, uint16_t epoch, uint16_t len)
{
	wr_u8(w, type);
	wr_u16(w, DTLS_1_2);
	wr_u16(w, epoch);
	wr_be(w, epoch == 0 ? 0 : draw(s) & 0xffffff, 6);
	wr_u16(w, len);
}

/* RFC 6347, section 4.2.1, with what every client of today says: two suites, and
 * groups and signatures to choose from. */
static void
put_hello(struct spoofer *s, struct wr *w)
{
	static const uint8_t rest[] = {
		0,    0,                                        /* session, cookie */
		0,    4,  0xc0, 0x2c, 0xc0, 0x30,               /* suites */
		1,    0,                                        /* compression */
		0,    23,                                       /* extensions: */
		0,    10, 0,    6,    0,    4,    0, 29, 0, 23, /* groups */
		0,    13, 0,    4,    0,    2,    4, 3,         /* signatures */
		0xff, 1,  0,    1,    0,                        /* renegotiation */
	};

	put_record(s, w, HANDSHAKE, 0, MESSAGE_BYTES);
	wr_u8(w, CLIENT_HELLO);
	wr_be(w, HELLO_BYTES, 3);
	wr_u16(w, 0);
	wr_be(w, 0, 3);
	wr_be(w, HELLO_BYTES, 3);
	wr_u16(w, DTLS_1_2);
	put_random(s, w, 32);
	wr_bytes(w, rest, sizeof(rest));
}

static void
put_payload(struct spoofer *s, struct wr *w)
{
	switch (s->kind) {
	case HELLO: put_hello(s, w); break;
	case CUT:
		put_record(s, w, DATA, 1, 1000);
		put_random(s, w, draw(s) % 999);
		break;
	case NOISE: put_random(s, w, 1 + draw(s) % NOISE_MAX); break;
	case AGAIN: /* has packets of its own */
	case KINDS: break;
	}
}

/* Checksums: the kernel makes that of IP, and UDP has none. */
static size_t
make_packet(struct spoofer *s, uint8_t packet[PACKET_BYTES])
{
	struct wr body = wr_init(packet + IP_BYTES + UDP_BYTES, NOISE_MAX);
	struct wr w = wr_init(packet, IP_BYTES + UDP_BYTES);
	uint16_t from_port =
		s->from_port != 0 ? s->from_port : (uint16_t)(1024 + draw(s) % 64000);
	size_t len;

	put_payload(s, &body);
	len = UDP_BYTES + NOISE_MAX - wr_left(&body);
	wr_u16(&w, 0x4500);
	wr_u16(&w, (uint16_t)(IP_BYTES + len));
	wr_u32(&w, 0x4000); /* DF */
	wr_u16(&w, 64 << 8 | IPPROTO_UDP);
	wr_u16(&w, 0);
	wr_u32(&w, s->from | ((uint32_t)draw(s) & ~s->mask));
	wr_u32(&w, s->to);
	wr_u16(&w, from_port);
	wr_u16(&w, s->to_port);
	wr_u16(&w, (uint16_t)len);
	wr_u16(&w, 0);
	if (body.failed || w.failed)
		options_die("our own mistake", "a packet does not fit");
	s->last_port = from_port;
	return IP_BYTES + len;
}

/* ---- again ---- */

static int
open_tap(const char *interface)
{
	struct sockaddr_ll on = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL)};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (interface == NULL)
		options_die("usage", "again needs -i");
	on.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || on.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		options_die(interface, strerror(errno));
	return fd;
}

/* A datagram of those that are to be said again. It is given the checksum "none": the
 * true one was left to hardware, which a virtual cable does not have. */
static bool
is_wanted(struct spoofer *s, struct heard *h)
{
	struct rd r = rd_init(h->packet, h->len);
	uint8_t version = rd_u8(&r), protocol;
	uint32_t from, to;
	uint16_t from_port, to_port;

	rd_skip(&r, 8);
	protocol = rd_u8(&r);
	rd_skip(&r, 2);
	from = rd_u32(&r);
	to = rd_u32(&r);
	from_port = rd_u16(&r);
	to_port = rd_u16(&r);
	rd_skip(&r, UDP_BYTES - 4);
	if (r.failed || version != 0x45 || protocol != IPPROTO_UDP || to != s->to ||
	    to_port != s->to_port || (from & s->mask) != s->from)
		return false;
	memset(h->packet + IP_BYTES + UDP_BYTES - 2, 0, 2);
	s->last_port = from_port;
	return true;
}

static void
hear(struct spoofer *s)
{
	int fd = open_tap(s->interface);

	if (s->count > AGAIN_MAX)
		options_die("again", "10000 at most");
	s->heard = calloc(s->count, sizeof(*s->heard));
	if (s->heard == NULL)
		options_die("again", "no memory");
	for (uint64_t n = 0; n < s->count;) {
		struct heard *h = &s->heard[n];
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(fd, h->packet, sizeof(h->packet), MSG_TRUNC,
				       (struct sockaddr *)&from, &from_len);

		if (got < 0)
			options_die("nothing is heard", strerror(errno));
		h->len = (size_t)got;
		if (from.sll_pkttype == PACKET_OUTGOING && h->len <= PACKET_BYTES &&
		    from.sll_protocol == htons(ETH_P_IP) && is_wanted(s, h))
			n++;
	}
	close(fd);
}

/* ---- out ---- */

static struct iovec
next_packet(struct spoofer *s, uint8_t room[PACKET_BYTES])
{
	struct heard *h;

	if (s->kind != AGAIN)
		return (struct iovec){.iov_base = room,
				      .iov_len = make_packet(s, room)};
	h = &s->heard[s->said++];
	return (struct iovec){.iov_base = h->packet, .iov_len = h->len};
}

static void
send_step(struct spoofer *s, struct step *step, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		step->iovs[i] = next_packet(s, step->packets[i]);
		step->msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &step->to,
			.msg_namelen = sizeof(step->to),
			.msg_iov = &step->iovs[i],
			.msg_iovlen = 1,
		};
	}
	for (unsigned int i = 0; i < n;) {
		int got = sendmmsg(s->fd, step->msgs + i, n - i, 0);

		if (got < 0 && errno != ENOBUFS)
			options_die("send", strerror(errno));
		i += got > 0 ? (unsigned int)got : 1;
		s->sent += got > 0 ? (uint64_t)got : 0;
	}
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
sleep_until(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

static void
send_all(struct spoofer *s)
{
	static struct step step;
	int64_t due = now_ns();
	uint64_t owed = 0; /* in thousandths: rate is a second's, a step is 1 ms */

	step.to = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(s->to)};
	for (uint64_t done = 0; done < s->count;) {
		uint64_t n;

		owed += s->rate;
		n = owed / 1000 < s->count - done ? owed / 1000 : s->count - done;
		owed %= 1000;
		send_step(s, &step, (unsigned int)n);
		done += n;
		due += STEP_NS;
		if (now_ns() > due + STEP_NS)
			due = now_ns();
		sleep_until(due);
	}
}

static void
read_subnet(struct spoofer *s, char *text)
{
	char *slash = strchr(text, '/');
	uint64_t bits = 32;

	if (slash != NULL) {
		*slash = '\0';
		bits = options_number(slash + 1, 8, 32);
	}
	s->mask = ~(uint32_t)((1ULL << (32 - bits)) - 1);
	s->from = options_address(text) & s->mask;
}

static enum kind
read_kind(const char *text)
{
	static const char *const names[KINDS] = {
		[HELLO] = "hello", [CUT] = "cut", [NOISE] = "noise", [AGAIN] = "again"};

	for (int i = 0; i < KINDS; i++)
		if (strcmp(text, names[i]) == 0)
			return (enum kind)i;
	options_die("not a kind", text);
}

static void
read_options(int argc, char **argv, struct spoofer *s)
{
	uint64_t to;
	int c;

	while ((c = getopt(argc, argv, "d:s:p:k:i:n:r:S:")) != -1) {
		switch (c) {
		case 'd':
			to = options_channel(optarg);
			s->to = (uint32_t)(to >> 16);
			s->to_port = (uint16_t)to;
			break;
		case 's': read_subnet(s, optarg); break;
		case 'p':
			s->from_port = (uint16_t)options_number(optarg, 1, 65535);
			break;
		case 'k': s->kind = read_kind(optarg); break;
		case 'i': s->interface = optarg; break;
		case 'n': s->count = options_number(optarg, 1, COUNT_MAX); break;
		case 'r': s->rate = options_number(optarg, 1, RATE_MAX); break;
		case 'S': s->random = options_number(optarg, 1, UINT32_MAX); break;
		default: options_die("usage", "see the first comment of the source");
		}
	}
	if (s->to == 0 || s->from == 0)
		options_die("usage", "-d and -s are needed");
}

int
main(int argc, char **argv)
{
	struct spoofer s = {.count = 1000, .rate = 1000, .random = 1};
	int64_t began, ms;

	read_options(argc, argv, &s);
	s.fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (s.fd < 0)
		options_die("socket", strerror(errno));
	if (s.kind == AGAIN)
		hear(&s);
	began = now_ns();
	send_all(&s);
	ms = (now_ns() - began) / NS_PER_MS;
	printf("{\"sent\": %" PRIu64 ", \"ms\": %" PRId64 ", \"port\": %u}\n", s.sent,
	       ms, s.last_port);
	free(s.heard);
	close(s.fd);
	return 0;
}
