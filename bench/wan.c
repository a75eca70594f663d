/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wan: a wide-area line in user space, for kernels without netem and for more than
 * netem does. What comes in at one of two interfaces goes out of the other, later, or
 * not at all.
 *
 *   wan [options] WIRE... where WIRE is A B SETTINGS-A-TO-B SETTINGS-B-TO-A
 *
 *   --seed N        the same seed and packets give the same losses (default 1)
 *   --spin USECS    wait actively for so long before a packet is due (default 0)
 *   --control FIFO  lines "WIRE ab|ba|both SETTINGS" change it while it runs
 *   --stats FILE    JSON, written at the end
 *   --realtime      run with real-time priority
 *
 *   wan --seed 7 r1 p1 delay=500us,loss=2%:3 delay=500us
 *   echo '1 both dark=0s:5s' >FIFO
 *
 * Settings: see line.h. The interfaces are up, have no addresses, and are its own: the
 * near ends of two veth pairs, whose far ends are plain (plain.c). Prints "ready" when
 * frames are carried. Ends at SIGTERM or SIGINT.
 *
 * No frame wakes it. The kernel keeps them, with the time at which each arrived, and no
 * frame is due before the line's delay has passed: so it looks when a packet is due
 * anyway, and often enough in between. Where there is no delay, or nothing to carry,
 * it waits for frames instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/histogram.h"
#include "delay.h"
#include "line.h"
#include "port.h"
#include "../tests/tools/options.h"
#include "tick.h"

#define WIRES_MAX     4
#define ENDS_MAX      (2 * WIRES_MAX)
#define UNDER_WAY     32768
#define TURN_FRAMES   16 /* from one interface, before what is due has its turn */
#define LOOK_NS       (200 * NS_PER_US) /* between two looks for frames, at most */
#define LOOK_LEAST_NS (20 * NS_PER_US)  /* rather than look oftener, be woken */
#define IDLE_NS       (2 * NS_PER_MS)   /* without a frame, and it is woken */
#define MIND_NS       NS_PER_MS         /* between two looks for commands */
#define CONTROL_BYTES 256

