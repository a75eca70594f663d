/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_IFSTAT_H
#define TOMBOLO_IFSTAT_H
/*
 * What the kernel says of an interface: whether it can receive, and how many
 * frames it lost before anyone could read them. Shell: ioctl and sysfs reads, none
 * of which blocks.
 */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFSTAT_OPERSTATE_BYTES 20

struct ifstat_state {
	unsigned int index;
	bool up;      /* IFF_UP: the operator wants it up */
	bool running; /* IFF_RUNNING: it has a carrier */
	int mtu;
	unsigned long carrier_changes; /* since it was made; 0 where not known */
	char operstate[IFSTAT_OPERSTATE_BYTES]; /* RFC 2863, "" if not known */
};

/* Flags and MTU come from ioctl(2), not from sysfs, so they are right in a network
 * namespace whose /sys is another's. 0 or a negative errno (-ENODEV: no such). */
int ifstat_read(const char *interface, struct ifstat_state *state);

/* The names of all interfaces, "eth0, lo", cut to fit; always terminated. */
void ifstat_list(char *text, size_t text_bytes);

/* Counters of /sys/class/net/IF/statistics: first those that tell frames lost on the
 * way in, then what else may be the matter. Some frames are in two of them. */
#define IFSTAT_COUNTERS(X)  \
	X(rx_dropped)       \
	X(rx_missed_errors) \
	X(rx_fifo_errors)   \
	X(rx_errors)        \
	X(tx_dropped)       \
	X(tx_fifo_errors)   \
	X(tx_errors)

enum ifstat_counter {
#define X(name) IFSTAT_##name,
	IFSTAT_COUNTERS(X)
#undef X
		IFSTAT_COUNTER_COUNT,
	IFSTAT_LOSS_COUNT = IFSTAT_rx_fifo_errors + 1
};

const char *ifstat_counter_name(enum ifstat_counter counter);

/* Totals since the first ifstat_start(), 64 bits. Zero-initialise. */
struct ifstat {
	char interface[IF_NAMESIZE];
	int count;                           /* of the list, from its beginning */
	uint64_t seen[IFSTAT_COUNTER_COUNT]; /* the kernel's figure when last read */
	uint64_t total[IFSTAT_COUNTER_COUNT];
};

/* The first `count` counters are read: IFSTAT_LOSS_COUNT or IFSTAT_COUNTER_COUNT.
 * What was lost before now does not count. Call again after the interface was made
 * anew: its counters start again, the totals stay. */
void ifstat_start(struct ifstat *s, const char *interface, int count);

/* Reads the counters; returns how much all totals together grew. A counter that
 * cannot be read, because the interface went away, has not grown. */
uint64_t ifstat_poll(struct ifstat *s);

#endif
