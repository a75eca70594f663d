/* SPDX-License-Identifier: Apache-2.0 */
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "frame.h"

#define PARTIAL_COUNT 64
#define ETHERTYPE_IP_ 0x0800

/* A datagram whose fragments are still coming. */
struct partial {
	uint32_t source, group;
	uint16_t id;
	size_t have, whole; /* bytes; whole is 0 until the last fragment came */
	uint64_t used;      /* frame number, the oldest gives way */
	uint8_t bytes[65536 + 8];
};

struct reader {
	void (*visit)(void *arg, const struct frame_datagram *d);
	void *arg;
	struct frame_count *count;
	struct partial *partials;
};

static bool
is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Moves to the IPv4 header. False when there is none. */
static bool
skip_link(int link_type, struct rd *r)
{
	uint16_t type = ETHERTYPE_IP_;

	switch (link_type) {
	case DLT_EN10MB:
		rd_skip(r, 12);
		type = rd_u16(r);
		for (int tags = 0; tags < 2 && is_vlan(type); tags++) {
			rd_skip(r, 2);
			type = rd_u16(r);
		}
		break;
	case DLT_LINUX_SLL:
		rd_skip(r, SLL_HDR_LEN - 2);
		type = rd_u16(r);
		break;
	case DLT_LINUX_SLL2:
		type = rd_u16(r);
		rd_skip(r, SLL2_HDR_LEN - 2);
		break;
	case DLT_RAW: break;
	default: return false;
	}
	return !r->failed && type == ETHERTYPE_IP_;
}

static bool
hand_on(struct reader *reader, uint32_t group, int64_t captured_ns,
	const uint8_t *segment, size_t len)
{
	struct frame_datagram d = {.group = group, .captured_ns = captured_ns};
	struct rd r = rd_init(segment, len);
	uint16_t udp_len;

	rd_skip(&r, 2);
	d.port = rd_u16(&r);
	udp_len = rd_u16(&r);
	rd_skip(&r, 2);
	if (r.failed || udp_len < 8 || udp_len > len)
		return false;
	d.len = udp_len - 8u;
	d.payload = rd_bytes(&r, d.len);
	reader->count->datagrams++;
	reader->visit(reader->arg, &d);
	return true;
}

static struct partial *
find_partial(struct reader *reader, uint32_t source, uint32_t group, uint16_t id)
{
	struct partial *oldest = &reader->partials[0];

	for (int i = 0; i < PARTIAL_COUNT; i++) {
		struct partial *p = &reader->partials[i];

		if (p->used != 0 && p->source == source && p->group == group &&
		    p->id == id)
			return p;
		if (p->used < oldest->used)
			oldest = p;
	}
	oldest->source = source;
	oldest->group = group;
	oldest->id = id;
	oldest->have = oldest->whole = 0;
	return oldest;
}

/* Trusts that fragments neither overlap nor repeat: the captures it is given are
 * made so. */
static bool
put_fragment(struct reader *reader, struct partial *p, int64_t captured_ns,
	     uint16_t flags_offset, const uint8_t *bytes, size_t len)
{
	size_t offset = (size_t)(flags_offset & 0x1fff) * 8;

	reader->count->fragments++;
	p->used = reader->count->frames;
	if (offset + len > sizeof(p->bytes))
		return false;
	memcpy(p->bytes + offset, bytes, len);
	p->have += len;
	if ((flags_offset & 0x2000) == 0)
		p->whole = offset + len;
	if (p->whole == 0 || p->have < p->whole)
		return true;
	p->used = 0;
	return hand_on(reader, p->group, captured_ns, p->bytes, p->whole);
}

static bool
read_ip(struct reader *reader, struct rd *r, int64_t captured_ns)
{
	size_t header = (rd_u8(r) & 0x0f) * 4u, total;
	uint16_t id, flags_offset;
	uint32_t source, group;
	const uint8_t *bytes;
	uint8_t protocol;

	rd_skip(r, 1);
	total = rd_u16(r);
	id = rd_u16(r);
	flags_offset = rd_u16(r);
	rd_skip(r, 1);
	protocol = rd_u8(r);
	rd_skip(r, 2);
	source = rd_u32(r);
	group = rd_u32(r);
	if (r->failed || header < 20 || total < header || protocol != 17 ||
	    group >> 28 != 0xe)
		return false;
	rd_skip(r, header - 20);
	bytes = rd_bytes(r, total - header);
	if (bytes == NULL)
		return false;
	if ((flags_offset & 0x3fff) == 0)
		return hand_on(reader, group, captured_ns, bytes, total - header);
	return put_fragment(reader, find_partial(reader, source, group, id),
			    captured_ns, flags_offset, bytes, total - header);
}

static bool
read_all(struct reader *reader, pcap_t *pcap, const char *file)
{
	struct pcap_pkthdr *h;
	const u_char *bytes;
	int rc;

	while ((rc = pcap_next_ex(pcap, &h, &bytes)) == 1) {
		struct rd r = rd_init(bytes, h->caplen);

		reader->count->frames++;
		if (!skip_link(pcap_datalink(pcap), &r) ||
		    !read_ip(reader, &r, h->ts.tv_sec * NS_PER_S + h->ts.tv_usec))
			reader->count->skipped++;
	}
	if (rc == PCAP_ERROR)
		fprintf(stderr, "%s: %s\n", file, pcap_geterr(pcap));
	return rc == PCAP_ERROR_BREAK;
}

bool
frame_read(const char *file, void (*visit)(void *arg, const struct frame_datagram *d),
	   void *arg, struct frame_count *count)
{
	struct reader reader = {.visit = visit, .arg = arg, .count = count};
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;
	bool ok = false;

	memset(count, 0, sizeof(*count));
	pcap = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO,
						       error);
	if (pcap == NULL) {
		fprintf(stderr, "%s\n", error);
		return false;
	}
	reader.partials = calloc(PARTIAL_COUNT, sizeof(*reader.partials));
	if (reader.partials != NULL)
		ok = read_all(&reader, pcap, file);
	free(reader.partials);
	pcap_close(pcap);
	return ok;
}
