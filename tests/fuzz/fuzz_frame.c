/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's front from its outermost entry, frames as captured, through decap,
 * reassemble and classify to every framing of feed.
 *
 * Input: records of link type (1 byte, index below), caplen (2), bytes cut off by
 * the snapshot length (2, so len = caplen + that), milliseconds since the record
 * before (1), then caplen bytes of frame, fewer when the input ends.
 */
#include <pcap/dlt.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "holds.h"
#include "path/classify.h"
#include "path/feed.h"
#include "path/reassemble.h"

#define FEEDS_MAX     64
#define PAYLOAD_MAX   65507
#define POOL          4
#define FRAGMENT_LIFE (100 * NS_PER_MS)

struct rig {
	struct reassembly *reassembly;
	struct classifier *classifier;
	struct feed feeds[FEEDS_MAX];
	mono_t now;
};

static const int link_types[] = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,
				 DLT_IPV4,   DLT_NULL,      DLT_IEEE802_11};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
set_up(struct rig *rig)
{
	static const struct channel_settings channels[] = {
		{.group = 0xe9253601, .port = 30001},
		{.group = 0xe9253601, .port = 30001, .source = 0x0a000009},
		{.group = 0xe9253602, .port = 30001, .source = 0x0a000009},
	};

	*rig = (struct rig){.now = {1}};
	rig->reassembly = reassemble_new(POOL, FRAGMENT_LIFE);
	rig->classifier = classify_new(channels, 3, NULL);
	CHECK(rig->reassembly != NULL && rig->classifier != NULL);
	CHECK(feed_count() <= FEEDS_MAX);
}

/* Every byte of the payload is read, for the address sanitizer to see. */
static void
check_payload(const struct datagram *d)
{
	unsigned int sum = 0;

	CHECK(d->len <= PAYLOAD_MAX && d->vlan_count <= VLAN_TAGS_MAX);
	for (size_t i = 0; i < d->len; i++)
		sum += d->payload[i];
	CHECK(sum <= 255U * PAYLOAD_MAX);
}

static void
take_datagram(struct rig *rig, const struct datagram *d)
{
	int channel = classify_find(rig->classifier, d->group, d->port, d->source);

	CHECK(d->group >> 28 == 0xe && d->group >> 8 != 0xe00000);
	CHECK(d->source != 0 && d->source >> 28 != 0xe);
	CHECK(channel >= CLASSIFY_NONE && channel < 3);
	check_payload(d);
	for (int i = 0; i < (int)feed_count(); i++) {
		struct feed_result r =
			feed_check(&rig->feeds[i], i, d->payload, d->len);

		CHECK(r.verdict < FEED_VERDICT_COUNT);
		CHECK(r.missing == 0 || r.verdict == FEED_GAP ||
		      r.verdict == FEED_HEARTBEAT);
		CHECK(r.verdict != FEED_GAP || r.missing > 0);
		CHECK(i > 0 || r.verdict == FEED_UNCHECKED);
	}
}

static void
take_fragment(struct rig *rig, const struct frame *frame, const struct fragment *f)
{
	struct datagram whole;
	enum decap_verdict udp;
	enum reassemble_verdict v;

	CHECK(f->bytes >= frame->bytes && f->len <= frame->caplen);
	CHECK(f->bytes + f->len <= frame->bytes + frame->caplen);
	CHECK(f->protocol == 17 && (f->more || f->offset_bytes > 0));
	v = reassemble_put(rig->reassembly, rig->now, f, &whole, &udp);
	CHECK(v < REASSEMBLE_VERDICT_COUNT);
	if (v != REASSEMBLE_WHOLE)
		return;
	CHECK(udp == DECAP_DATAGRAM || udp == DECAP_BAD_LENGTH);
	if (udp == DECAP_DATAGRAM)
		take_datagram(rig, &whole);
}

static void
take_frame(struct rig *rig, const struct frame *frame)
{
	struct datagram d;
	struct fragment f;
	enum decap_verdict v = decap_frame(frame, &d, &f);

	CHECK(v < DECAP_VERDICT_COUNT && decap_verdict_name(v) != NULL);
	CHECK(v != DECAP_TRUNCATED || frame->len > frame->caplen);
	if (v == DECAP_FRAGMENT)
		take_fragment(rig, frame, &f);
	if (v != DECAP_DATAGRAM)
		return;
	CHECK(d.payload >= frame->bytes);
	CHECK(d.payload + d.len <= frame->bytes + frame->caplen);
	take_datagram(rig, &d);
}

/* The frame moves to memory of its exact size, where a read past it shows. */
static void
take_record(struct rig *rig, struct rd *rd)
{
	struct frame frame = {.link_type = link_types[rd_u8(rd) % 7U]};
	size_t cut_off;
	uint8_t *exact;

	frame.caplen = rd_u16(rd);
	cut_off = rd_u16(rd);
	rig->now = mono_add(rig->now, rd_u8(rd) * NS_PER_MS);
	if (rd->failed)
		return;
	if (frame.caplen > rd_left(rd))
		frame.caplen = rd_left(rd);
	frame.len = frame.caplen + cut_off;
	exact = malloc(frame.caplen + 1);
	CHECK(exact != NULL);
	if (frame.caplen > 0)
		memcpy(exact + 1, rd_bytes(rd, frame.caplen), frame.caplen);
	frame.bytes = exact + 1;
	take_frame(rig, &frame);
	free(exact);
	reassemble_expire(rig->reassembly, rig->now);
	CHECK(mono_before(rig->now, reassemble_deadline(rig->reassembly)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd rd = rd_init(data, size);
	struct rig rig;

	if (size == 0)
		return 0;
	set_up(&rig);
	while (!rd.failed && rd_left(&rd) > 0)
		take_record(&rig, &rd);
	reassemble_free(rig.reassembly);
	classify_free(rig.classifier);
	return 0;
}
