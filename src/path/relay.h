/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_H
#define TOMBOLO_RELAY_H
/*
 * The core of a relay lane: from a captured frame to the bytes that a path
 * takes. Everything that decides is in here and in the files that it wires
 * together; it is pure but for relay_new(). relay_lane.c is its shell, tests/sim
 * another one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "path/capture.h"
#include "path/decap.h"
#include "path/feed.h"
#include "path/figures.h"
#include "path/history.h"
#include "path/reassemble.h"
#include "path/session.h"
#include "path/upstream.h"
#include "path/wire.h"

struct classifier;
struct relay;
struct relay_session;

struct relay_ops {
	/* A session went from state to state. */
	void (*session)(void *arg, unsigned int remote, enum session_state from,
			enum session_state to, const char *why);
	/* The core wants this path closed. */
	void (*close)(void *arg, unsigned int remote, unsigned int slot,
		      enum wire_bye reason);
	/* BYE arrived. */
	void (*bye)(void *arg, unsigned int remote, unsigned int reason,
		    const char *text);
	/* May be NULL. The clocks of the two hosts are apart, or together again: ours
	 * minus theirs, and the bound of its error. */
	void (*clock)(void *arg, unsigned int remote, unsigned int slot, bool apart,
		      int64_t offset_ns, int64_t error_ns);
	/* May be NULL. The peer is another process; the former one may not have emitted
	 * so many of the datagrams that it was sent. */
	void (*restarted)(void *arg, unsigned int remote, uint64_t abandoned);
	/* May be NULL. A datagram path turned out to take no datagrams with more than
	 * `bytes` of frames, though it is said to take `mtu`; or (not narrow) it takes
	 * them again. */
	void (*narrow)(void *arg, unsigned int remote, unsigned int slot, bool narrow,
		       size_t bytes, size_t mtu);
};

#define RELAY_COUNTERS(X)                                                          \
	X(no_channel, "Datagrams of groups that are no channel")                   \
	X(fragments_expired, "Datagrams whose fragments did not all come in time") \
	X(marks, "Marks: drops before capture, told in band")                      \
	X(requests, "Ranges requested by peers")                                   \
	X(requested, "Datagrams requested by peers")                               \
	X(lingered, "Requests swallowed: repaired less than a round trip ago")     \
	X(answers_aged, "Verdicts AGED given")                                     \
	X(answers_never, "Verdicts NEVER given")                                   \
	X(answers_throttled, "Verdicts THROTTLED given")                           \
	X(protocol_errors, "Frames that broke the protocol")                       \
	X(demands, "Times that a peer said anew which channels it wants")          \
	X(sessions_opened, "Sessions that became open")                            \
	X(path_timeouts, "Paths closed for silence")

struct relay_figures {
	counter_t decap[DECAP_VERDICT_COUNT];
	counter_t reassembly[REASSEMBLE_VERDICT_COUNT];
	counter_t dropped[DROP_POINT_COUNT]; /* datagrams, as told by capture */
#define X(id, help) counter_t id;
	RELAY_COUNTERS(X)
#undef X
};

/* A place in the tables: of its name until the lane ends, whether it is captured or
 * not, so that its numbers and its books go on when it comes back. */
struct relay_channel {
	const struct channel_settings *settings; /* NULL for channel 0 */
	struct channel_settings own;             /* where settings points */
	gauge_t is_withdrawn; /* it is not captured: by a reload, or */
	gauge_t is_idle;      /* since no peer wants it */
	gauge_t is_unwanted;  /* so the peers say, all of them */
	uint64_t listed;      /* by the last change that did */
	struct feed feed;
	struct capture_book book;
	gauge_t captured_last_ns; /* UTC of the last datagram's capture, 0: none yet */
};

/* One channel as one session sends it. */
struct outlet {
	seq_t high;          /* all before it was passed: sent, shed, or gone unsent */
	seq_t reported;      /* the peer has settled all before it */
	seq_t fresh;         /* all before it was told of: sent, shed, or AGED */
	uint32_t welcomed;   /* greeting that was answered for this channel */
	uint64_t books_sent; /* what changes with the books, when they were last sent */
	bool books_answered; /* the final ones */
	struct sent_book book;
	struct peer_book peer; /* as the peer last reported it */
	seq_t told;            /* by its books it knows of all before it */
	seq_t marked; /* all before it was passed at marked_at: since then the peer is */
	mono_t marked_at;     /* to tell of it */
	counter_t unreported; /* passed, and for too long not in the peer's books */
};

