/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2 of the relay; gets frames from capture, hands datagrams to classify
 * and fragments to reassemble; runs on the lane's thread.
 *
 * Each step returns DECAP_DATAGRAM for "nothing is against it so far", and any
 * other verdict ends the walk. Two lengths are kept apart: the cursor ends where
 * the captured bytes end (caplen), and `absent` says how many more were on the
 * wire. A field beyond the first is TRUNCATED, beyond both MALFORMED.
 */
#include <pcap/dlt.h>

#include "base/cursor.h"
#include "path/decap.h"

#define ETHERTYPE_IPV4   0x0800
#define ETHERTYPE_8021Q  0x8100
#define ETHERTYPE_QINQ   0x9100 /* of switches older than 802.1ad */
#define ETHERTYPE_8021AD 0x88a8

#define SLL_LEN   16
#define SLL2_LEN  20
#define NULL_INET 2 /* AF_INET is 2 wherever DLT_NULL is written */

#define IPV4_LEN_MIN   20
#define IPV4_MORE      0x2000
#define IPV4_OFFSET    0x1fff
#define PROTOCOL_UDP   17
#define UDP_LEN        8
#define ADDR_BROADCAST 0xffffffffU

struct walk {
	struct rd rd;
	size_t absent;
};

/* The fields of an IPv4 header that later steps need. */
struct ipv4 {
	size_t header_bytes;
	uint16_t total_bytes;
	uint16_t id;
	uint16_t flags_offset;
	uint8_t protocol;
};

const char *
decap_verdict_name(enum decap_verdict verdict)
{
	static const char *const names[DECAP_VERDICT_COUNT] = {
#define X(id, name, help) [DECAP_##id] = name,
		DECAP_VERDICTS(X)
#undef X
	};

	return names[verdict];
}

static enum decap_verdict
need(const struct walk *w, size_t bytes)
{
	size_t left = rd_left(&w->rd);

	if (left >= bytes)
		return DECAP_DATAGRAM;
	return left + w->absent >= bytes ? DECAP_TRUNCATED : DECAP_MALFORMED;
}

static bool
is_vlan(uint16_t type)
{
	return type == ETHERTYPE_8021Q || type == ETHERTYPE_8021AD ||
	       type == ETHERTYPE_QINQ;
}

/* From behind an EtherType to the IPv4 header. 802.3 lengths with LLC behind
 * them fall out as NOT_IPV4: no exchange puts IPv4 into SNAP. */
static enum decap_verdict
strip_tags(struct walk *w, uint16_t type, struct datagram *d)
{
	while (is_vlan(type)) {
		enum decap_verdict v = need(w, 4);

		if (v != DECAP_DATAGRAM)
			return v;
		if (d->vlan_count == VLAN_TAGS_MAX)
			return DECAP_MALFORMED;
		d->vlan[d->vlan_count++] = rd_u16(&w->rd);
		type = rd_u16(&w->rd);
	}
	return type == ETHERTYPE_IPV4 ? DECAP_DATAGRAM : DECAP_NOT_IPV4;
}

/* A link header of `bytes` with the EtherType at `type_offset`. */
static enum decap_verdict
strip_typed(struct walk *w, size_t bytes, size_t type_offset, struct datagram *d)
{
	enum decap_verdict v = need(w, bytes);
	uint16_t type;

	if (v != DECAP_DATAGRAM)
		return v;
	rd_skip(&w->rd, type_offset);
	type = rd_u16(&w->rd);
	rd_skip(&w->rd, bytes - type_offset - 2);
	return strip_tags(w, type, d);
}

/* The address family in the byte order of the host that captured. */
static enum decap_verdict
strip_null(struct walk *w)
{
	enum decap_verdict v = need(w, 4);
	uint32_t family;

	if (v != DECAP_DATAGRAM)
		return v;
	family = rd_u32(&w->rd);
	if (family == NULL_INET || family == (uint32_t)NULL_INET << 24)
		return DECAP_DATAGRAM;
	return DECAP_NOT_IPV4;
}

/* Nothing in front of the IP header, whose version is all there is to tell. */
static enum decap_verdict
strip_raw(const struct walk *w)
{
	struct rd peek = w->rd;
	enum decap_verdict v = need(w, 1);

	if (v != DECAP_DATAGRAM)
		return v;
	return rd_u8(&peek) >> 4 == 4 ? DECAP_DATAGRAM : DECAP_NOT_IPV4;
}

static enum decap_verdict
strip_link(struct walk *w, int link_type, struct datagram *d)
{
	switch (link_type) {
	case DLT_EN10MB: return strip_typed(w, 14, 12, d);
	case DLT_LINUX_SLL: return strip_typed(w, SLL_LEN, 14, d);
	case DLT_LINUX_SLL2: return strip_typed(w, SLL2_LEN, 0, d);
	case DLT_NULL: return strip_null(w);
	case DLT_RAW: return strip_raw(w);
	case DLT_IPV4: return DECAP_DATAGRAM;
	}
	return DECAP_LINK_TYPE;
}

