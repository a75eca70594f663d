/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recording.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/quantity.h"
#include "ops/http.h"
#include "ops/pcapng.h"
#include "ops/settings.h"
#include "ops/stream.h"
#include "path/capture.h"
#include "path/lane.h"

#define BAD_REQUEST 400
#define NOT_FOUND   404
#define UNAVAILABLE 503

/* What one call of the lane does at most. */
#define COPY_BYTES    (32 * 1024)
#define COPY_RECORDS  512 /* looked at */
#define SEEK_CHANNELS 16

/* What one piece of the answer has of blocks that are no packets. */
#define BLOCKS_PER_PIECE 256

#define UNWANTED UINT32_MAX

enum stage { SEEK, BEGINNING, INTERFACES, PACKETS, STATISTICS };

struct chosen {
	struct recording_channel channel;
	uint64_t packets;
};

/* In front of each payload in the copy. */
struct copied {
	enum history_kind kind;
	struct recorded r;
	utc_t captured;
	size_t len;
};

struct recording {
	struct recordings *all;
	const struct recording_source *source;
	enum stage stage;
	struct chosen *chosen;
	size_t chosen_count;
	size_t keys;
	uint32_t *interfaces; /* by key: the number of the interface, or UNWANTED */
	mono_t since, until;
	size_t at; /* channels sought, interfaces told, statistics told */
	uint64_t pos, end;
	bool began; /* pos is where something was read */
	bool copied_all;
	uint64_t overtaken_bytes; /* left the history before they were read */
	/* Marks that no packet has told of yet. */
	uint64_t dropped[DROP_POINT_COUNT];
	size_t used; /* of copy */
	uint8_t copy[COPY_BYTES + sizeof(struct copied) + DATAGRAM_BYTES_MAX + 256];
	uint8_t block[PCAPNG_BLOCK_BYTES + DATAGRAM_BYTES_MAX];
};

/* ---- on the lane ---- */

/* Where each wanted channel begins; the marks are in the relay's channel 0. */
static void
seek_some(void *arg)
{
	struct recording *r = arg;
	const struct history *h = r->source->history;

	if (r->at == 0) {
		r->pos = r->end = history_head(h);
		r->pos = history_since(h, 0, r->since);
	}
	for (int i = 0; i < SEEK_CHANNELS && r->at < r->chosen_count; r->at++) {
		uint16_t ring = r->chosen[r->at].channel.ring;
		uint64_t pos;

		if (ring == 0)
			continue;
		pos = history_since(h, ring, r->since);
		r->pos = pos < r->pos ? pos : r->pos;
		i++;
	}
}

static bool
is_wanted(const struct recording *r, const struct history_record *rec,
	  const struct recorded *what)
{
	if (mono_before(rec->arrived, r->since))
		return false;
	return rec->kind == HISTORY_MARK ||
	       (rec->kind == HISTORY_DATA && what->key < r->keys &&
		r->interfaces[what->key] != UNWANTED);
}

static void
copy_record(struct recording *r, const struct history_record *rec,
	    const struct recorded *what)
{
	struct copied c = {rec->kind, *what, rec->captured, rec->len};

	memcpy(r->copy + r->used, &c, sizeof(c));
	memcpy(r->copy + r->used + sizeof(c), rec->payload, rec->len);
	r->used += sizeof(c) + rec->len;
}

static void
copy_some(void *arg)
{
	struct recording *r = arg;
	const struct history *h = r->source->history;
	struct history_record rec;
	struct recorded what;

	r->used = 0;
	if (r->began && r->pos < history_tail(h))
		r->overtaken_bytes += history_tail(h) - r->pos;
	for (int i = 0; i < COPY_RECORDS && r->used < COPY_BYTES; i++) {
		uint64_t next;

		if (!history_at(h, &r->pos, &rec) || r->pos >= r->end ||
		    mono_before(r->until, rec.arrived)) {
			r->copied_all = true;
			return;
		}
		r->began = true;
		next = history_after(h, r->pos);
		r->source->read(r->source->view, &rec, &what);
		if (is_wanted(r, &rec, &what))
			copy_record(r, &rec, &what);
		r->pos = next;
	}
}

/* ---- blocks ---- */

