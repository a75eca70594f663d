/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink: the subscriber. Joins the groups of gen(1) and measures what arrives, by
 * the kernel's time of arrival: that the program itself had to wait for a processor
 * is not the tunnel's fault.
 *
 *   sink [options] INTERFACE
 *
 *   --count N       datagrams that gen measures (default 100000)
 *   --channels N    (1)    --group A (239.10.0.1)    --port N (30001)
 *   --cdf FILE      latency in ms and how many arrived within it, by log-spaced steps
 *   --idle MS       after SIGUSR1, which says that gen has ended: silence for so
 *                   long is the end (default 300)
 *   --stream N      datagrams of N bytes come joined and cut, as from a byte stream;
 *                   accept them (one channel only)
 *
 * Says "listening", then "through" on standard error when a probe has arrived. Ends
 * when all have arrived and 100 ms more were silent, when idle, or at SIGTERM, and
 * prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../tests/tools/options.h"
#include "tally.h"
#include "tick.h"

#define CHANNELS_MAX   16 /* memberships that a socket may have */
#define BATCH          64
#define PAYLOAD_MAX    2048
#define ANCILLARY      128
#define RECEIVE_BUFFER (64 << 20)
#define COMPLETE_NS    (100 * NS_PER_MS)
#define STEP_NS        (500 * NS_PER_MS) /* two looks at the time, at most */
#define CDF_FIRST_MS   0.01
#define CDF_STEPS      40 /* to a power of ten */
#define CDF_POWERS     7
#define CLOCK_STEP_NS  NS_PER_MS

struct sink {
	uint64_t count;
	unsigned int channels;
	uint32_t group;
	uint16_t port;
	size_t stream_bytes; /* of a datagram; 0: boundaries are kept */
	const char *cdf;
	int64_t idle_ns;

	int fds[CHANNELS_MAX];
	int signal_fd;
	struct tally *tally;
	bool told, through, ended;
	int64_t last_ns; /* something arrived, or we were told */
	uint64_t foreign, warm;
	uint32_t overflow; /* of our own socket */
	uint8_t carry[PAYLOAD_MAX];
	size_t carry_bytes;
};

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	uint8_t payloads[BATCH][PAYLOAD_MAX];
	uint8_t ancillary[BATCH][ANCILLARY];
};

static void
join(struct sink *s, unsigned int channel, const char *interface)
{
	struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(s->group + channel),
				 .imr_ifindex = (int)if_nametoindex(interface)};
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)(s->port + channel)),
				 .sin_addr = group.imr_multiaddr};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, buffer = RECEIVE_BUFFER;

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
		options_die(interface, strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0)
		options_die("setsockopt", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	s->fds[channel] = fd;
}

/* ---- what arrives ---- */

static void
take(struct sink *s, const uint8_t *payload, size_t len, int64_t at_ns)
{
	struct mark m;

	if (!mark_read(payload, len, &m)) {
		s->foreign++;
		return;
	}
	switch (m.kind) {
	case MARK_PROBE:
		if (!s->through)
			fprintf(stderr, "through\n");
		s->through = true;
		break;
	case MARK_WARM: s->warm++; break;
	case MARK_MEASURED:
		if (!tally_take(s->tally, &m, at_ns))
			s->foreign++;
		break;
	}
}

static void
take_stream(struct sink *s, const uint8_t *bytes, size_t len, int64_t at_ns)
{
	while (len > 0) {
		size_t n = s->stream_bytes - s->carry_bytes;

		n = n < len ? n : len;
		memcpy(s->carry + s->carry_bytes, bytes, n);
		s->carry_bytes += n;
		bytes += n;
		len -= n;
		if (s->carry_bytes == s->stream_bytes) {
			take(s, s->carry, s->carry_bytes, at_ns);
			s->carry_bytes = 0;
		}
	}
}