static enum decap_verdict
read_ipv4(struct walk *w, struct ipv4 *ip, struct datagram *d)
{
	enum decap_verdict v = need(w, IPV4_LEN_MIN);
	uint8_t version_length;

	if (v != DECAP_DATAGRAM)
		return v;
	version_length = rd_u8(&w->rd);
	d->dscp = rd_u8(&w->rd) >> 2;
	ip->total_bytes = rd_u16(&w->rd);
	ip->id = rd_u16(&w->rd);
	ip->flags_offset = rd_u16(&w->rd);
	d->ttl = rd_u8(&w->rd);
	ip->protocol = rd_u8(&w->rd);
	rd_skip(&w->rd, 2);
	d->source = rd_u32(&w->rd);
	d->group = rd_u32(&w->rd);
	ip->header_bytes = (version_length & 0xfU) * 4;
	if (version_length >> 4 != 4 || ip->header_bytes < IPV4_LEN_MIN)
		return DECAP_MALFORMED;
	return DECAP_DATAGRAM;
}

static enum decap_verdict
check_address(const struct datagram *d)
{
	if (d->group >> 28 != 0xe)
		return DECAP_NOT_MULTICAST;
	if (d->group >> 8 == 0xe00000)
		return DECAP_LINK_LOCAL;
	if (d->source == 0 || d->source >> 28 == 0xe || d->source == ADDR_BROADCAST)
		return DECAP_MULTICAST_SOURCE;
	return DECAP_DATAGRAM;
}

/* Skips the options and narrows the cursor to the IP payload, so that Ethernet
 * padding and trailers are gone. A total length of 0 is what a segmentation
 * offload leaves in frames that never were on a wire like this: there is no
 * telling where such a datagram ends. */
static enum decap_verdict
narrow(struct walk *w, const struct ipv4 *ip)
{
	enum decap_verdict v;

	if (ip->total_bytes < ip->header_bytes)
		return DECAP_MALFORMED;
	v = need(w, ip->total_bytes - (size_t)IPV4_LEN_MIN);
	if (v != DECAP_DATAGRAM)
		return v;
	w->rd.end = w->rd.p + ip->total_bytes - IPV4_LEN_MIN;
	rd_skip(&w->rd, ip->header_bytes - IPV4_LEN_MIN);
	return DECAP_DATAGRAM;
}

static void
fill_fragment(struct fragment *f, const struct ipv4 *ip, const struct walk *w,
	      const struct datagram *d)
{
	f->source = d->source;
	f->group = d->group;
	f->id = ip->id;
	f->protocol = ip->protocol;
	f->ttl = d->ttl;
	f->dscp = d->dscp;
	f->offset_bytes = (uint16_t)((ip->flags_offset & IPV4_OFFSET) * 8U);
	f->more = (ip->flags_offset & IPV4_MORE) != 0;
	f->bytes = w->rd.p;
	f->len = rd_left(&w->rd);
	f->vlan_count = d->vlan_count;
	memcpy(f->vlan, d->vlan, sizeof(f->vlan));
	f->captured = d->captured;
}

/*
 * RFC 768: Length covers the header and all of the data. Larger than the IP
 * payload (or smaller than the header) it contradicts the datagram around it:
 * BAD_LENGTH. Smaller, it contradicts nothing; what lies behind it is no data.
 * Every receiver's stack cuts it off, and RFC 9868 puts UDP options there. So
 * the payload ends where UDP says, as it would for a member of the group.
 */
enum decap_verdict
decap_udp(const uint8_t *ip_payload, size_t len, struct datagram *datagram)
{
	struct rd rd = rd_init(ip_payload, len);
	size_t udp_bytes;

	datagram->source_port = rd_u16(&rd);
	datagram->port = rd_u16(&rd);
	udp_bytes = rd_u16(&rd);
	rd_skip(&rd, 2);
	if (rd.failed || udp_bytes < UDP_LEN || udp_bytes > len)
		return DECAP_BAD_LENGTH;
	datagram->payload = rd.p;
	datagram->len = udp_bytes - UDP_LEN;
	return DECAP_DATAGRAM;
}

/* IPv4 and what is in it. */
static enum decap_verdict
open_ipv4(struct walk *w, struct datagram *d, struct fragment *f)
{
	struct ipv4 ip;
	enum decap_verdict v = read_ipv4(w, &ip, d);

	if (v != DECAP_DATAGRAM)
		return v;
	if (ip.protocol != PROTOCOL_UDP)
		return DECAP_NOT_UDP;
	v = check_address(d);
	if (v != DECAP_DATAGRAM)
		return v;
	v = narrow(w, &ip);
	if (v != DECAP_DATAGRAM)
		return v;
	if (ip.flags_offset & (IPV4_MORE | IPV4_OFFSET)) {
		fill_fragment(f, &ip, w, d);
		return DECAP_FRAGMENT;
	}
	return decap_udp(w->rd.p, rd_left(&w->rd), d);
}

enum decap_verdict
decap_frame(const struct frame *frame, struct datagram *datagram,
	    struct fragment *fragment)
{
	struct walk w = {.rd = rd_init(frame->bytes, frame->caplen)};
	enum decap_verdict v;

	/* A capture file may say a smaller len than caplen; what is here was there. */
	if (frame->len > frame->caplen)
		w.absent = frame->len - frame->caplen;
	*datagram = (struct datagram){.captured = frame->captured};
	v = strip_link(&w, frame->link_type, datagram);
	if (v != DECAP_DATAGRAM)
		return v;
	return open_ipv4(&w, datagram, fragment);
}