static void
add_block(struct evbuffer *out, const struct recording *r, const struct wr *w)
{
	if (!w->failed) /* it fits: PCAPNG_BLOCK_BYTES */
		evbuffer_add(out, r->block, (size_t)(w->p - r->block));
}

static void
put_beginning(struct recording *r, struct evbuffer *out)
{
	struct wr w = wr_init(r->block, sizeof(r->block));
	char program[64], comment[PCAPNG_TEXT_MAX];

	snprintf(program, sizeof(program), "tombolo-%s %s", r->source->half,
		 r->source->version);
	snprintf(comment, sizeof(comment),
		 "node %s: what it %s; frames are made up around the payloads: "
		 "link-layer addresses, time to live and the sender's port are not "
		 "known, nor the sender's address where it is 0.0.0.0",
		 r->source->node,
		 strcmp(r->source->half, "relay") == 0 ? "captured" : "emitted");
	pcapng_section(&w, program, comment);
	add_block(out, r, &w);
}

static void
put_interface(struct recording *r, struct evbuffer *out, const struct chosen *c)
{
	struct wr w = wr_init(r->block, sizeof(r->block));
	char group[INET_ADDRSTRLEN], text[256];
	uint32_t address = htonl(c->channel.group);

	inet_ntop(AF_INET, &address, group, sizeof(group));
	snprintf(text, sizeof(text), "channel %s, %s:%u%s%s", c->channel.name, group,
		 c->channel.port, c->channel.remote[0] != '\0' ? ", of relay " : "",
		 c->channel.remote);
	pcapng_interface(&w, c->channel.name, text);
	add_block(out, r, &w);
}

/* "kernel_ring 3, interface 1"; "" when no mark waits to be told of. */
static uint64_t
say_marks(const struct recording *r, char *text, size_t bytes)
{
	uint64_t sum = 0;
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; i < DROP_POINT_COUNT; i++) {
		if (r->dropped[i] == 0)
			continue;
		len += (size_t)snprintf(
			text + len, len < bytes ? bytes - len : 0,
			"%s%" PRIu64 " at %s",
			sum > 0 ? ", " : "mark: lost before capture, of all channels: ",
			r->dropped[i], drop_point_name((enum drop_point)i));
		sum += r->dropped[i];
	}
	return sum;
}

static void
say_moment(utc_t t, char *text, size_t bytes)
{
	time_t seconds = (time_t)(t.ns / NS_PER_S);
	char date[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, bytes, "%s.%09" PRId64 "Z", date, t.ns % (int64_t)NS_PER_S);
}

static void
say_datagram(const struct recorded *what, const char *name, char *text, size_t bytes)
{
	char moment[48];
	int n = snprintf(text, bytes, "channel %s, sequence %" PRIu64, name,
			 what->seq.n);

	if (!what->emitted || n < 0 || (size_t)n >= bytes)
		return;
	say_moment(what->emitted_at, moment, sizeof(moment));
	snprintf(text + n, bytes - (size_t)n, ", emitted %s%s", moment,
		 what->repaired ? ", repaired" : "");
}

static void
put_packet(struct recording *r, struct evbuffer *out, const struct copied *c,
	   const uint8_t *payload)
{
	uint32_t interface = r->interfaces[c->r.key];
	struct chosen *chosen = &r->chosen[interface];
	struct wr w = wr_init(r->block, sizeof(r->block));
	char text[256], marks[PCAPNG_TEXT_MAX];
	bool marked = say_marks(r, marks, sizeof(marks)) > 0;
	struct pcapng_packet p = {.interface = interface,
				  .captured = c->captured,
				  .source = chosen->channel.source,
				  .group = c->r.group,
				  .port = c->r.port,
				  .payload = payload,
				  .len = c->len,
				  /* what the ring drops is of the channels */
				  .dropped = r->dropped[DROP_KERNEL_RING],
				  .comments = {text, marked ? marks : NULL}};

	say_datagram(&c->r, chosen->channel.name, text, sizeof(text));
	pcapng_packet(&w, &p);
	add_block(out, r, &w);
	chosen->packets++;
	memset(r->dropped, 0, sizeof(r->dropped));
}

