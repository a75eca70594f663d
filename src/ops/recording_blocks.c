/* SPDX-License-Identifier: Apache-2.0 */
/* A recording as a capture file: what was copied, told in blocks of pcapng. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ops/recording_internal.h"

static void
add_block(struct evbuffer *out, const struct recording *r, const struct wr *w)
{
	if (!w->failed) /* it fits: PCAPNG_BLOCK_BYTES */
		evbuffer_add(out, r->block, (size_t)(w->p - r->block));
}

void
recording_put_beginning(struct recording *r, struct evbuffer *out)
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

void
recording_put_interface(struct recording *r, struct evbuffer *out, size_t n)
{
	const struct recording_chosen *c = &r->chosen[n];
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
put_packet(struct recording *r, struct evbuffer *out, const struct recording_copied *c,
	   const uint8_t *payload)
{
	uint32_t interface = r->interfaces[c->r.key];
	struct recording_chosen *chosen = &r->chosen[interface];
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

void
recording_put_copied(struct recording *r, struct evbuffer *out)
{
	struct recording_copied c;

	for (size_t at = 0; at < r->used; at += sizeof(c) + c.len) {
		const uint8_t *payload = r->copy + at + sizeof(c);

		memcpy(&c, r->copy + at, sizeof(c));
		if (c.kind == HISTORY_MARK)
			take_mark(r, payload, c.len);
		else
			put_packet(r, out, &c, payload);
	}
}

void
recording_put_statistics(struct recording *r, struct evbuffer *out, size_t n)
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
