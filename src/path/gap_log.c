/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside stage 9 of 10 (peer): what became of the last gaps. Gets told by peer_channel
 * and peer_report, is read by whoever prints gaps. Runs on the lane's thread, but for
 * gap_log_get().
 *
 * A datagram's gap is found by a walk over the ring. What is asked for next mostly lies
 * where the last one did, so the range of the last answer is kept: of the gap, or of the
 * space between two, where there is none.
 */
#include "path/gap_log.h"

#include <assert.h>
#include <stdlib.h>

#include "base/posted.h"

#define NONE               SIZE_MAX
#define POSTED_ENTRY_WORDS POSTED_WORDS(sizeof(struct gap_entry))

/* In [first, end) of the channel, every number's answer is `at`. */
struct answer {
	bool valid;
	uint32_t channel;
	seq_t first, end;
	size_t at; /* NONE: in no gap of the log */
};

struct gap_log {
	struct gap_entry entries[GAP_LOG_ENTRIES];
	counter_t posted[GAP_LOG_ENTRIES][POSTED_ENTRY_WORDS];
	counter_t opened; /* the newest is at opened - 1, around the ring */
	size_t oldest;    /* of those that are there, counted like `opened` */
	uint32_t era;
	struct answer last;
	struct gap_outcomes left;
};

const char *
gap_cause_name(enum gap_cause cause)
{
	static const char *const names[GAP_CAUSE_COUNT] = {
#define X(id, name, help) [GAP_##id] = name,
		GAP_CAUSES(X)
#undef X
	};

	return names[cause];
}

const char *
gap_cause_help(enum gap_cause cause)
{
	static const char *const texts[GAP_CAUSE_COUNT] = {
#define X(id, name, help) [GAP_##id] = help,
		GAP_CAUSES(X)
#undef X
	};

	return texts[cause];
}

struct gap_log *
gap_log_new(void)
{
	return calloc(1, sizeof(struct gap_log));
}

void
gap_log_free(struct gap_log *l)
{
	free(l);
}

size_t
gap_log_memory_bytes(void)
{
	return sizeof(struct gap_log);
}

/* ---- the ring ---- */

static void
post(struct gap_log *l, size_t at)
{
	posted_put(l->posted[at], &l->entries[at], sizeof l->entries[at]);
}

static void
add_outcomes(struct gap_outcomes *sum, const struct gap_outcomes *more)
{
	sum->repaired += more->repaired;
	sum->late += more->late;
	for (size_t i = 0; i < LOST_REASONS; i++)
		sum->lost[i] += more->lost[i];
}

/* An entry that nothing is found in any more: its outcomes are of those that left. */
static void
drop(struct gap_log *l, size_t at)
{
	add_outcomes(&l->left, &l->entries[at].outcomes);
	l->entries[at] = (struct gap_entry){.end = SEQ_NONE};
}

static struct gap_entry *
newest(struct gap_log *l)
{
	uint64_t opened = counter_get(&l->opened);

	return opened == l->oldest ? NULL : &l->entries[(opened - 1) % GAP_LOG_ENTRIES];
}

/* The place of the newest, the oldest giving way. */
static size_t
make_place(struct gap_log *l)
{
	uint64_t opened = counter_get(&l->opened);
	size_t at = opened % GAP_LOG_ENTRIES;

	if (opened - l->oldest == GAP_LOG_ENTRIES) {
		drop(l, at);
		l->oldest++;
	}
	counter_set(&l->opened, opened + 1);
	l->last.valid = false;
	return at;
}

/* ---- finding ---- */

static bool
is_of(const struct gap_log *l, const struct gap_entry *e, uint32_t channel)
{
	return e->channel == channel && e->era == l->era &&
	       seq_before(e->first, e->end);
}

