/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "marketgen.h"

#define BATCH   64
#define STEP_NS NS_PER_MS

/* One batch: what is due, as sendmmsg(2) wants it. */
struct batch {
	unsigned int count;
	struct market_datagram said[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iovs[BATCH];
	struct sockaddr_in to[BATCH];
	uint8_t payloads[BATCH][FRAME_PAYLOAD_MAX];
};

struct live {
	const struct marketgen *g;
	struct market *m;
	int fd;
	int64_t started_ns;           /* monotonic */
	uint64_t taken;               /* from the market */
	struct market_datagram ahead; /* the next, not yet due */
	bool open;                    /* the market has more to say */
	uint64_t sent, bytes;
	int64_t late_max_ns;
	struct batch batch;
};

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void
look_ahead(struct live *l)
{
	l->ahead = market_next(l->m, 0);
	l->open = l->taken++ < l->g->count && l->ahead.due_ns <= l->g->duration_ns;
}

static bool
fail(const char *what)
{
	fprintf(stderr, "marketgen: %s: %s\n", what, strerror(errno));
	return false;
}

static bool
open_socket(struct live *l)
{
	struct ip_mreqn on = {.imr_ifindex = (int)if_nametoindex(l->g->interface)};
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(l->g->style.source)};
	int buffer = 4 << 20;

	if (on.imr_ifindex == 0)
		return fail(l->g->interface);
	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail("socket");
	if (setsockopt(l->fd, IPPROTO_IP, IP_MULTICAST_IF, &on, sizeof(on)) != 0)
		return fail("IP_MULTICAST_IF");
	(void)setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	if (bind(l->fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		return fail("bind");
	return true;
}

static void
collect_due(struct live *l, int64_t elapsed_ns)
{
	struct batch *b = &l->batch;

	for (b->count = 0; b->count < BATCH && l->open && l->ahead.due_ns <= elapsed_ns;
	     b->count++) {
		b->said[b->count] = l->ahead;
		if (elapsed_ns - l->ahead.due_ns > l->late_max_ns)
			l->late_max_ns = elapsed_ns - l->ahead.due_ns;
		look_ahead(l);
	}
}

static void
prepare(struct live *l, unsigned int i, int64_t utc_ns)
{
	struct batch *b = &l->batch;
	struct market_datagram *said = &b->said[i];
	const struct marketgen *g = l->g;

	said->mark.sent_ns = utc_ns;
	market_payload(l->m, said, b->payloads[i]);
	b->to[i] = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(g->port + said->mark.channel)),
		.sin_addr.s_addr = htonl(g->group + said->mark.channel),
	};
	b->iovs[i] = (struct iovec){.iov_base = b->payloads[i], .iov_len = said->len};
	b->msgs[i].msg_hdr = (struct msghdr){
		.msg_name = &b->to[i],
		.msg_namelen = sizeof(b->to[i]),
		.msg_iov = &b->iovs[i],
		.msg_iovlen = 1,
	};
	l->bytes += said->len;
}

/* Time is read once a batch, just before it leaves. The socket blocks, so a full
 * buffer delays and never drops. */
static bool
send_batch(struct live *l)
{
	struct batch *b = &l->batch;
	int64_t utc_ns = read_clock(CLOCK_REALTIME);
	unsigned int done = 0;

	for (unsigned int i = 0; i < b->count; i++)
		prepare(l, i, utc_ns);
	while (done < b->count) {
		int n = sendmmsg(l->fd, b->msgs + done, b->count - done, 0);

		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return fail("sendmmsg");
		if (n > 0)
			done += (unsigned int)n;
	}
	l->sent += done;
	return true;
}

static void
sleep_until(int64_t at_ns)
{
	struct timespec t = {.tv_sec = at_ns / NS_PER_S, .tv_nsec = at_ns % NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* SIGTERM closes the market: it is blocked, and looked for. */
static void
block_stop(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
}

static bool
is_stopped(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

static bool
say_market(struct live *l)
{
	block_stop();
	l->started_ns = read_clock(CLOCK_MONOTONIC);
	look_ahead(l);
	while (l->open && !is_stopped()) {
		int64_t now = read_clock(CLOCK_MONOTONIC);
		int64_t due = l->started_ns + l->ahead.due_ns;

		if (due > now) {
			sleep_until(due < now + STEP_NS ? due : now + STEP_NS);
			continue;
		}
		collect_due(l, now - l->started_ns);
		if (!send_batch(l))
			return false;
	}
	return true;
}

static void
print_result(const struct live *l)
{
	printf("{\"sent\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"seconds\": %.3f, \"late_max_ms\": %.3f}\n",
	       l->sent, l->bytes,
	       (double)(read_clock(CLOCK_MONOTONIC) - l->started_ns) / 1e9,
	       (double)l->late_max_ns / 1e6);
}

bool
marketgen_live(const struct marketgen *g)
{
	struct live *l = calloc(1, sizeof(*l));
	bool ok = false;

	if (l == NULL)
		return fail("memory");
	l->g = g;
	l->fd = -1;
	l->m = market_new(&g->market);
	ok = l->m != NULL && open_socket(l) && say_market(l);
	if (ok)
		print_result(l);
	if (l->fd >= 0)
		close(l->fd);
	market_free(l->m);
	free(l);
	return ok;
}
