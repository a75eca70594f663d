/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wan: a wide-area line in user space, for kernels without netem and for more than
 * netem does. Makes pairs of TAP interfaces; what goes into one comes out of the
 * other, later, or not at all.
 *
 *   wan [options] WIRE... where WIRE is A B SETTINGS-A-TO-B SETTINGS-B-TO-A
 *
 *   --seed N        the same seed and packets give the same losses (default 1)
 *   --spin USECS    wait actively for so long before a packet is due (default 0)
 *   --control FIFO  lines "WIRE ab|ba|both SETTINGS" change it while it runs
 *   --stats FILE    JSON, written at the end
 *   --realtime      run with real-time priority
 *
 *   wan --seed 7 tap0 tap1 delay=500us,loss=2%:3 delay=500us
 *   echo '1 both dark=0s:5s' >FIFO
 *
 * Settings: see line.h. Prints "ready" when the interfaces are there; they may be
 * moved to other network namespaces then. Ends at SIGTERM or SIGINT, and the
 * interfaces with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/histogram.h"
#include "delay.h"
#include "line.h"
#include "../tests/tools/options.h"
#include "tick.h"

#define WIRES_MAX     4
#define ENDS_MAX      (2 * WIRES_MAX)
#define UNDER_WAY     32768
#define TURN_FRAMES   32    /* from one interface, before the others have their turn */
#define TAP_QUEUE     10000 /* frames between the kernel and us */
#define CONTROL_BYTES 256

/* An interface, and the direction that begins there. */
struct end {
	int fd;
	struct end *other;
	struct line line;
	uint64_t taken, taken_bytes, given, given_bytes;
	uint64_t refused; /* by the interface at the other end */
	uint64_t crowded; /* out of our own room: the line was too slow for us */
	uint64_t verdicts[LINE_VERDICTS];
};

struct wan {
	struct end ends[ENDS_MAX];
	unsigned int end_count;
	struct delay *under_way;
	struct histogram late; /* came out later than due */
	int64_t spin_ns;
	int control_fd, signal_fd;
	char control[CONTROL_BYTES];
	size_t control_bytes;
};

_Noreturn static void
die(const char *what)
{
	options_die(what, strerror(errno));
}

/* ---- frames ---- */

static void
give(struct wan *w, const struct delay_packet *p)
{
	struct end *to = p->to;
	int64_t late_ns = tick_ns(CLOCK_MONOTONIC) - p->due_ns;

	histogram_record(&w->late, late_ns);
	if (write(to->fd, p->bytes, p->len) < 0) {
		to->refused++;
		return;
	}
	to->given++;
	to->given_bytes += p->len;
}

static void
give_due(struct wan *w)
{
	while (delay_next_ns(w->under_way) <= tick_ns(CLOCK_MONOTONIC))
		give(w, delay_take(w->under_way));
}

/* Two copies under way, of which the second is cut off when there is no room. */
static void
put_twice(struct wan *w, struct end *e, const uint8_t *bytes, size_t len,
	  int64_t due_ns)
{
	uint8_t *copy;

	delay_put(w->under_way, len, due_ns, e->other);
	copy = delay_room(w->under_way);
	if (copy == NULL) {
		e->crowded++;
		return;
	}
	memcpy(copy, bytes, len);
	delay_put(w->under_way, len, due_ns, e->other);
}

static void
take(struct wan *w, struct end *e, const uint8_t *bytes, size_t len)
{
	int64_t now = tick_ns(CLOCK_MONOTONIC), due;
	enum line_verdict verdict = line_take(&e->line, len, now, &due);

	e->taken++;
	e->taken_bytes += len;
	e->verdicts[verdict]++;
	switch (verdict) {
	case LINE_CARRIED:
	case LINE_REORDERED: delay_put(w->under_way, len, due, e->other); break;
	case LINE_DUPLICATED: put_twice(w, e, bytes, len, due); break;
	case LINE_LOST:
	case LINE_LOST_DARK:
	case LINE_LOST_QUEUE:
	case LINE_VERDICTS: break;
	}
}

/* What is due does not wait for what comes in. When there is no room at all, a frame
 * is read and thrown away. */
