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

#include "../tests/tools/options.h"
#include "tick.h"
#include "wires.h"

#define LOOK_NS       (200 * NS_PER_US) /* between two looks for frames, at most */
#define LOOK_LEAST_NS (20 * NS_PER_US)  /* rather than look oftener, be woken */
#define IDLE_NS       (2 * NS_PER_MS)   /* without a frame, and it is woken */
#define MIND_NS       NS_PER_MS         /* between two looks for commands */
#define CONTROL_BYTES 256

struct wan {
	struct wires wires;
	int64_t spin_ns;
	int64_t look_every_ns; /* 0: it has to be woken for each frame */
	int64_t mind_ns;       /* when it next looks for commands */
	int control_fd, signal_fd;
	char control[CONTROL_BYTES];
	size_t control_bytes;
};

_Noreturn static void
die(const char *what)
{
	options_die(what, strerror(errno));
}

/* ---- control ---- */

/* What arrives right after a look must be taken before it is due. */
static void
set_pace(struct wan *w)
{
	int64_t every = LOOK_NS;

	for (unsigned int i = 0; i < w->wires.end_count; i++) {
		int64_t half = w->wires.ends[i].line.settings.delay_ns / 2;

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
	    wire > w->wires.end_count / 2)
		return false;
	ab = strcmp(which, "ab") == 0 || strcmp(which, "both") == 0;
	ba = strcmp(which, "ba") == 0 || strcmp(which, "both") == 0;
	if (!ab && !ba)
		return false;
	while (!wires_look(&w->wires))
		wires_give_due(&w->wires);
	now = tick_ns(CLOCK_MONOTONIC);
	for (unsigned int i = 0; i < 2; i++) {
		struct end *e = &w->wires.ends[2 * (wire - 1) + i];

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

	w->mind_ns = w->wires.looked_ns + MIND_NS;
	w->wires.utc_ahead_ns = tick_utc_ahead_ns();
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
	unsigned int n = w->wires.end_count;
	int64_t wait_ns = until_ns - tick_ns(CLOCK_MONOTONIC);
	struct timespec timeout = to_timespec(wait_ns);

	if (wait_ns < 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		polls[i] = (struct pollfd){.fd = w->wires.ends[i].port.fd,
					   .events = POLLIN};
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
	int64_t next = delay_next_ns(w->wires.under_way), look_at;

	if (next != INT64_MAX)
		next -= w->spin_ns;
	if (w->look_every_ns == 0 || w->wires.looked_ns - w->wires.busy_ns > IDLE_NS) {
		wait_for_frame(w, next);
		return;
	}
	look_at = w->wires.looked_ns + w->look_every_ns;
	if (look_at < next)
		next = look_at;
	if (next > w->wires.looked_ns)
		sleep_until(next);
}

/* False: it is to end. */
static bool
turn(struct wan *w)
{
	bool all;

	wires_give_due(&w->wires);
	all = wires_look(&w->wires);
	if (w->wires.looked_ns >= w->mind_ns && !mind(w))
		return false;
	if (all)
		rest(w);
	return true;
}

/* ---- the end ---- */

static bool
write_stats(const struct wan *w, const char *file)
{
	FILE *f = fopen(file, "w");

	if (f == NULL)
		return false;
	wires_print(&w->wires, f);
	return fclose(f) == 0;
}

/* ---- the start ---- */

static void
add_end(struct wan *w, const char *name, const char *settings, uint64_t seed)
{
	struct end *e = &w->wires.ends[w->wires.end_count];
	char error[CONTROL_BYTES];

	if (!wires_add(&w->wires, name, seed))
		die(name);
	if (line_set(&e->line, settings, tick_ns(CLOCK_MONOTONIC), error,
		     sizeof(error)) != NULL)
		options_die(name, error);
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

	if (w == NULL || !wires_init(&w->wires))
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
	w->wires.utc_ahead_ns = tick_utc_ahead_ns();
	while (turn(w))
		;
	if (a.stats != NULL && !write_stats(w, a.stats))
		status = 1;
	wires_fini(&w->wires);
	free(w);
	return status;
}
