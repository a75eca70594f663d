/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_H
#define TOMBOLO_PEER_H
/*
 * The core of a peer lane: from the bytes of a path to the datagrams to emit.
 * Everything that decides is in here and in the files that it wires together; it
 * is pure but for peer_new(). peer_lane.c is its shell, tests/sim another one.
 *
 * Emission is pulled: peer_ready() shows the next datagrams, peer_emitted() takes
 * the kernel's verdicts. What is not taken stays here, so a full socket loses nothing.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "path/capture.h"
#include "path/emit.h"
#include "path/figures.h"
#include "path/pool.h"
#include "path/recover.h"
#include "path/session.h"
#include "path/timing.h"
#include "path/window.h"
#include "path/wire.h"

struct peer;
struct quota;
struct quota_flow;

/* Why datagrams were lost; in the order of peer_book's lost_*. */
enum lost_reason {
	LOST_GIVE_UP,
	LOST_AGED,
	LOST_NEVER,
	LOST_WINDOW,
	LOST_RESTART,
	LOST_DRAIN,
	LOST_REASONS
};

const char *lost_reason_name(enum lost_reason reason);

struct peer_channel;

struct peer_ops {
	void (*session)(void *arg, unsigned int remote, enum session_state from,
			enum session_state to, const char *why);
	void (*close)(void *arg, unsigned int remote, unsigned int slot,
		      enum wire_bye reason);
	void (*bye)(void *arg, unsigned int remote, unsigned int reason,
		    const char *text);
	/* The relay has a new epoch (before: 0 at first contact). Not knowable: what
	 * it captured between its last datagram (last_ns, UTC, 0 none) and now. */
	void (*epoch)(void *arg, unsigned int remote, uint64_t before, uint64_t after,
		      utc_t last);
	void (*lost)(void *arg, unsigned int remote, const struct peer_channel *channel,
		     enum lost_reason reason, uint64_t n);
	/* Requesting stopped because no path answers (open), or goes on. */
	void (*breaker)(void *arg, unsigned int remote, bool open);
	/* A flow left the quota, or (within) was below it again for a second; see
	 * quota.h. */
	void (*quota)(void *arg, const struct quota_flow *flow, bool within,
		      uint64_t datagrams);
	/* May be NULL. The clocks of the two hosts are apart, or together again: ours
	 * minus theirs, and the bound of its error. */
	void (*clock)(void *arg, unsigned int remote, unsigned int slot, bool apart,
		      int64_t offset_ns, int64_t error_ns);
	/* The relay's capture lost n datagrams. */
	void (*mark)(void *arg, unsigned int remote, enum drop_point cause, uint64_t n);
};

/* Per session. */
#define PEER_COUNTERS(X)                                                    \
	X(gaps, "Gaps found")                                               \
	X(requests, "Ranges requested, repeats included")                   \
	X(requested, "Datagrams requested, repeats included")               \
	X(repairs, "Repairs that arrived")                                  \
	X(repairs_wasted, "Repairs of datagrams that were here already")    \
	X(repaired, "Datagrams that a repair brought")                      \
	X(verdicts_aged, "Verdicts AGED received")                          \
	X(verdicts_never, "Verdicts NEVER received")                        \
	X(verdicts_throttled, "Verdicts THROTTLED received")                \
	X(unknown_channel, "Datagrams of channels that were not announced") \
	X(epochs, "Epochs of the relay: its starts")                        \
	X(greetings, "Greetings answered")                                  \
	X(protocol_errors, "Frames that broke the protocol")                \
	X(path_timeouts, "Paths closed for silence")                        \
	X(sessions_opened, "Sessions that became open")                     \
	X(breaker, "Times requesting stopped: nothing answered any more")   \
	X(blocked, "Times reading stopped because the window's memory was full")

struct peer_figures {
	counter_t
		dropped[DROP_POINT_COUNT]; /* before capture, from the relay's marks */
#define X(id, help) counter_t id;
	PEER_COUNTERS(X)
#undef X
	struct histogram latency;        /* capture to emission, clocks corrected */
	struct histogram time_to_repair; /* gap found to gap filled */
};

/* Allocates everything; the settings must outlive the peer. instance: random, of
 * this process. NULL: no memory. */
struct peer *peer_new(const struct peer_settings *settings, uint64_t instance,
		      struct now now, const struct peer_ops *ops, void *arg);
void peer_free(struct peer *p);
size_t peer_memory_bytes(const struct peer *p);

void peer_path_up(struct peer *p, struct now now, unsigned int remote,
		  unsigned int slot, enum path_kind kind, size_t mtu);
void peer_path_down(struct peer *p, struct now now, unsigned int remote,
		    unsigned int slot);
/* Whole frames out of bytes; returns what it consumed, or -1: close the path. It
 * may leave whole frames of a stream unread when memory is short: peer_may_read()
 * is false then, until something was emitted. */
long peer_input(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
		const uint8_t *bytes, size_t len);
bool peer_may_read(struct peer *p, unsigned int remote, unsigned int slot);
size_t peer_fill(struct peer *p, struct now now, unsigned int remote, unsigned int slot,
		 uint8_t *buf, size_t limit, size_t cap);

void peer_tick(struct peer *p, struct now now);
mono_t peer_deadline(const struct peer *p);

/* The next datagrams to emit, at most max (<= EMIT_BATCH), in order. What they
 * point to is borrowed until the next call into the peer. */
size_t peer_ready(struct peer *p, struct now now, struct outgoing *out, size_t max);
/* The first n of them have their verdict; none of these is EMIT_AGAIN. */
void peer_emitted(struct peer *p, struct now now, const enum emit_verdict *verdicts,
		  size_t n);

/* The settings were changed in place: other addresses, deliveries and ages of channels,
 * other quotas. */
void peer_settings_changed(struct peer *p, struct now now);
/* Groups that have a member, sorted and each once: the relays are told that the channels
 * of all others are not wanted. Never called, everything is. Takes the list, and returns
 * the one of before, for free() by the caller. */
uint32_t *peer_set_demand(struct peer *p, uint32_t *groups, size_t count);

/* Stop: nothing more is taken in; what is ready is still emitted. When it is, the
 * final report and BYE go out. */
void peer_drain(struct peer *p);
bool peer_drained(struct peer *p);

/* For the books, the scrape and the tests. Channels appear when a relay announces
 * them and never go; index 0 is the first. */
const struct peer_settings *peer_settings(const struct peer *p);
const struct peer_figures *peer_figures(const struct peer *p, unsigned int remote);
enum session_state peer_session_state(const struct peer *p, unsigned int remote);
uint64_t peer_session_epoch(const struct peer *p, unsigned int remote);
const struct timing *peer_path_timing(const struct peer *p, unsigned int remote,
				      unsigned int slot);
bool peer_path_is_up(const struct peer *p, unsigned int remote, unsigned int slot);
size_t peer_channel_count(const struct peer *p, unsigned int remote);
const struct peer_channel *peer_channel(const struct peer *p, unsigned int remote,
					size_t index);
const struct quota *peer_quota(const struct peer *p);
/* What was emitted lately (path/emitted.h); NULL: it is not remembered. */
const struct history *peer_history(const struct peer *p);
const gauge_t *peer_history_used(const struct peer *p); /* bytes, from any thread */
size_t peer_pool_free(const struct peer *p);
size_t peer_pool_chunks(const struct peer *p);
const gauge_t *peer_pool_used(const struct peer *p); /* chunks, from any thread */
/* Brings held, missing and expected up to date. */
void peer_balance(struct peer *p);

#endif