/* Where seq is, or the space around it in which no gap is. */
static struct answer
search(const struct gap_log *l, uint32_t channel, seq_t seq)
{
	uint64_t opened = counter_get(&l->opened);
	struct answer a = {.valid = true,
			   .channel = channel,
			   .first = SEQ_NONE,
			   .end = {UINT64_MAX},
			   .at = NONE};

	for (uint64_t i = opened; i-- > l->oldest;) {
		const struct gap_entry *e = &l->entries[i % GAP_LOG_ENTRIES];

		if (!is_of(l, e, channel))
			continue;
		if (seq_before(seq, e->first)) {
			a.end = seq_min(a.end, e->first);
		} else if (!seq_before(seq, e->end)) {
			a.first = seq_max(a.first, e->end);
		} else {
			a.first = e->first;
			a.end = e->end;
			a.at = i % GAP_LOG_ENTRIES;
			break;
		}
	}
	return a;
}

static size_t
find(struct gap_log *l, uint32_t channel, seq_t seq)
{
	const struct answer *a = &l->last;

	if (!a->valid || a->channel != channel || seq_before(seq, a->first) ||
	    !seq_before(seq, a->end))
		l->last = search(l, channel, seq);
	return l->last.at;
}

/* ---- gaps come ---- */

void
gap_log_open(struct gap_log *l, struct now now, uint32_t channel, seq_t first,
	     seq_t end, enum gap_cause cause, const struct gap_shed *shed)
{
	struct gap_entry *e = newest(l);
	uint64_t n = seq_span(first, end);

	assert(n > 0);
	if (e != NULL && is_of(l, e, channel) && seq_cmp(e->end, first) == 0 &&
	    e->opened.ns == now.mono.ns && e->cause == cause) {
		e->end = end;
		e->missed += n;
		e->open += n;
		l->last.valid = false;
	} else {
		e = &l->entries[make_place(l)];
		*e = (struct gap_entry){.channel = channel,
					.era = l->era,
					.first = first,
					.end = end,
					.found = now.utc,
					.opened = now.mono,
					.cause = cause,
					.missed = n,
					.open = n,
					.shed = *shed};
	}
	post(l, (size_t)(e - l->entries));
}

/* One more is missing of the gap. */
static void
reopen(struct gap_log *l, size_t at)
{
	l->entries[at].missed++;
	l->entries[at].open++;
	post(l, at);
}

/* What is given up for want of memory goes from the newest down: mostly the one behind
 * it went just before. */
void
gap_log_again(struct gap_log *l, struct now now, uint32_t channel, seq_t seq)
{
	static const struct gap_shed nothing = {.known = false};
	size_t at = find(l, channel, seq);

	if (at != NONE) {
		reopen(l, at);
		return;
	}
	at = find(l, channel, seq_add(seq, 1));
	if (at != NONE && l->entries[at].cause == GAP_MEMORY) {
		l->entries[at].first = seq;
		l->last.valid = false;
		reopen(l, at);
		return;
	}
	gap_log_open(l, now, channel, seq, seq_add(seq, 1), GAP_MEMORY, &nothing);
}

/* ---- gaps go ---- */

static void
settle(struct gap_log *l, mono_t now, size_t at, uint64_t n)
{
	struct gap_entry *e = &l->entries[at];

	assert(e->open >= n);
	e->open -= n;
	e->lasted_ns = mono_sub(now, e->opened);
	post(l, at);
}

void
gap_log_came(struct gap_log *l, mono_t now, uint32_t channel, seq_t seq, bool repair)
{
	size_t at = find(l, channel, seq);
	struct gap_outcomes *o = at != NONE ? &l->entries[at].outcomes : &l->left;

	if (repair)
		o->repaired++;
	else
		o->late++;
	if (at != NONE)
		settle(l, now, at, 1);
}

void
gap_log_lost(struct gap_log *l, mono_t now, uint32_t channel, seq_t seq, uint64_t n,
	     enum lost_reason reason)
{
	while (n > 0) {
		size_t at = find(l, channel, seq);
		uint64_t here = seq_span(seq, l->last.end);

		here = here < n ? here : n;
		if (at != NONE) {
			l->entries[at].outcomes.lost[reason] += here;
			settle(l, now, at, here);
		} else {
			l->left.lost[reason] += here;
		}
		seq = seq_add(seq, here);
		n -= here;
	}
}

void
gap_log_requested(struct gap_log *l, uint32_t channel, seq_t first, seq_t end)
{
	for (uint64_t i = counter_get(&l->opened); i-- > l->oldest;) {
		struct gap_entry *e = &l->entries[i % GAP_LOG_ENTRIES];

		if (!is_of(l, e, channel) || e->open == 0 ||
		    !seq_before(e->first, end) || !seq_before(first, e->end))
			continue;
		e->requests++;
		post(l, i % GAP_LOG_ENTRIES);
	}
}

