/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- pages ---- */

void
ledger_add_capture(struct ledger_page *p, const struct capture_book *b)
{
#define X(name, help) p->capture.name += counter_get(&b->name);
	CAPTURE_BOOK(X)
#undef X
}

static uint64_t
excess(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void
ledger_add_books(struct ledger_page *p, const struct sent_book *sent,
		 const struct peer_book *peer)
{
#define X(name, help) p->sent.name += counter_get(&sent->name);
	SENT_BOOK(X)
#undef X
#define X(name, help) p->peer.name += counter_get(&peer->name);
	PEER_BOOK(X)
#undef X
	p->unoffered +=
		excess(counter_get(&sent->shed_aged), counter_get(&peer->lost_aged));
}

void
ledger_add_dropped(struct ledger_page *p, const counter_t *dropped)
{
	for (size_t i = 0; i < DROP_POINT_COUNT; i++)
		p->dropped[i] += counter_get(&dropped[i]);
}

void
ledger_add_residual(struct ledger_page *p, int64_t residual)
{
	p->residual += residual < 0 ? -(uint64_t)residual : (uint64_t)residual;
}

/* ---- the verdict: clauses, each about one place ---- */

struct verdict {
	char *text;
	size_t len;
	unsigned int losses;
};

static void say(struct verdict *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
say(struct verdict *v, const char *fmt, ...)
{
	size_t room = LEDGER_VERDICT_BYTES - v->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(v->text + v->len, room, fmt, args);
	va_end(args);
	if (n > 0)
		v->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void
begin_clause(struct verdict *v)
{
	if (v->len > 0)
		say(v, "; ");
}

static void
begin_loss(struct verdict *v)
{
	begin_clause(v);
	v->losses++;
}

struct part {
	uint64_t n;
	const char *what;
};

/* "3 first, 2 second": the parts that are not 0, with `before` in front of all. */
static void
say_parts(struct verdict *v, const char *before, const struct part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].n == 0)
			continue;
		say(v, "%s%" PRIu64 " %s", before, parts[i].n, parts[i].what);
		before = ", ";
	}
}

static uint64_t
sum_parts(const struct part *parts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += parts[i].n;
	return sum;
}

#define PARTS(a) (a), sizeof(a) / sizeof((a)[0])

/* Feeds number messages or datagrams; "messages" is what most do. */
static void
say_before_capture(struct verdict *v, const struct ledger_page *p)
{
	if (p->capture.upstream_gaps == 0)
		return;
	begin_loss(v);
	say(v,
	    "before capture (exchange or network): %" PRIu64 " messages in %" PRIu64
	    " upstream gaps",
	    p->capture.upstream_missing, p->capture.upstream_gaps);
}

static void
say_in_capture(struct verdict *v, const struct ledger_page *p)
{
	const char *of = p->one_channel ? "datagrams of any channel dropped by the "
					: "datagrams dropped by the ";
	static const char *const points[DROP_POINT_COUNT] = {
		[DROP_KERNEL_RING] = "kernel ring",
		[DROP_INTERFACE] = "interface",
	};
	const char *before = v->len > 0 ? "; in capture: " : "in capture: ";

	for (size_t i = 0; i < DROP_POINT_COUNT; i++) {
		if (p->dropped[i] == 0)
			continue;
		say(v, "%s%" PRIu64 " %s%s", before, p->dropped[i], of, points[i]);
		before = ", ";
	}
	if (p->capture.refused > 0) {
		say(v, "%s%" PRIu64 " refused by the history", before,
		    p->capture.refused);
		before = ", ";
	}
	v->losses += before[0] == ',';
}

/* "in the relay: 3 lost (restart 2, never 1)". */
static void
say_lost(struct verdict *v, const char *place, const struct part *reasons, size_t n)
{
	const char *before = " (";

	if (sum_parts(reasons, n) == 0)
		return;
	begin_loss(v);
	say(v, "%s: %" PRIu64 " lost", place, sum_parts(reasons, n));
	for (size_t i = 0; i < n; i++) {
		if (reasons[i].n == 0)
			continue;
		say(v, "%s%s %" PRIu64, before, reasons[i].what, reasons[i].n);
		before = ", ";
	}
	say(v, ")");
}

