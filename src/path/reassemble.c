/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2b of the relay; gets fragments from decap, hands whole datagrams to
 * classify; runs on the lane's thread.
 *
 * Two bitmaps of 8-byte units, the grain of RFC 791's offsets: which units are
 * here, and at which of them a fragment began. The second one tells a repeated
 * fragment (harmless: a mirrored port delivers everything twice) from one that
 * overlaps. As nothing ever overlaps, counting bytes finds the end.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "path/reassemble.h"

#define SLOT_BYTES    65536
#define PAYLOAD_MAX   65515 /* of IPv4: 65535 less the shortest header */
#define UNIT_BYTES    8
#define UNITS         (SLOT_BYTES / UNIT_BYTES)
#define WORD_BITS     64
#define TOTAL_UNKNOWN 0 /* a last fragment is never empty */

enum slot_state {
	SLOT_FREE,
	SLOT_HELD,
	SLOT_DROPPED, /* remembered, so that its fragments start nothing */
};

struct unit_map {
	uint64_t words[UNITS / WORD_BITS];
};

struct slot {
	enum slot_state state;
	enum reassemble_verdict reason; /* of SLOT_DROPPED */
	mono_t due;
	size_t here;  /* bytes held */
	size_t reach; /* end of the farthest fragment with more to follow */
	size_t total; /* by the last fragment */
	struct fragment first;
};

struct reassembly {
	size_t count;
	size_t used; /* slots that are not free */
	int64_t timeout_ns;
	struct slot *slots;
	struct unit_map *here;
	struct unit_map *starts;
	uint8_t *bytes;
};

const char *
reassemble_verdict_name(enum reassemble_verdict verdict)
{
	static const char *const names[REASSEMBLE_VERDICT_COUNT] = {
#define X(id, name, help) [REASSEMBLE_##id] = name,
		REASSEMBLE_VERDICTS(X)
#undef X
	};

	return names[verdict];
}

struct reassembly *
reassemble_new(size_t datagrams, int64_t timeout_ns)
{
	struct reassembly *r;

	assert(datagrams > 0);
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->count = datagrams;
	r->timeout_ns = timeout_ns;
	r->slots = calloc(datagrams, sizeof(*r->slots));
	r->here = calloc(datagrams, sizeof(*r->here));
	r->starts = calloc(datagrams, sizeof(*r->starts));
	r->bytes = calloc(datagrams, SLOT_BYTES);
	if (r->slots == NULL || r->here == NULL || r->starts == NULL ||
	    r->bytes == NULL) {
		reassemble_free(r);
		return NULL;
	}
	return r;
}

void
reassemble_free(struct reassembly *r)
{
	if (r == NULL)
		return;
	free(r->slots);
	free(r->here);
	free(r->starts);
	free(r->bytes);
	free(r);
}

size_t
reassemble_memory_bytes(const struct reassembly *r)
{
	size_t slot = sizeof(struct slot) + 2 * sizeof(struct unit_map) + SLOT_BYTES;

	return sizeof(*r) + r->count * slot;
}

static bool
test_unit(const struct unit_map *map, size_t unit)
{
	return map->words[unit / WORD_BITS] >> unit % WORD_BITS & 1;
}

static void
set_unit(struct unit_map *map, size_t unit)
{
	map->words[unit / WORD_BITS] |= 1ULL << unit % WORD_BITS;
}

static void
release(struct reassembly *r, struct slot *s)
{
	s->state = SLOT_FREE;
	r->used--;
}

static bool
same_datagram(const struct fragment *a, const struct fragment *b)
{
	return a->source == b->source && a->group == b->group && a->id == b->id &&
	       a->protocol == b->protocol;
}

/* A slot past its time is as good as gone, expired or not, so that the outcome
 * does not depend on how often reassemble_expire() is called. */
static struct slot *
find(struct reassembly *r, mono_t now, const struct fragment *f)
{
	if (r->used == 0)
		return NULL;
	for (size_t i = 0; i < r->count; i++) {
		struct slot *s = &r->slots[i];

		if (s->state != SLOT_FREE && !mono_due(s->due, now) &&
		    same_datagram(&s->first, f))
			return s;
	}
	return NULL;
}

/* Lower is better to take: a free slot costs nothing, and the memory of a dropped
 * datagram less than one that may still become whole. */
static bool
better_to_take(const struct slot *a, const struct slot *b)
{
	static const int cost[] = {
		[SLOT_FREE] = 0, [SLOT_DROPPED] = 1, [SLOT_HELD] = 2};

	if (cost[a->state] != cost[b->state])
		return cost[a->state] < cost[b->state];
	return mono_before(a->due, b->due);
}

static struct slot *
claim(struct reassembly *r, mono_t now, const struct fragment *f,
      enum reassemble_verdict *verdict)
{
	struct slot *s = &r->slots[0];
	size_t i;

	for (i = 1; i < r->count && s->state != SLOT_FREE; i++)
		if (better_to_take(&r->slots[i], s))
			s = &r->slots[i];
	if (s->state == SLOT_HELD)
		*verdict = REASSEMBLE_EVICTED;
	if (s->state == SLOT_FREE)
		r->used++;
	*s = (struct slot){.state = SLOT_HELD, .first = *f};
	s->first.bytes = NULL; /* was borrowed */
	s->due = mono_add(now, r->timeout_ns);
	i = (size_t)(s - r->slots);
	memset(&r->here[i], 0, sizeof(r->here[i]));
	memset(&r->starts[i], 0, sizeof(r->starts[i]));
	return s;
}