/* ---- causes ---- */

static bool
is_untold(const struct gap_log *l, const struct gap_entry *e, uint32_t channel,
	  seq_t sent)
{
	return is_of(l, e, channel) && e->cause == GAP_UNTOLD &&
	       !seq_before(sent, e->end);
}

/* How many datagrams of such gaps went missing since the same book. */
static uint64_t
count_untold(const struct gap_log *l, uint32_t channel, seq_t sent,
	     const struct gap_shed *since)
{
	uint64_t n = 0;

	for (uint64_t i = counter_get(&l->opened); i-- > l->oldest;) {
		const struct gap_entry *e = &l->entries[i % GAP_LOG_ENTRIES];

		if (is_untold(l, e, channel, sent) && e->shed.by_age == since->by_age &&
		    e->shed.by_bytes == since->by_bytes)
			n += seq_span(e->first, e->end);
	}
	return n;
}

static enum gap_cause
judge(const struct gap_log *l, const struct gap_entry *e, seq_t sent,
      const struct gap_shed *now)
{
	uint64_t by_age = now->by_age - e->shed.by_age;
	uint64_t by_bytes = now->by_bytes - e->shed.by_bytes;

	if (now->by_age == 0 && now->by_bytes == 0)
		return GAP_PATH; /* it never sheds */
	if (!e->shed.known || now->by_age < e->shed.by_age ||
	    now->by_bytes < e->shed.by_bytes)
		return GAP_UNTOLD;
	if (by_age == 0 && by_bytes == 0)
		return GAP_PATH;
	if (by_age + by_bytes < count_untold(l, e->channel, sent, &e->shed))
		return GAP_BOTH;
	if (by_bytes == 0)
		return GAP_SHED_AGE;
	return by_age == 0 ? GAP_SHED_BYTES : GAP_SHED;
}

/* All are judged by the same book, so they are judged before any of them is changed. */
bool
gap_log_told(struct gap_log *l, uint32_t channel, seq_t sent,
	     const struct gap_shed *shed)
{
	enum gap_cause causes[GAP_LOG_ENTRIES];
	uint64_t opened = counter_get(&l->opened);
	bool all = true;

	for (uint64_t i = l->oldest; i < opened; i++) {
		const struct gap_entry *e = &l->entries[i % GAP_LOG_ENTRIES];

		causes[i - l->oldest] = is_untold(l, e, channel, sent)
						? judge(l, e, sent, shed)
						: e->cause;
	}
	for (uint64_t i = l->oldest; i < opened; i++) {
		struct gap_entry *e = &l->entries[i % GAP_LOG_ENTRIES];

		if (e->cause != causes[i - l->oldest]) {
			e->cause = causes[i - l->oldest];
			post(l, i % GAP_LOG_ENTRIES);
		}
		all = all && !(is_of(l, e, channel) && e->cause == GAP_UNTOLD);
	}
	return all;
}

/* ---- ends ---- */

void
gap_log_new_epoch(struct gap_log *l)
{
	l->era++;
	l->last.valid = false;
}

void
gap_log_forget(struct gap_log *l, uint32_t channel)
{
	for (uint64_t i = l->oldest; i < counter_get(&l->opened); i++) {
		size_t at = i % GAP_LOG_ENTRIES;

		if (l->entries[at].channel != channel)
			continue;
		drop(l, at);
		post(l, at);
	}
	l->last.valid = false;
}

/* ---- for those who look ---- */

const struct gap_outcomes *
gap_log_left(const struct gap_log *l)
{
	return &l->left;
}

bool
gap_log_get(const struct gap_log *l, size_t n, struct gap_entry *entry)
{
	uint64_t opened = counter_get(&l->opened);

	if (n >= opened || n >= GAP_LOG_ENTRIES)
		return false;
	return posted_get(l->posted[(opened - 1 - n) % GAP_LOG_ENTRIES], entry,
			  sizeof *entry) &&
	       seq_before(entry->first, entry->end);
}