static void
say_in_relay(struct verdict *v, const struct ledger_page *p)
{
	const struct part reasons[] = {
		{p->peer.lost_restart, "restart"},
		{p->peer.lost_never, "never"},
		{p->unoffered, "aged unsent"},
	};

	say_lost(v, "in the relay", PARTS(reasons));
}

static void
say_on_line(struct verdict *v, const struct ledger_page *p)
{
	const struct part reasons[] = {
		{p->peer.lost_give_up, "give_up"},
		{p->peer.lost_aged, "aged"},
	};

	say_lost(v, "on the line", PARTS(reasons));
}

static void
say_in_peer(struct verdict *v, const struct ledger_page *p)
{
	const struct part reasons[] = {
		{p->peer.lost_window, "window"},
		{p->peer.lost_drain, "drain"},
	};

	say_lost(v, "in the peer", PARTS(reasons));
	if (p->sent.abandoned == 0)
		return;
	begin_loss(v);
	say(v, "at a restart of the peer: up to %" PRIu64 " not emitted",
	    p->sent.abandoned);
}

static void
say_at_emission(struct verdict *v, const struct ledger_page *p)
{
	const struct part parts[] = {
		{p->peer.refused_oversize, "refused as oversize"},
		{p->peer.refused_error, "refused by the kernel"},
		{p->peer.stale, "stale (max_age)"},
	};

	if (sum_parts(PARTS(parts)) == 0)
		return;
	begin_loss(v);
	say_parts(v, "at emission: ", PARTS(parts));
}

/* ---- beside the books, and after them ---- */

static void
say_over_quota(struct verdict *v, const struct ledger_page *p)
{
	if (p->over_quota == 0)
		return;
	begin_clause(v);
	say(v,
	    "after emission: %" PRIu64
	    " emitted above emit.quota, which the network may have dropped",
	    p->over_quota);
}

/* It may be why something was lost, or that something was after all; it may be of
 * somebody else's packets. */
static void
say_beside(struct verdict *v, const struct ledger_page *p)
{
	const char *before = " (";
	uint64_t sum = 0;

	if (p->not_emitted > 0) {
		begin_clause(v);
		say(v,
		    "beside the books: %" PRIu64
		    " frames dropped by the interface that is emitted on",
		    p->not_emitted);
	}
	for (size_t n = 0; n < ALLOWANCE_COUNT; n++)
		sum += p->exceeded[n];
	if (sum == 0)
		return;
	begin_clause(v);
	say(v, "beside the books: the instance's allowance was exceeded");
	for (size_t n = 0; n < ALLOWANCE_COUNT; n++) {
		if (p->exceeded[n] == 0)
			continue;
		say(v, "%s%s %" PRIu64, before, allowance_name((enum allowance)n),
		    p->exceeded[n]);
		before = ", ";
	}
	say(v, ")");
}

/* ---- what is no loss, or not yet ---- */

static void
say_under_way(struct verdict *v, const struct ledger_page *p)
{
	const struct part parts[] = {
		{p->sent.unsent, "unsent"},
		{p->peer.missing, "missing"},
		{p->peer.held, "held"},
	};

	if (sum_parts(PARTS(parts)) == 0)
		return;
	begin_clause(v);
	say_parts(v, "under way: ", PARTS(parts));
}

/* By a peer that has gone, or whose reports do not come: what is only on the way is not
 * in the figure (path/relay_told.c). */
static void
say_unreported(struct verdict *v, const struct ledger_page *p)
{
	if (p->unreported == 0)
		return;
	begin_clause(v);
	say(v, "not in the peer's books: %" PRIu64 " of %" PRIu64, p->unreported,
	    p->sent.owed);
}

static void
say_residual(struct verdict *v, const struct ledger_page *p)
{
	if (p->residual == 0)
		return;
	begin_clause(v);
	say(v, "the books do not balance: %" PRIu64 " datagrams are not explained",
	    p->residual);
}

void
ledger_verdict(const struct ledger_page *p, char text[LEDGER_VERDICT_BYTES])
{
	struct verdict v = {.text = text};

	text[0] = '\0';
	say_before_capture(&v, p);
	say_in_capture(&v, p);
	say_in_relay(&v, p);
	say_on_line(&v, p);
	say_in_peer(&v, p);
	say_at_emission(&v, p);
	if (v.losses == 0)
		say(&v, "nothing lost");
	say_over_quota(&v, p);
	say_beside(&v, p);
	say_under_way(&v, p);
	say_unreported(&v, p);
	say_residual(&v, p);
}