/* An interface, and the direction that begins there. */
struct end {
	struct port port;
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
	int64_t look_every_ns; /* 0: it has to be woken for each frame */
	int64_t looked_ns;     /* when it looked for frames */
	int64_t busy_ns;       /* when it found one */
	int64_t mind_ns;       /* when it next looks for commands */
	int64_t utc_ahead_ns;  /* CLOCK_REALTIME, of CLOCK_MONOTONIC */
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
	if (!port_give(&to->port, p->bytes, p->len)) {
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
take(struct wan *w, struct end *e, const uint8_t *bytes, size_t len, int64_t arrived_ns)
{
	int64_t due;
	enum line_verdict verdict = line_take(&e->line, len, arrived_ns, &due);

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

/* When there is no room at all, a frame is read and thrown away. False: more may be
 * there. */
static bool
take_frames(struct wan *w, struct end *e)
{
	uint8_t nowhere[DELAY_FRAME_MAX];

	for (int i = 0; i < TURN_FRAMES; i++) {
		uint8_t *room = delay_room(w->under_way);
		int64_t arrived_ns;
		size_t len = port_take(&e->port, room != NULL ? room : nowhere,
				       DELAY_FRAME_MAX, &arrived_ns);

		if (len == 0)
			return true;
		w->busy_ns = w->looked_ns;
		if (room != NULL)
			take(w, e, room, len, arrived_ns - w->utc_ahead_ns);
		else
			e->crowded++;
	}
	return false;
}

/* False: more may be there. */
static bool
look(struct wan *w)
{
	bool all = true;

	w->looked_ns = tick_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < w->end_count; i++)
		all = take_frames(w, &w->ends[i]) && all;
	return all;
}

/* ---- control ---- */

/* What arrives right after a look must be taken before it is due. */
static void
set_pace(struct wan *w)
{
	int64_t every = LOOK_NS;

	for (unsigned int i = 0; i < w->end_count; i++) {
		int64_t half = w->ends[i].line.settings.delay_ns / 2;

		every = half < every ? half : every;
	}
	w->look_every_ns = every < LOOK_LEAST_NS ? 0 : every;
}

/* What arrived before a command is not under it. */
static bool
obey(struct wan *w, const char *line)
{
	char which[8], settings[CONTROL_BYTES], error[CONTROL_BYTES];
	bool ab, ba;
	unsigned int wire;
	int64_t now;

	if (sscanf(line, "%u %7s %255s", &wire, which, settings) != 3 || wire < 1 ||
	    wire > w->end_count / 2)
		return false;
	ab = strcmp(which, "ab") == 0 || strcmp(which, "both") == 0;
	ba = strcmp(which, "ba") == 0 || strcmp(which, "both") == 0;
	if (!ab && !ba)
		return false;
	while (!look(w))
		give_due(w);
	now = tick_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < 2; i++) {
		struct end *e = &w->ends[2 * (wire - 1) + i];

		if ((i == 0 ? ab : ba) &&
		    line_set(&e->line, settings, now, error, sizeof(error)) != NULL)
			return false;
	}
	set_pace(w);
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

/* False: it is to end. */
static bool
mind(struct wan *w)
{
	struct pollfd polls[] = {{.fd = w->control_fd, .events = POLLIN},
				 {.fd = w->signal_fd, .events = POLLIN}};

	w->mind_ns = w->looked_ns + MIND_NS;
	w->utc_ahead_ns = tick_utc_ahead_ns();
	if (poll(polls, 2, 0) <= 0)
		return true;
	if (polls[0].revents != 0)
		read_control(w);
	return polls[1].revents == 0;
}

static struct timespec
to_timespec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

/* Until a frame or a command comes, or until_ns. */
static void
wait_for_frame(struct wan *w, int64_t until_ns)
{
	struct pollfd polls[ENDS_MAX + 2];
	unsigned int n = w->end_count;
	int64_t wait_ns = until_ns - tick_ns(CLOCK_MONOTONIC);
	struct timespec timeout = to_timespec(wait_ns);

	if (wait_ns < 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		polls[i] = (struct pollfd){.fd = w->ends[i].port.fd, .events = POLLIN};
	polls[n] = (struct pollfd){.fd = w->control_fd, .events = POLLIN};
	polls[n + 1] = (struct pollfd){.fd = w->signal_fd, .events = POLLIN};
	if (ppoll(polls, n + 2, until_ns == INT64_MAX ? NULL : &timeout, NULL) <= 0)
		return;
	if ((polls[n].revents | polls[n + 1].revents) != 0)
		w->mind_ns = 0;
}

static void
sleep_until(int64_t at_ns)
{
	struct timespec at = to_timespec(at_ns);

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* Until there may be something to do; not at all when a packet is so nearly due that
 * it is waited for actively. */
static void
rest(struct wan *w)
{
	int64_t next = delay_next_ns(w->under_way), look_at;

	if (next != INT64_MAX)
		next -= w->spin_ns;
	if (w->look_every_ns == 0 || w->looked_ns - w->busy_ns > IDLE_NS) {
		wait_for_frame(w, next);
		return;
	}
	look_at = w->looked_ns + w->look_every_ns;
	if (look_at < next)
		next = look_at;
	if (next > w->looked_ns)
		sleep_until(next);
}

/* False: it is to end. */
static bool
turn(struct wan *w)
{
	bool all;

	give_due(w);
	all = look(w);
	if (w->looked_ns >= w->mind_ns && !mind(w))
		return false;
	if (all)
		rest(w);
	return true;
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
		", \"crowded\": %" PRIu64 ", \"ring_dropped\": %" PRIu64
		", \"unfit\": %" PRIu64 "}",
		v[LINE_LOST], v[LINE_LOST_DARK], v[LINE_LOST_QUEUE], v[LINE_DUPLICATED],
		v[LINE_REORDERED], e->other->refused, e->crowded,
		port_dropped(&e->port), e->port.unfit);
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

static void
add_end(struct wan *w, const char *name, const char *settings, uint64_t seed)
{
	struct end *e = &w->ends[w->end_count];
	char error[CONTROL_BYTES];

	if (!port_open(&e->port, name))
		die(name);
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
	set_pace(w);
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
	w->utc_ahead_ns = tick_utc_ahead_ns();
	while (turn(w))
		;
	if (a.stats != NULL && !write_stats(w, a.stats))
		status = 1;
	for (unsigned int i = 0; i < w->end_count; i++)
		port_close(&w->ends[i].port);
	delay_free(w->under_way);
	free(w);
	return status;
}
