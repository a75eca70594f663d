/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_FIGURES_H
#define TOMBOLO_FIGURES_H
/*
 * The books, DESIGN's ledger: one list for each page, from which the structs, the
 * figures in HEARTBEAT and REPORT (in this order: append only), /metrics, /status
 * and the ledger are generated. X(name, "help").
 */
#include <stddef.h>

#include "base/counter.h"

/* Relay, per channel: what came in. */
#define CAPTURE_BOOK(X)                                                     \
	X(captured, "Datagrams captured and numbered")                      \
	X(captured_bytes, "Payload bytes captured")                         \
	X(refused, "Datagrams that the history could not take")             \
	X(upstream_gaps, "Upstream gaps: holes in the feed's own sequence") \
	X(upstream_missing, "Messages missing in upstream gaps")            \
	X(feed_resets, "Restarts of the feed's own sequence")               \
	X(feed_repeats, "Datagrams whose feed sequence was seen before")    \
	X(feed_malformed, "Datagrams that do not fit the configured framing")

/* Relay, per session and channel: what went out. captured since the session
 * began = sent + shed_age + shed_bytes + shed_aged + unsent. */
#define SENT_BOOK(X)                                                                 \
	X(owed, "Datagrams captured, each of which this session has to account for") \
	X(sent, "Datagrams sent for the first time")                                 \
	X(shed_age, "Datagrams not sent live: older than shed_age")                  \
	X(shed_bytes, "Datagrams not sent live: the backlog passed shed_bytes")      \
	X(shed_aged, "Datagrams that left the history before they could be sent")    \
	X(unsent, "Datagrams that wait in the history to be sent")                   \
	X(resent, "Datagrams sent again after a reconnect")                          \
	X(repaired, "Repairs sent")                                                  \
	X(abandoned, "Datagrams that a former peer process may not have emitted")    \
	X(copied, "Datagrams sent on a further path as well")

/* Peer, per channel. received = emitted + duplicate + late + stale + refused_* +
 * held; expected = emitted + stale + refused_oversize + refused_error + lost_* + missing + held. */
#define PEER_BOOK(X)                                                                  \
	X(received, "Datagrams that arrived through the tunnel, repeats included")    \
	X(emitted, "Datagrams emitted")                                               \
	X(duplicate, "Datagrams that had arrived before")                             \
	X(late, "Datagrams that arrived after they were given up")                    \
	X(stale, "Datagrams not emitted: older than max_age")                         \
	X(refused_oversize, "Datagrams not emitted: too long for the interface")      \
	X(refused_error, "Datagrams not emitted: the kernel refused them for good")   \
	X(refused_memory,                                                             \
	  "Arrivals dropped for want of memory, to be asked for again")               \
	X(refused_window, "Arrivals dropped as too far ahead, to be asked for again") \
	X(held, "Datagrams held: waiting for earlier ones or for the interface")      \
	X(missing, "Datagrams known of that have not arrived yet")                    \
	X(lost_give_up, "Datagrams lost: no repair came within give_up")              \
	X(lost_aged, "Datagrams lost: they had left the relay's history")             \
	X(lost_never, "Datagrams lost: the relay never had them")                     \
	X(lost_window, "Datagrams lost: the window had to move on")                   \
	X(lost_restart, "Datagrams lost: the relay restarted")                        \
	X(lost_drain, "Datagrams lost: this peer was stopped")                        \
	X(expected, "Datagrams that the relay numbered since this peer's first")

/* As a struct of gauges and counters alike: one writer, read by anyone. */
#define FIGURE(name, help) counter_t name;
struct capture_book {
	CAPTURE_BOOK(FIGURE)
};
struct sent_book {
	SENT_BOOK(FIGURE)
};
struct peer_book {
	PEER_BOOK(FIGURE)
};
#undef FIGURE

#define FIGURE(name, help) +1
enum {
	CAPTURE_FIGURES = 0 CAPTURE_BOOK(FIGURE),
	SENT_FIGURES = 0 SENT_BOOK(FIGURE),
	PEER_FIGURES = 0 PEER_BOOK(FIGURE),
};
#undef FIGURE

/* A page is its counters, in the list's order: as entries carry it. */
uint8_t figures_copy(const counter_t *page, size_t count, uint64_t *figures);
/* What the other half said, count figures, of a page of `known`. */
void figures_store(counter_t *page, size_t known, const uint64_t *figures,
		   size_t count);
void figures_clear(counter_t *page, size_t count);

/* Residuals: 0 at rest, always. Signed, to show the direction of an error. */
int64_t sent_residual(const struct sent_book *b);
int64_t received_residual(const struct peer_book *b);
int64_t expected_residual(const struct peer_book *b);
uint64_t peer_book_lost(const struct peer_book *b);

#endif
