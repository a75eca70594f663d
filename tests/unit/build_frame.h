/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BUILD_FRAME_H
#define TOMBOLO_BUILD_FRAME_H
/* Frames for the tests of the relay's front: every field can be set to a lie. */
#include "base/cursor.h"
#include "path/decap.h"

#define BUILD_GROUP  0xe9253601U /* 233.37.54.1 */
#define BUILD_SOURCE 0x0a000009U /* 10.0.0.9 */
#define BUILD_PORT   30001

struct build {
	struct wr wr;
	uint8_t bytes[70000];
};

struct build_ip {
	uint32_t source, group;
	uint16_t id;
	uint16_t flags_offset;
	uint8_t protocol, ttl, tos, version;
	uint8_t option_words;
	int total; /* -1: as it is */
};

#define BUILD_IP                                   \
	((struct build_ip){.source = BUILD_SOURCE, \
			   .group = BUILD_GROUP,   \
			   .id = 7,                \
			   .protocol = 17,         \
			   .ttl = 5,               \
			   .tos = 0xb8,            \
			   .version = 4,           \
			   .total = -1})

static inline void
build_start(struct build *b)
{
	b->wr = wr_init(b->bytes, sizeof(b->bytes));
}

static inline size_t
build_len(const struct build *b)
{
	return sizeof(b->bytes) - wr_left(&b->wr);
}

static inline void
build_ethernet(struct build *b, uint16_t type)
{
	static const uint8_t addresses[12] = {1, 0, 0x5e, 0x25, 0x36, 1,
					      2, 0, 0,    0,    0,    9};

	wr_bytes(&b->wr, addresses, sizeof(addresses));
	wr_u16(&b->wr, type);
}

static inline void
build_ipv4(struct build *b, const struct build_ip *ip, size_t payload_len)
{
	size_t header = 20U + ip->option_words * 4U;

	wr_u8(&b->wr, (uint8_t)(ip->version << 4 | header / 4));
	wr_u8(&b->wr, ip->tos);
	wr_u16(&b->wr,
	       (uint16_t)(ip->total < 0 ? (int)(header + payload_len) : ip->total));
	wr_u16(&b->wr, ip->id);
	wr_u16(&b->wr, ip->flags_offset);
	wr_u8(&b->wr, ip->ttl);
	wr_u8(&b->wr, ip->protocol);
	wr_u16(&b->wr, 0);
	wr_u32(&b->wr, ip->source);
	wr_u32(&b->wr, ip->group);
	for (size_t i = 0; i < ip->option_words; i++)
		wr_u32(&b->wr, 0x01010101); /* no operation */
}

static inline void
build_udp(struct build *b, uint16_t udp_len)
{
	wr_u16(&b->wr, 40000);
	wr_u16(&b->wr, BUILD_PORT);
	wr_u16(&b->wr, udp_len);
	wr_u16(&b->wr, 0xbad0); /* checksums are not looked at */
}

static inline void
build_payload(struct build *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		wr_u8(&b->wr, (uint8_t)(i * 7 + 3));
}

/* IPv4, UDP and len bytes. */
static inline void
build_datagram(struct build *b, const struct build_ip *ip, size_t len)
{
	build_ipv4(b, ip, len + 8);
	build_udp(b, (uint16_t)(len + 8));
	build_payload(b, len);
}

static inline struct frame
build_frame(const struct build *b, int link_type)
{
	return (struct frame){
		.link_type = link_type,
		.captured = {1234567890},
		.bytes = b->bytes,
		.caplen = build_len(b),
		.len = build_len(b),
	};
}

#endif