static void
take_frames(struct wan *w, struct end *e)
{
	uint8_t nowhere[DELAY_FRAME_MAX];

	for (int i = 0; i < TURN_FRAMES; i++) {
		uint8_t *room;
		ssize_t n;

		give_due(w);
		room = delay_room(w->under_way);
		n = read(e->fd, room != NULL ? room : nowhere, DELAY_FRAME_MAX);
		if (n <= 0)
			return;
		if (room != NULL)
			take(w, e, room, (size_t)n);
		else
			e->crowded++;
	}
}

/* ---- control ---- */

static bool
obey(struct wan *w, const char *line)
{
	char which[8], settings[CONTROL_BYTES], error[CONTROL_BYTES];
	bool ab, ba;
	unsigned int wire;
	int64_t now = tick_ns(CLOCK_MONOTONIC);

	if (sscanf(line, "%u %7s %255s", &wire, which, settings) != 3 || wire < 1 ||
	    wire > w->end_count / 2)
		return false;
	ab = strcmp(which, "ab") == 0 || strcmp(which, "both") == 0;
	ba = strcmp(which, "ba") == 0 || strcmp(which, "both") == 0;
	if (!ab && !ba)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		struct end *e = &w->ends[2 * (wire - 1) + i];

		if ((i == 0 ? ab : ba) &&
		    line_set(&e->line, settings, now, error, sizeof(error)) != NULL)
			return false;
	}
	return true;
}

static void
read_control(struct wan *w)
{
	ssize_t n = read(w->control_fd, w->control + w->control_bytes,
			 sizeof(w->control) - 1 - w->control_bytes);
	char *end;

	w->control_bytes += n > 0 ? (size_t)n : 0;
	w->control[w->control_bytes] = '\0';
	while ((end = strchr(w->control, '\n')) != NULL) {
		*end = '\0';
		if (!obey(w, w->control))
			fprintf(stderr, "wan: not understood: %s\n", w->control);
		w->control_bytes -= (size_t)(end + 1 - w->control);
		memmove(w->control, end + 1, w->control_bytes + 1);
	}
	if (w->control_bytes == sizeof(w->control) - 1)
		w->control_bytes = 0; /* no line is so long */
}

/* ---- the loop ---- */

static bool
run_once(struct wan *w)
{
	struct pollfd polls[ENDS_MAX + 2];
	int64_t next = delay_next_ns(w->under_way);
	int64_t wait = next - tick_ns(CLOCK_MONOTONIC) - w->spin_ns;
	struct timespec timeout = {.tv_sec = 0};

	if (wait > 0)
		timeout = (struct timespec){.tv_sec = wait / NS_PER_S,
					    .tv_nsec = wait % NS_PER_S};
	for (unsigned int i = 0; i < w->end_count; i++)
		polls[i] = (struct pollfd){.fd = w->ends[i].fd, .events = POLLIN};
	polls[w->end_count] = (struct pollfd){.fd = w->control_fd, .events = POLLIN};
	polls[w->end_count + 1] = (struct pollfd){.fd = w->signal_fd, .events = POLLIN};
	if (ppoll(polls, w->end_count + 2, next == INT64_MAX ? NULL : &timeout, NULL) <
	    0)
		return errno == EINTR;
	give_due(w);
	for (unsigned int i = 0; i < w->end_count; i++)
		if (polls[i].revents != 0)
			take_frames(w, &w->ends[i]);
	if (polls[w->end_count].revents & POLLIN)
		read_control(w);
	return polls[w->end_count + 1].revents == 0;
}

/* ---- the end ---- */

static void
print_end(FILE *f, const char *name, const struct end *e)
{
	const uint64_t *v = e->verdicts;

	fprintf(f,
		"\"%s\": {\"taken\": %" PRIu64 ", \"taken_bytes\": %" PRIu64
		", \"given\": %" PRIu64 ", \"given_bytes\": %" PRIu64,
		name, e->taken, e->taken_bytes, e->other->given, e->other->given_bytes);
	fprintf(f,
		", \"lost\": %" PRIu64 ", \"dark\": %" PRIu64
		", \"queue_full\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"refused\": %" PRIu64
		", \"crowded\": %" PRIu64 "}",
		v[LINE_LOST], v[LINE_LOST_DARK], v[LINE_LOST_QUEUE], v[LINE_DUPLICATED],
		v[LINE_REORDERED], e->other->refused, e->crowded);
}

