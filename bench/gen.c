/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gen: multicast datagrams at an even rate, each with its sequence and its time.
 *
 *   gen [options] INTERFACE
 *
 *   --count N       datagrams that are measured (default 100000)
 *   --rate N        a second, over all channels (default 10000)
 *   --warm N        as many at the same rate before them, not measured (default 0)
 *   --size N        bytes of payload (default 300)
 *   --channels N    in turn; channel i is group + i, port + i (default 1)
 *   --group A       (239.10.0.1)    --port N (30001)
 *   --probe         every 20 ms a datagram that asks whether the way is open, until
 *                   the program is ended
 *   --realtime      run with real-time priority
 *
 * A datagram that is late is sent at once, with the time at which it really left.
 * Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../tests/tools/options.h"
#include "mark.h"
#include "tick.h"

#define PAYLOAD_MAX  1472
#define CHANNELS_MAX 1024
#define PROBE_NS     (20 * NS_PER_MS)
#define SEND_BUFFER  (4 << 20)

struct gen {
	uint64_t count, warm, rate;
	size_t size;
	unsigned int channels;
	uint32_t group;
	uint16_t port;
	bool probe, realtime;
	int fd;
	int64_t started_ns, ended_ns, late_max_ns;
	uint64_t late_pkts; /* by more than a period */
};

static void
open_socket(struct gen *g, const char *interface)
{
	struct ip_mreqn on = {.imr_ifindex = (int)if_nametoindex(interface)};
	int buffer = SEND_BUFFER;
	uint8_t no = 0;

	g->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (on.imr_ifindex == 0 || g->fd < 0)
		options_die(interface, strerror(errno));
	if (setsockopt(g->fd, IPPROTO_IP, IP_MULTICAST_IF, &on, sizeof(on)) != 0 ||
	    setsockopt(g->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &no, sizeof(no)) != 0)
		options_die("multicast", strerror(errno));
	(void)setsockopt(g->fd, IPPROTO_IP, IP_MULTICAST_TTL, &(uint8_t){8}, 1);
	(void)setsockopt(g->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
}

static void
send_one(const struct gen *g, enum mark_kind kind, uint64_t number)
{
	uint16_t channel = (uint16_t)(number % g->channels);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)(g->port + channel)),
				 .sin_addr.s_addr = htonl(g->group + channel)};
	struct mark m = {
		.kind = kind,
		.channel = channel,
		.sequence = number / g->channels,
		.sent_ns = tick_ns(CLOCK_REALTIME),
	};
	uint8_t payload[PAYLOAD_MAX];

	mark_write(&m, payload, g->size);
	while (sendto(g->fd, payload, g->size, 0, (struct sockaddr *)&to, sizeof(to)) <
	       0)
		if (errno != EINTR && errno != ENOBUFS)
			options_die("sendto", strerror(errno));
}

/* Until at_ns; returns how late it is then. */
static int64_t
sleep_until(int64_t at_ns)
{
	struct timespec t = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};

	if (tick_ns(CLOCK_MONOTONIC) < at_ns)
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ==
		       EINTR)
			;
	return tick_ns(CLOCK_MONOTONIC) - at_ns;
}

/* Datagram n is due n periods after the start, whatever became of the others. */
static void
send_all(struct gen *g)
{
	int64_t period_ns = NS_PER_S / (int64_t)g->rate;
	int64_t start = tick_ns(CLOCK_MONOTONIC) + NS_PER_MS;

	for (uint64_t n = 0; n < g->warm + g->count; n++) {
		int64_t late =
			sleep_until(start + (int64_t)n * NS_PER_S / (int64_t)g->rate);

		if (n < g->warm) {
			send_one(g, MARK_WARM, n);
			continue;
		}
		if (n == g->warm)
			g->started_ns = tick_ns(CLOCK_MONOTONIC);
		if (late > g->late_max_ns)
			g->late_max_ns = late;
		g->late_pkts += late > period_ns;
		send_one(g, MARK_MEASURED, n - g->warm);
	}
	g->ended_ns = tick_ns(CLOCK_MONOTONIC);
}

_Noreturn static void
send_probes(const struct gen *g)
{
	for (uint64_t n = 0;; n++) {
		send_one(g, MARK_PROBE, n);
		(void)sleep_until(tick_ns(CLOCK_MONOTONIC) + PROBE_NS);
	}
}

static const struct option long_options[] = {
	{"count", required_argument, NULL, 'c'},
	{"rate", required_argument, NULL, 'r'},
	{"warm", required_argument, NULL, 'w'},
	{"size", required_argument, NULL, 's'},
	{"channels", required_argument, NULL, 'n'},
	{"group", required_argument, NULL, 'g'},
	{"port", required_argument, NULL, 'p'},
	{"probe", no_argument, NULL, 'P'},
	{"realtime", no_argument, NULL, 'R'},
	{NULL, 0, NULL, 0},
};

static void
set_option(struct gen *g, int option, const char *text)
{
	switch (option) {
	case 'c': g->count = options_number(text, 1, 1u << 30); break;
	case 'r': g->rate = options_number(text, 1, 1000000); break;
	case 'w': g->warm = options_number(text, 0, 1u << 30); break;
	case 's': g->size = options_number(text, MARK_BYTES, PAYLOAD_MAX); break;
	case 'n':
		g->channels = (unsigned int)options_number(text, 1, CHANNELS_MAX);
		break;
	case 'g': g->group = options_address(text); break;
	case 'p': g->port = (uint16_t)options_number(text, 1, 61439); break;
	case 'P': g->probe = true; break;
	case 'R': g->realtime = true; break;
	default: exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct gen g = {
		.count = 100000,
		.rate = 10000,
		.size = 300,
		.channels = 1,
		.group = 239u << 24 | 10 << 16 | 1,
		.port = 30001,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(&g, option, optarg);
	if (argc - optind != 1)
		options_die("usage", "[options] INTERFACE");
	open_socket(&g, argv[optind]);
	if (g.realtime)
		tick_hurry();
	if (g.probe)
		send_probes(&g);
	send_all(&g);
	printf("{\"sent\": %" PRIu64 ", \"seconds\": %.4f, \"late_max_us\": %.1f"
	       ", \"late\": %" PRIu64 "}\n",
	       g.count, (double)(g.ended_ns - g.started_ns) / 1e9,
	       (double)g.late_max_ns / 1e3, g.late_pkts);
	return 0;
}