static void
take_mark(struct recording *r, const uint8_t *payload, size_t len)
{
	struct rd rd = rd_init(payload, len);
	uint8_t point = rd_u8(&rd);
	uint64_t n = rd_u64(&rd);

	if (!rd.failed && point < DROP_POINT_COUNT)
		r->dropped[point] += n;
}

static void
put_copied(struct recording *r, struct evbuffer *out)
{
	struct copied c;

	for (size_t at = 0; at < r->used; at += sizeof(c) + c.len) {
		const uint8_t *payload = r->copy + at + sizeof(c);

		memcpy(&c, r->copy + at, sizeof(c));
		if (c.kind == HISTORY_MARK)
			take_mark(r, payload, c.len);
		else
			put_packet(r, out, &c, payload);
	}
}

static void
put_statistics(struct recording *r, struct evbuffer *out, size_t n)
{
	struct wr w = wr_init(r->block, sizeof(r->block));
	char text[PCAPNG_TEXT_MAX] = "";

	if (n == 0 && r->overtaken_bytes > 0)
		snprintf(text, sizeof(text),
			 "%" PRIu64 " bytes left the history while it was read: what "
			 "is missing here need not be missing there",
			 r->overtaken_bytes);
	else if (n == 0)
		(void)say_marks(r, text, sizeof(text));
	pcapng_statistics(&w, (uint32_t)n, clock_now().utc, r->chosen[n].packets,
			  text[0] != '\0' ? text : NULL);
	add_block(out, r, &w);
}

/* ---- the answer, piece by piece ---- */

static void
next_stage(struct recording *r)
{
	r->stage++;
	r->at = 0;
}

static void
on_lane(struct recording *r, void (*call)(void *arg))
{
	if (r->source->lane != NULL)
		lane_call(r->source->lane, call, r);
	else
		call(r);
}

static void
add_piece(struct recording *r, struct evbuffer *out)
{
	size_t limit = r->at + BLOCKS_PER_PIECE;

	switch (r->stage) {
	case SEEK: on_lane(r, seek_some); break;
	case BEGINNING: put_beginning(r, out); break;
	case INTERFACES:
		for (; r->at < r->chosen_count && r->at < limit; r->at++)
			put_interface(r, out, &r->chosen[r->at]);
		break;
	case PACKETS:
		on_lane(r, copy_some);
		put_copied(r, out);
		break;
	case STATISTICS:
		for (; r->at < r->chosen_count && r->at < limit; r->at++)
			put_statistics(r, out, r->at);
		break;
	}
}

static bool
is_over(const struct recording *r)
{
	switch (r->stage) {
	case SEEK:
	case INTERFACES:
	case STATISTICS: return r->at == r->chosen_count;
	case BEGINNING: return true;
	case PACKETS: return r->copied_all;
	}
	return true;
}

static bool
more(void *state, struct evbuffer *out)
{
	struct recording *r = state;
	enum stage stage = r->stage;

	add_piece(r, out);
	if (!is_over(r))
		return true;
	next_stage(r);
	return stage != STATISTICS;
}

static void
end(void *state)
{
	struct recording *r = state;

	r->all->active--;
	free(r->chosen);
	free(r->interfaces);
	free(r);
}

/* ---- the question ---- */

static const struct stream_source stream = {.more = more, .end = end};

/* Enough room for all there are. */
static bool
make_room(struct recording *r)
{
	const struct recording_source *s = r->source;

	r->keys = s->count(s->view);
	r->chosen = calloc(r->keys + 1, sizeof(*r->chosen));
	r->interfaces = malloc((r->keys + 1) * sizeof(*r->interfaces));
	if (r->chosen == NULL || r->interfaces == NULL)
		return false;
	for (size_t i = 0; i < r->keys; i++)
		r->interfaces[i] = UNWANTED;
	return true;
}

/* Channels of that name, NULL: all. Returns how many there are. */
static size_t
choose(struct recording *r, const char *name)
{
	const struct recording_source *s = r->source;
	size_t found = 0;

	for (size_t n = 0; n < r->keys; n++) {
		struct recording_channel c;

		if (!s->channel(s->view, n, &c) ||
		    (name != NULL && strcmp(c.name, name) != 0))
			continue;
		found++;
		if (r->interfaces[c.key] != UNWANTED)
			continue;
		r->interfaces[c.key] = (uint32_t)r->chosen_count;
		r->chosen[r->chosen_count++] = (struct chosen){.channel = c};
	}
	return found;
}