/* Allocates everything; the settings must outlive the relay. NULL: no memory. */
struct relay *relay_new(const struct relay_settings *settings, uint16_t lane,
			uint64_t epoch, struct now now, const struct relay_ops *ops,
			void *arg);
void relay_free(struct relay *r);
size_t relay_memory_bytes(const struct relay *r);
const gauge_t *relay_history_used(const struct relay *r); /* bytes, from any thread */

/* A frame from capture: stages 2 to 6. */
void relay_frame(struct relay *r, struct now now, const struct frame *frame);
/* n datagrams were lost before capture: becomes a mark on channel 0. */
void relay_dropped(struct relay *r, struct now now, enum drop_point point, uint64_t n);
/* For a file: all peers are there and the history can take another datagram. */
bool relay_may_capture(struct relay *r);

/* Channels come, move and go while the lane runs, in two steps: where each of the new
 * list would have its place, and, if there is room, the change.
 *
 * Sets ids and returns how many places are in use then, channel 0 included: to be
 * refused when it is more than relay_channel_capacity(), or than a peer takes. */
size_t relay_place_channels(const struct relay *r,
			    const struct channel_settings *channels, size_t count,
			    uint16_t *ids);
size_t relay_channel_capacity(const struct relay *r);
/* What the peer said that it takes, channel 0 included; 0: it was not heard yet. */
size_t relay_peer_capacity(const struct relay *r, size_t remote);
/* classifier: of these channels and ids; returns the one of before, for classify_free()
 * by the caller. Channels that are the same lose nothing and repeat nothing. */
struct classifier *relay_set_channels(struct relay *r, struct now now,
				      const struct channel_settings *channels,
				      size_t count, const uint16_t *ids,
				      struct classifier *classifier);
/* Behind relay_set_channels(): which of those that it withdrew are idle, by number. */
void relay_set_idle(struct relay *r, const bool *idle, size_t count);
/* The settings were changed in place, but for the channels. */
void relay_settings_changed(struct relay *r);

void relay_path_up(struct relay *r, struct now now, unsigned int remote,
		   unsigned int slot, enum path_kind kind, size_t mtu);
void relay_path_down(struct relay *r, struct now now, unsigned int remote,
		     unsigned int slot);
/* Whole frames out of bytes; returns what it consumed, or -1: close the path. */
long relay_input(struct relay *r, struct now now, unsigned int remote,
		 unsigned int slot, const uint8_t *bytes, size_t len);
/* Whole frames into buf, 0 when there is nothing to say. limit is where to stop
 * adding; one frame that is longer may go up to cap. */
size_t relay_fill(struct relay *r, struct now now, unsigned int remote,
		  unsigned int slot, uint8_t *buf, size_t limit, size_t cap);

/* Timers: relay_tick() at or after relay_deadline(), then fill all paths. */
void relay_tick(struct relay *r, struct now now);
mono_t relay_deadline(const struct relay *r);

/* Nothing more will be captured: deliver what there is, exchange the final
 * books, say BYE. patient: wait for peers that are not connected (files). */
void relay_drain(struct relay *r, bool patient);
/* All sessions have said BYE, or (not patient) are not connected. */
bool relay_drained(const struct relay *r);
/* The drain took too long: say BYE with what there is. */
void relay_give_up_drain(struct relay *r);

/* For the books, the scrape and the tests. */
const struct relay_settings *relay_settings(const struct relay *r);
const struct relay_figures *relay_figures(const struct relay *r);
size_t relay_channel_count(const struct relay *r); /* with channel 0 */
const struct relay_channel *relay_channel(const struct relay *r, size_t index);
const struct relay_session *relay_session(const struct relay *r, size_t remote);
uint64_t relay_epoch(const struct relay *r);
const struct history *relay_history(const struct relay *r);
const struct upstream *relay_upstream(const struct relay *r);
/* Brings unsent and what depends on time up to date. */
void relay_balance(struct relay *r);
/* The same when the lane has ended: what is not in the peers' books by now never will. */
void relay_finish(struct relay *r);

#endif