static int64_t
read_ancillary(struct sink *s, struct msghdr *msg)
{
	int64_t at_ns = tick_ns(CLOCK_REALTIME);
	struct timespec t;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_TIMESTAMPNS) {
			memcpy(&t, CMSG_DATA(c), sizeof(t));
			at_ns = t.tv_sec * NS_PER_S + t.tv_nsec;
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&s->overflow, CMSG_DATA(c), sizeof(s->overflow));
		}
	}
	return at_ns;
}

static void
prepare(struct batch *b)
{
	for (size_t i = 0; i < BATCH; i++) {
		b->iovs[i] = (struct iovec){b->payloads[i], PAYLOAD_MAX};
		b->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &b->iovs[i],
						     .msg_iovlen = 1,
						     .msg_control = b->ancillary[i],
						     .msg_controllen = ANCILLARY};
	}
}

static void
receive(struct sink *s, struct batch *b, int fd)
{
	int n;

	do {
		prepare(b);
		n = recvmmsg(fd, b->msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			int64_t at_ns = read_ancillary(s, &b->msgs[i].msg_hdr);

			if (s->stream_bytes != 0)
				take_stream(s, b->payloads[i], b->msgs[i].msg_len,
					    at_ns);
			else
				take(s, b->payloads[i], b->msgs[i].msg_len, at_ns);
		}
		if (n > 0)
			s->last_ns = tick_ns(CLOCK_MONOTONIC);
	} while (n == BATCH);
}

/* ---- the loop ---- */

static void
read_signal(struct sink *s)
{
	struct signalfd_siginfo got;

	if (read(s->signal_fd, &got, sizeof(got)) != sizeof(got))
		return;
	if (got.ssi_signo != SIGUSR1)
		s->ended = true;
	s->told = true;
	s->last_ns = tick_ns(CLOCK_MONOTONIC);
}

/* How long silence may still last; 0: it is over. */
static int64_t
patience_ns(const struct sink *s)
{
	int64_t silent = tick_ns(CLOCK_MONOTONIC) - s->last_ns;
	int64_t may = INT64_MAX;

	if (tally_delivered(s->tally) == s->count)
		may = COMPLETE_NS;
	else if (s->told)
		may = s->idle_ns;
	return silent < may ? may - silent : 0;
}

static void
listen_to_all(struct sink *s, struct batch *b)
{
	struct pollfd polls[CHANNELS_MAX + 1];
	int64_t wait;

	for (unsigned int i = 0; i < s->channels; i++)
		polls[i] = (struct pollfd){.fd = s->fds[i], .events = POLLIN};
	polls[s->channels] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	while (!s->ended && (wait = patience_ns(s)) > 0) {
		wait = wait < STEP_NS ? wait : STEP_NS;
		if (poll(polls, s->channels + 1, (int)(wait / NS_PER_MS) + 1) < 0)
			continue;
		for (unsigned int i = 0; i < s->channels; i++)
			if (polls[i].revents & POLLIN)
				receive(s, b, s->fds[i]);
		if (polls[s->channels].revents & POLLIN)
			read_signal(s);
	}
}

/* ---- the result ---- */

static bool
write_cdf(const struct sink *s)
{
	FILE *f = fopen(s->cdf, "w");

	if (f == NULL)
		return false;
	for (int i = 0; i <= CDF_STEPS * CDF_POWERS; i++) {
		double ms = CDF_FIRST_MS * pow(10, (double)i / CDF_STEPS);

		fprintf(f, "%.5f %" PRIu64 " %" PRIu64 "\n", ms,
			tally_within(s->tally, (int64_t)(ms * 1e6)), s->count);
	}
	return fclose(f) == 0;
}

static double
percentile_ms(const struct sink *s, double percent)
{
	return (double)tally_percentile_ns(s->tally, percent) / 1e6;
}

