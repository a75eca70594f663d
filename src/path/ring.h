/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RING_H
#define TOMBOLO_RING_H
/*
 * A capture handle of libpcap on an interface: the packet ring that the kernel fills
 * and the lane empties. Never blocks. Inside capture only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path/decap.h"

#define RING_ERROR_BYTES 320

struct pcap;

struct ring_settings {
	const char *interface;
	const char *const *filters; /* texts by enum filter_width */
	int index;                  /* of the interface */
	int mtu;                    /* of the interface, for the length of a slot */
	uint64_t buffer_bytes;
	bool immediate;
	bool promiscuous;
};

/* Zero-initialise; pcap is NULL when closed. */
struct ring {
	struct pcap *pcap;
	int claims[2];  /* sockets for tagged frames, see ring.c */
	int link_type;  /* a DLT_ value */
	bool by_block;  /* not immediate: the kernel hands on whole blocks */
	bool nano;      /* time stamps have nanoseconds */
	uint64_t bytes; /* of memory the kernel took for it */
	uint32_t drops_seen;
};

/* Opens the ring, with a filter, and fills it from now on. 0, or a negative errno and
 * a line for the operator: -EPERM, -ENODEV, -ENETDOWN (it exists but is down),
 * -EINVAL (of the settings), -EIO. */
int ring_open(struct ring *r, const struct ring_settings *s, char *error);

/* Becomes readable when there are frames, or when the link fails. */
int ring_fd(const struct ring *r);

typedef void ring_visit_fn(void *arg, const struct frame *frame);

/* Hands on at most max frames. How many; or -EIO and libpcap's reason, after which
 * the ring is of no more use. */
int ring_run(struct ring *r, int max, ring_visit_fn *visit, void *arg, char *error);

/* How many frames the kernel dropped, the ring being full, since the last call. */
uint64_t ring_drops(struct ring *r);

/* Nothing new comes in any more; what the ring holds can still be run. */
void ring_mute(struct ring *r);

void ring_close(struct ring *r);

#endif