static bool
take_ago(const struct evkeyval *pair, mono_t now, mono_t *to, struct evbuffer *out)
{
	uint64_t ns = 0;
	enum quantity_verdict verdict =
		quantity_parse(QUANTITY_DURATION, pair->value, &ns);

	if (verdict == QUANTITY_OK) {
		to->ns = now.ns - (int64_t)ns;
		return true;
	}
	evbuffer_add_printf(out, "%s: %s; a time is a number with one of %s\n",
			    pair->key, quantity_verdict_text(verdict),
			    quantity_units(QUANTITY_DURATION));
	return false;
}

/* 0, or the status to refuse it with. */
static int
take_pair(struct recording *r, const struct evkeyval *pair, mono_t now,
	  struct evbuffer *out)
{
	if (strcmp(pair->key, "since") == 0)
		return take_ago(pair, now, &r->since, out) ? 0 : BAD_REQUEST;
	if (strcmp(pair->key, "until") == 0)
		return take_ago(pair, now, &r->until, out) ? 0 : BAD_REQUEST;
	if (strcmp(pair->key, "channel") != 0) {
		evbuffer_add_printf(out, "channel=NAME, since=AGO and until=AGO\n");
		return BAD_REQUEST;
	}
	if (choose(r, pair->value) > 0)
		return 0;
	evbuffer_add_printf(out, "no such channel; tomboloctl channels lists them\n");
	return NOT_FOUND;
}

static int
check(struct recording *r, struct evbuffer *out)
{
	if (r->since.ns == MONO_NEVER.ns) {
		evbuffer_add_printf(out, "since when? as in since=5s\n");
		return BAD_REQUEST;
	}
	if (mono_before(r->until, r->since)) {
		evbuffer_add_printf(out, "until must not be before since\n");
		return BAD_REQUEST;
	}
	if (r->chosen_count == 0 && choose(r, NULL) == 0) {
		evbuffer_add_printf(out, "no channel is known yet\n");
		return NOT_FOUND;
	}
	return 0;
}

static int
understand(struct recording *r, const char *query, struct evbuffer *out)
{
	mono_t now = clock_now().mono;
	struct evkeyvalq pairs;
	struct evkeyval *pair;
	int status = 0;

	r->since = MONO_NEVER;
	r->until = now;
	if (evhttp_parse_query_str(query != NULL ? query : "", &pairs) != 0) {
		evbuffer_add_printf(out, "channel=NAME, since=AGO and until=AGO\n");
		return BAD_REQUEST;
	}
	TAILQ_FOREACH(pair, &pairs, next)
	{
		if (status == 0)
			status = take_pair(r, pair, now, out);
	}
	evhttp_clear_headers(&pairs);
	return status != 0 ? status : check(r, out);
}

static int
admit(const struct recordings *all, struct evbuffer *out)
{
	if (all->source.history == NULL) {
		evbuffer_add_printf(out, "nothing is remembered here: history.memory "
					 "of the configuration is 0\n");
		return NOT_FOUND;
	}
	if (all->active >= RECORDINGS_MAX) {
		evbuffer_add_printf(out, "%d are being read already; try again\n",
				    RECORDINGS_MAX);
		return UNAVAILABLE;
	}
	return 0;
}

static void *
begin(void *arg, const char *query, struct evbuffer *out, int *status)
{
	struct recordings *all = arg;
	int refused = admit(all, out);
	struct recording *r = refused == 0 ? calloc(1, sizeof(*r)) : NULL;

	if (r == NULL) {
		*status = refused != 0 ? refused : UNAVAILABLE;
		return NULL;
	}
	r->all = all;
	r->source = &all->source;
	all->active++;
	refused = make_room(r) ? understand(r, query, out) : UNAVAILABLE;
	if (refused == 0)
		return r;
	*status = refused;
	end(r);
	return NULL;
}

void
recording_routes(struct http *h, struct recordings *r)
{
	http_stream(h, "/history", RECORDING_CONTENT_TYPE, begin, &stream, r);
}
