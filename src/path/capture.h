/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CAPTURE_H
#define TOMBOLO_CAPTURE_H
/*
 * Stage 1 of the relay, shell: frames from an interface (libpcap, capture_live.c)
 * or from a capture file (capture_file.c). Runs on the lane's thread, on its
 * event base. Frames are handed on borrowed until return.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "ops/settings.h"
#include "path/decap.h"

struct capture;
struct event_base;

/* Where datagrams are lost before they reach us. Totals since start, 64 bits,
 * although pcap_stats(3PCAP) counts in 32 that wrap. */
enum drop_point {
	DROP_KERNEL_RING, /* ps_drop: the ring was full, the relay too slow */
	/* rx_dropped, rx_missed_errors, rx_fifo_errors of the interface: of all frames,
	 * not only ours. ps_ifdrop is the latter two once more, and so left out. */
	DROP_INTERFACE,
	DROP_POINT_COUNT
};

const char *drop_point_name(enum drop_point point); /* kernel_ring, interface */

/* All but those of the other source are needed. capture_stop() and capture_resume()
 * may be called from inside, capture_free() may not. */
struct capture_ops {
	/* One frame. */
	void (*frame)(void *arg, const struct frame *frame);
	/* After every run of frames, with nothing more ready: flush. Also called
	 * after a bounded number of frames, so that a flood cannot starve the
	 * tunnel. */
	void (*batch_end)(void *arg);
	/* n more datagrams were lost at `point` since the last call. */
	void (*dropped)(void *arg, enum drop_point point, uint64_t n);
	/* File only: may another frame be read now? When it says no, call
	 * capture_resume() later. */
	bool (*may_read)(void *arg);
	/* File only: all frames were delivered, or (error != NULL) the file is
	 * damaged at this place; what was read before stands. */
	void (*end)(void *arg, const char *error);
	/* Live only: the interface went away or down (negative errno, text), and
	 * came back (0). Capture re-opens by itself with back-off. */
	void (*link)(void *arg, int error, const char *text);
};

/*
 * Opens the source: the ring, the filter compiled from the channels, and the
 * join sockets (16 groups each, IP_MULTICAST_ALL off, IP_ADD_MEMBERSHIP or
 * MCAST_JOIN_SOURCE_GROUP by channel, none with JOIN_NONE). Nothing is
 * delivered before capture_start(). On error returns NULL with a line for the
 * operator in error.
 */
struct capture *capture_open(struct event_base *base, const struct capture_settings *s,
			     const struct channel_settings *channels, size_t count,
			     const struct capture_ops *ops, void *arg, char *error,
			     size_t error_bytes);

/*
 * Other channels while it runs, in three steps, of which only the second is the lane's:
 * prepare, on the main thread, joins what is new; apply, on the lane's, exchanges what
 * it has; finish, on the main thread again, puts the filter on the ring, leaves the
 * groups that are no more, and frees the change. finish alone undoes prepare.
 */
struct capture_change;
/* NULL: a line in error, and nothing has changed. */
struct capture_change *capture_prepare(const struct capture *c,
				       const struct channel_settings *channels,
				       size_t count, char *error, size_t error_bytes);
void capture_apply(struct capture *c, struct capture_change *change);
void capture_finish(struct capture_change *change);

/* Starts delivery. For a file: reading begins at the pace configured. */
void capture_start(struct capture *c);

/* Stops delivery for good after handing on what the ring still holds. */
void capture_stop(struct capture *c);

/* File only: may_read may say yes again. Cheap when it did not say no. */
void capture_resume(struct capture *c);

void capture_free(struct capture *c);

/* Figures, readable from any thread. */
struct capture_figures {
	counter_t frames;
	counter_t drops[DROP_POINT_COUNT];
	gauge_t link_up;
	gauge_t ring_bytes;
};
const struct capture_figures *capture_figures(const struct capture *c);

#endif
