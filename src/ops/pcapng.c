/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/pcapng.h"

#include <string.h>

#define SECTION    0x0a0d0d0a
#define INTERFACE  1
#define STATISTICS 5
#define PACKET     6

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define LINK_ETHERNET    1
#define SNAP_BYTES       262144 /* what tcpdump says; nothing is ever cut */
#define UNKNOWN_LENGTH   UINT64_MAX

enum {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_RESOLUTION = 9,
	PACKET_DROPPED = 4,
	STATISTICS_DELIVERED = 8,
};

#define ETHERNET_BYTES 14
#define IP_BYTES       20
#define UDP_BYTES      8
#define FRAME_BYTES    (ETHERNET_BYTES + IP_BYTES + UDP_BYTES)

/* ---- blocks and options ---- */

static void
pad(struct wr *w, size_t len)
{
	while (len++ % 4 != 0)
		wr_u8(w, 0);
}

/* Returns where the block begins; its length is filled in by end(). */
static uint8_t *
begin(struct wr *w, uint32_t type)
{
	uint8_t *start = w->p;

	wr_u32(w, type);
	wr_u32(w, 0);
	return start;
}

static void
end(struct wr *w, uint8_t *start)
{
	size_t len = (size_t)(w->p - start) + 4;
	struct wr length;

	wr_u32(w, (uint32_t)len);
	if (w->failed)
		return;
	length = wr_init(start + 4, 4);
	wr_u32(&length, (uint32_t)len);
}

static void
put_option(struct wr *w, uint16_t code, const void *value, size_t len)
{
	wr_u16(w, code);
	wr_u16(w, (uint16_t)len);
	wr_bytes(w, value, len);
	pad(w, len);
}

static void
put_text(struct wr *w, uint16_t code, const char *text)
{
	if (text != NULL)
		put_option(w, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static void
put_count(struct wr *w, uint16_t code, uint64_t value)
{
	wr_u16(w, code);
	wr_u16(w, 8);
	wr_u64(w, value);
}

static void
end_options(struct wr *w)
{
	wr_u16(w, OPTION_END);
	wr_u16(w, 0);
}

static void
put_time(struct wr *w, utc_t t)
{
	wr_u64(w, (uint64_t)t.ns); /* the higher half first: as it is */
}

void
pcapng_section(struct wr *w, const char *program, const char *comment)
{
	uint8_t *start = begin(w, SECTION);

	wr_u32(w, BYTE_ORDER_MAGIC);
	wr_u16(w, 1);
	wr_u16(w, 0);
	wr_u64(w, UNKNOWN_LENGTH);
	put_text(w, SECTION_APPLICATION, program);
	put_text(w, OPTION_COMMENT, comment);
	end_options(w);
	end(w, start);
}

void
pcapng_interface(struct wr *w, const char *name, const char *description)
{
	static const uint8_t nanoseconds = 9;
	uint8_t *start = begin(w, INTERFACE);

	wr_u16(w, LINK_ETHERNET);
	wr_u16(w, 0);
	wr_u32(w, SNAP_BYTES);
	put_text(w, INTERFACE_NAME, name);
	put_text(w, INTERFACE_DESCRIPTION, description);
	put_option(w, INTERFACE_RESOLUTION, &nanoseconds, 1);
	end_options(w);
	end(w, start);
}

void
pcapng_statistics(struct wr *w, uint32_t interface, utc_t now, uint64_t packets,
		  const char *comment)
{
	uint8_t *start = begin(w, STATISTICS);

	wr_u32(w, interface);
	put_time(w, now);
	put_text(w, OPTION_COMMENT, comment);
	put_count(w, STATISTICS_DELIVERED, packets);
	end_options(w);
	end(w, start);
}

/* ---- frames ---- */

/* RFC 1112: the group's low 23 bits. From an address that nobody has. */
static void
put_ethernet(struct wr *w, uint32_t group)
{
	static const uint8_t from[6] = {0x02};

	wr_u16(w, 0x0100);
	wr_u8(w, 0x5e);
	wr_u8(w, group >> 16 & 0x7f);
	wr_u16(w, (uint16_t)group);
	wr_bytes(w, from, sizeof(from));
	wr_u16(w, 0x0800);
}

static uint16_t
checksum(const uint16_t *words, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += words[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put_ip(struct wr *w, const struct pcapng_packet *p)
{
	uint16_t words[IP_BYTES / 2] = {
		0x4500, (uint16_t)(IP_BYTES + UDP_BYTES + p->len),
		0,      0x4000, /* not to be fragmented */
		0x0111, 0,      /* one hop, UDP */
	};

	words[6] = (uint16_t)(p->source >> 16);
	words[7] = (uint16_t)p->source;
	words[8] = (uint16_t)(p->group >> 16);
	words[9] = (uint16_t)p->group;
	words[5] = checksum(words, IP_BYTES / 2);
	for (size_t i = 0; i < IP_BYTES / 2; i++)
		wr_u16(w, words[i]);
}

static void
put_udp(struct wr *w, const struct pcapng_packet *p)
{
	wr_u16(w, p->port);
	wr_u16(w, p->port);
	wr_u16(w, (uint16_t)(UDP_BYTES + p->len));
	wr_u16(w, 0);
	wr_bytes(w, p->payload, p->len);
}

void
pcapng_packet(struct wr *w, const struct pcapng_packet *p)
{
	uint8_t *start = begin(w, PACKET);
	uint32_t len = (uint32_t)(FRAME_BYTES + p->len);

	wr_u32(w, p->interface);
	put_time(w, p->captured);
	wr_u32(w, len);
	wr_u32(w, len);
	put_ethernet(w, p->group);
	put_ip(w, p);
	put_udp(w, p);
	pad(w, len);
	for (size_t i = 0; i < PCAPNG_COMMENTS_MAX; i++)
		put_text(w, OPTION_COMMENT, p->comments[i]);
	if (p->dropped > 0)
		put_count(w, PACKET_DROPPED, p->dropped);
	end_options(w);
	end(w, start);
}
