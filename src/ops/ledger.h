/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_LEDGER_H
#define TOMBOLO_LEDGER_H
/*
 * The one question after an incident: was it the exchange, our capture, the line,
 * or the cloud? A page holds the books of one channel, or the sum over several, as
 * plain numbers; the verdict is a sentence about it that names the place. Pure,
 * but for ledger_log_*().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/allowance.h"
#include "path/capture.h"
#include "path/figures.h"

struct interfaces;
struct relay_views;
struct peer_views;
struct relay_view;
struct peer_view;

struct ledger_page {
#define X(name, help) uint64_t name;
	struct {
		CAPTURE_BOOK(X)
	} capture; /* zeroes in a peer, which does not know them */
	struct {
		SENT_BOOK(X)
	} sent; /* in a peer: as the relay last told it */
	struct {
		PEER_BOOK(X)
	} peer; /* in a relay: as the peer last reported it */
#undef X
	uint64_t
		dropped[DROP_POINT_COUNT]; /* before capture; of a lane, all channels */
	/* Summed by magnitude, so that no two channels hide each other. */
	uint64_t residual;
	uint64_t unoffered;  /* left the history, and no peer's books know of it */
	uint64_t unreported; /* left the relay long since, not in the peer's books */
	uint64_t over_quota; /* emitted while above emit.quota; of all channels */
	/* Beside the books, of anybody's packets: the interfaces' own figures. */
	uint64_t exceeded[ALLOWANCE_COUNT];
	uint64_t not_emitted; /* tx_dropped of an interface that is emitted on */
	bool one_channel;     /* of which `dropped` may or may not have been */
};

/* Longer than any verdict can be. */
#define LEDGER_VERDICT_BYTES 1536

/* Adds the figures of a book to a page. */
void ledger_add_capture(struct ledger_page *p, const struct capture_book *b);
/* Of the same channel and session. */
void ledger_add_books(struct ledger_page *p, const struct sent_book *sent,
		      const struct peer_book *peer);
void ledger_add_dropped(struct ledger_page *p, const counter_t *dropped);
/* all may be NULL. */
void ledger_add_interfaces(struct ledger_page *p, const struct interfaces *all);
void ledger_add_residual(struct ledger_page *p, int64_t residual);

/* "nothing lost", or what was lost at which place, in the order of the places. */
void ledger_verdict(const struct ledger_page *p, char text[LEDGER_VERDICT_BYTES]);

/* ---- pages out of the lanes' figures, from any thread ---- */

/* index as of relay_channel(), peer_channel(). */
struct ledger_page ledger_relay_channel(const struct relay_view *v, unsigned int remote,
					size_t index);
struct ledger_page ledger_peer_channel(const struct peer_view *v, unsigned int remote,
				       size_t index);
/* The sum over everything but the marks, of which only the residual counts. */
struct ledger_page ledger_relay_total(const struct relay_views *views);
struct ledger_page ledger_peer_total(const struct peer_views *views);

/* The final ledger: a line for each remote and channel, and the verdict. When the
 * lanes have ended, after relay_balance() or peer_balance(). */
void ledger_log_relay(const struct relay_views *views);
void ledger_log_peer(const struct peer_views *views);

#endif