/* What no fragment can be, whatever the others are: RFC 791 wants all but the
 * last one in whole units, and none reaches past the longest datagram. */
static bool
is_possible(const struct fragment *f)
{
	if (f->len == 0 || f->offset_bytes + f->len > PAYLOAD_MAX)
		return false;
	return f->offset_bytes % UNIT_BYTES == 0 &&
	       (!f->more || f->len % UNIT_BYTES == 0);
}

/* Whether the end that this fragment tells agrees with what the others told. */
static bool
fits_total(const struct slot *s, const struct fragment *f)
{
	size_t end = f->offset_bytes + f->len;

	if (f->more)
		return s->total == TOTAL_UNKNOWN || end < s->total;
	return s->reach < end && (s->total == TOTAL_UNKNOWN || end == s->total);
}

struct span {
	size_t first, last; /* units */
};

static struct span
span_of(const struct fragment *f)
{
	return (struct span){
		.first = f->offset_bytes / UNIT_BYTES,
		.last = (f->offset_bytes + f->len - 1) / UNIT_BYTES,
	};
}

static bool
any_here(const struct unit_map *here, struct span span)
{
	for (size_t unit = span.first; unit <= span.last; unit++)
		if (test_unit(here, unit))
			return true;
	return false;
}

/* The same place, begun and ended where an earlier fragment was, and the same
 * bytes. */
static bool
is_repeat(const struct reassembly *r, size_t slot, const struct fragment *f)
{
	const struct unit_map *here = &r->here[slot], *starts = &r->starts[slot];
	struct span span = span_of(f);
	const uint8_t *held = r->bytes + slot * SLOT_BYTES + f->offset_bytes;

	if (!test_unit(starts, span.first))
		return false;
	for (size_t unit = span.first; unit <= span.last; unit++)
		if (!test_unit(here, unit) ||
		    (unit > span.first && test_unit(starts, unit)))
			return false;
	/* PAYLOAD_MAX leaves the map's last unit unused: last + 1 is within. */
	if (test_unit(here, span.last + 1) && !test_unit(starts, span.last + 1))
		return false;
	return memcmp(held, f->bytes, f->len) == 0;
}

static void
store(struct reassembly *r, struct slot *s, const struct fragment *f)
{
	size_t slot = (size_t)(s - r->slots), end = f->offset_bytes + f->len;
	struct span span = span_of(f);

	memcpy(r->bytes + slot * SLOT_BYTES + f->offset_bytes, f->bytes, f->len);
	for (size_t unit = span.first; unit <= span.last; unit++)
		set_unit(&r->here[slot], unit);
	set_unit(&r->starts[slot], span.first);
	s->here += f->len;
	if (!f->more)
		s->total = end;
	else if (end > s->reach)
		s->reach = end;
}

static enum reassemble_verdict
drop(struct slot *s, enum reassemble_verdict reason)
{
	s->state = SLOT_DROPPED;
	s->reason = reason;
	return reason;
}

static void
finish(struct reassembly *r, struct slot *s, struct datagram *whole,
       enum decap_verdict *udp)
{
	const uint8_t *bytes = r->bytes + (size_t)(s - r->slots) * SLOT_BYTES;

	*whole = (struct datagram){
		.group = s->first.group,
		.source = s->first.source,
		.ttl = s->first.ttl,
		.dscp = s->first.dscp,
		.vlan_count = s->first.vlan_count,
		.captured = s->first.captured,
	};
	memcpy(whole->vlan, s->first.vlan, sizeof(whole->vlan));
	*udp = decap_udp(bytes, s->total, whole);
	release(r, s);
}

enum reassemble_verdict
reassemble_put(struct reassembly *r, mono_t now, const struct fragment *f,
	       struct datagram *whole, enum decap_verdict *udp)
{
	enum reassemble_verdict verdict = REASSEMBLE_HELD;
	struct slot *s = find(r, now, f);

	if (s != NULL && s->state == SLOT_DROPPED)
		return s->reason;
	if (!is_possible(f) || (s != NULL && !fits_total(s, f)))
		return s != NULL ? drop(s, REASSEMBLE_MALFORMED) : REASSEMBLE_MALFORMED;
	if (s == NULL)
		s = claim(r, now, f, &verdict);
	else if (any_here(&r->here[s - r->slots], span_of(f)))
		return is_repeat(r, (size_t)(s - r->slots), f)
			       ? REASSEMBLE_DUPLICATE
			       : drop(s, REASSEMBLE_OVERLAP);
	store(r, s, f);
	if (s->here != s->total)
		return verdict;
	finish(r, s, whole, udp);
	return REASSEMBLE_WHOLE;
}

unsigned int
reassemble_expire(struct reassembly *r, mono_t now)
{
	unsigned int incomplete = 0;

	for (size_t i = 0; i < r->count && r->used > 0; i++) {
		struct slot *s = &r->slots[i];

		if (s->state == SLOT_FREE || !mono_due(s->due, now))
			continue;
		incomplete += s->state == SLOT_HELD;
		release(r, s);
	}
	return incomplete;
}

mono_t
reassemble_deadline(const struct reassembly *r)
{
	mono_t due = MONO_NEVER;

	if (r->used == 0)
		return due;
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].state != SLOT_FREE)
			due = mono_min(due, r->slots[i].due);
	return due;
}