static void
print_result(const struct sink *s, bool stepped)
{
	const struct tally *t = s->tally;
	uint64_t delivered = tally_delivered(t);

	printf("{\"sent\": %" PRIu64 ", \"delivered\": %" PRIu64
	       ", \"delivered_percent\": %.4f, \"duplicates\": %" PRIu64
	       ", \"reordered\": %" PRIu64,
	       s->count, delivered, 100 * (double)delivered / (double)s->count,
	       tally_duplicates(t), tally_reordered(t));
	printf(", \"foreign\": %" PRIu64 ", \"sink_overflow\": %" PRIu32
	       ", \"clock_stepped\": %s",
	       s->foreign, s->overflow, stepped ? "true" : "false");
	printf(", \"latency_ms\": {\"min\": %.4f, \"p50\": %.4f, \"p99\": %.4f"
	       ", \"p99.9\": %.4f, \"max\": %.4f}}\n",
	       percentile_ms(s, 0), percentile_ms(s, 50), percentile_ms(s, 99),
	       percentile_ms(s, 99.9), percentile_ms(s, 100));
}

/* ---- the start ---- */

static void
open_signals(struct sink *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (s->signal_fd < 0)
		options_die("signalfd", strerror(errno));
}

static const struct option long_options[] = {
	{"count", required_argument, NULL, 'c'},
	{"channels", required_argument, NULL, 'n'},
	{"group", required_argument, NULL, 'g'},
	{"port", required_argument, NULL, 'p'},
	{"cdf", required_argument, NULL, 'f'},
	{"idle", required_argument, NULL, 'i'},
	{"stream", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

static void
set_option(struct sink *s, int option, const char *text)
{
	switch (option) {
	case 'c': s->count = options_number(text, 1, 1u << 30); break;
	case 'n':
		s->channels = (unsigned int)options_number(text, 1, CHANNELS_MAX);
		break;
	case 'g': s->group = options_address(text); break;
	case 'p': s->port = (uint16_t)options_number(text, 1, 61439); break;
	case 'f': s->cdf = text; break;
	case 'i':
		s->idle_ns = (int64_t)options_number(text, 1, 600000) * NS_PER_MS;
		break;
	case 's':
		s->stream_bytes = options_number(text, MARK_BYTES, PAYLOAD_MAX);
		break;
	default: exit(2);
	}
}

static int64_t
clocks_apart_ns(void)
{
	return tick_ns(CLOCK_REALTIME) - tick_ns(CLOCK_MONOTONIC);
}

/* False: the result is not worth the name, and says why. */
static bool
measure(struct sink *s)
{
	struct batch *b = calloc(1, sizeof(*b));
	int64_t apart_ns = clocks_apart_ns();
	bool stepped;

	if (b == NULL)
		options_die("no memory", "for a batch");
	fprintf(stderr, "listening\n");
	s->last_ns = tick_ns(CLOCK_MONOTONIC);
	listen_to_all(s, b);
	free(b);
	stepped = llabs(clocks_apart_ns() - apart_ns) > CLOCK_STEP_NS;
	tally_sort(s->tally);
	print_result(s, stepped);
	return (s->cdf == NULL || write_cdf(s)) && !stepped && s->overflow == 0;
}

int
main(int argc, char **argv)
{
	struct sink s = {
		.count = 100000,
		.channels = 1,
		.group = 239u << 24 | 10 << 16 | 1,
		.port = 30001,
		.idle_ns = 300 * NS_PER_MS,
	};
	int option;
	bool ok;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(&s, option, optarg);
	if (argc - optind != 1 || (s.stream_bytes != 0 && s.channels != 1))
		options_die("usage", "[options] INTERFACE");
	s.tally = tally_new(s.count, s.channels);
	if (s.tally == NULL)
		options_die("no memory", "for so many datagrams");
	open_signals(&s);
	for (unsigned int i = 0; i < s.channels; i++)
		join(&s, i, argv[optind]);
	ok = measure(&s);
	tally_free(s.tally);
	return ok ? 0 : 1;
}