static void
print_stats(const struct wan *w, FILE *f)
{
	const struct histogram *h = &w->late;

	fprintf(f, "{\"wires\": [");
	for (unsigned int i = 0; i < w->end_count; i += 2) {
		fprintf(f, "%s{", i > 0 ? ", " : "");
		print_end(f, "ab", &w->ends[i]);
		fprintf(f, ", ");
		print_end(f, "ba", &w->ends[i + 1]);
		fprintf(f, "}");
	}
	fprintf(f,
		"], \"late_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f"
		", \"max\": %.1f}}\n",
		(double)histogram_percentile(h, 50) / 1e3,
		(double)histogram_percentile(h, 99) / 1e3,
		(double)histogram_percentile(h, 99.9) / 1e3,
		(double)gauge_get(&h->max_ns) / 1e3);
}

static bool
write_stats(const struct wan *w, const char *file)
{
	FILE *f = fopen(file, "w");

	if (f == NULL)
		return false;
	print_stats(w, f);
	return fclose(f) == 0;
}

/* ---- the start ---- */

static int
open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		die(name);
	request.ifr_qlen = TAP_QUEUE;
	if (any < 0 || ioctl(any, SIOCSIFTXQLEN, &request) != 0)
		die(name);
	close(any);
	return fd;
}

static void
add_end(struct wan *w, const char *name, const char *settings, uint64_t seed)
{
	struct end *e = &w->ends[w->end_count];
	char error[CONTROL_BYTES];

	e->fd = open_tap(name);
	e->other = &w->ends[w->end_count ^ 1];
	line_init(&e->line, seed ^ (uint64_t)w->end_count << 56);
	if (line_set(&e->line, settings, tick_ns(CLOCK_MONOTONIC), error,
		     sizeof(error)) != NULL)
		options_die(name, error);
	w->end_count++;
}

/* The FIFO is opened for writing too, so that it never ends. */
static void
open_control(struct wan *w, const char *fifo)
{
	if (mkfifo(fifo, 0600) != 0 && errno != EEXIST)
		die(fifo);
	w->control_fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (w->control_fd < 0)
		die(fifo);
}

static void
open_signals(struct wan *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (w->signal_fd < 0)
		die("signalfd");
}

struct arguments {
	uint64_t seed;
	const char *control, *stats;
	bool realtime;
};

static void
read_options(struct wan *w, struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},
		{"spin", required_argument, NULL, 'p'},
		{"control", required_argument, NULL, 'c'},
		{"stats", required_argument, NULL, 'o'},
		{"realtime", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's': a->seed = options_number(optarg, 0, UINT64_MAX); break;
		case 'p':
			w->spin_ns =
				(int64_t)options_number(optarg, 0, 1000) * NS_PER_US;
			break;
		case 'c': a->control = optarg; break;
		case 'o': a->stats = optarg; break;
		case 'r': a->realtime = true; break;
		default: exit(2);
		}
	}
}

static void
add_wires(struct wan *w, uint64_t seed, int count, char **wires)
{
	if (count == 0 || count % 4 != 0 || count / 4 > WIRES_MAX)
		options_die("usage",
			    "[options] A B SETTINGS-A-TO-B SETTINGS-B-TO-A ...");
	for (int i = 0; i < count; i += 4) {
		add_end(w, wires[i], wires[i + 2], seed);
		add_end(w, wires[i + 1], wires[i + 3], seed);
	}
}

int
main(int argc, char **argv)
{
	struct arguments a = {.seed = 1};
	struct wan *w = calloc(1, sizeof(*w));
	int status = 0;

	if (w == NULL || (w->under_way = delay_new(UNDER_WAY)) == NULL)
		options_die("no memory", "for the packets under way");
	w->control_fd = -1;
	read_options(w, &a, argc, argv);
	open_signals(w);
	add_wires(w, a.seed, argc - optind, argv + optind);
	if (a.control != NULL)
		open_control(w, a.control);
	if (a.realtime)
		tick_hurry();
	printf("ready\n");
	fflush(stdout);
	while (run_once(w))
		;
	if (a.stats != NULL && !write_stats(w, a.stats))
		status = 1;
	delay_free(w->under_way);
	free(w);
	return status;
}
