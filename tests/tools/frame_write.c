/* SPDX-License-Identifier: Apache-2.0 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "frame.h"

#define IP_HEADER  20
#define UDP_HEADER 8
#define LINK_MAX   (14 + 2 * 4)

struct frame_writer {
	struct frame_style style;
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	uint16_t ip_id;
	uint8_t segment[UDP_HEADER + FRAME_PAYLOAD_MAX];
	uint8_t frame[LINK_MAX + IP_HEADER + UDP_HEADER + FRAME_PAYLOAD_MAX];
};

/* RFC 1071, not yet folded. */
static uint32_t
add_words(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
	return sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

struct frame_writer *
frame_writer_open(const char *file, const struct frame_style *s)
{
	struct frame_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->style = *s;
	w->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 262144,
						       PCAP_TSTAMP_PRECISION_NANO);
	if (w->pcap != NULL)
		w->dumper = pcap_dump_open(w->pcap, file);
	if (w->dumper != NULL)
		return w;
	fprintf(stderr, "%s: %s\n", file,
		w->pcap != NULL ? pcap_geterr(w->pcap) : "no memory");
	if (w->pcap != NULL)
		pcap_close(w->pcap);
	free(w);
	return NULL;
}

/* The group's address of RFC 1112 §6.4, from a locally administered station. */
static void
put_link(struct frame_writer *w, struct wr *out, uint32_t group)
{
	static const uint8_t station[6] = {0x02, 0, 0, 0, 0, 0x01};

	wr_be(out, 0x01005e000000 | (group & 0x7fffff), 6);
	wr_bytes(out, station, sizeof(station));
	for (unsigned int i = 0; i < w->style.vlan_count; i++) {
		wr_u16(out, i + 1 < w->style.vlan_count ? 0x88a8 : 0x8100);
		wr_u16(out, w->style.vlan[i]);
	}
	wr_u16(out, 0x0800);
}

static void
put_ip(struct frame_writer *w, struct wr *out, uint32_t group, uint16_t flags_offset,
       size_t len)
{
	uint8_t *header = out->p;
	struct wr sum;

	wr_u16(out, 0x4500);
	wr_u16(out, (uint16_t)(IP_HEADER + len));
	wr_u16(out, w->ip_id);
	wr_u16(out, flags_offset);
	wr_u16(out, 8 << 8 | 17); /* TTL, UDP */
	wr_u16(out, 0);
	wr_u32(out, w->style.source);
	wr_u32(out, group);
	sum = wr_init(header + 10, 2);
	wr_u16(&sum, fold(add_words(0, header, IP_HEADER)));
}

static size_t
put_udp(struct frame_writer *w, const struct frame_datagram *d)
{
	size_t len = UDP_HEADER + d->len;
	uint32_t pseudo = (w->style.source >> 16) + (w->style.source & 0xffff) +
			  (d->group >> 16) + (d->group & 0xffff) + 17 + (uint32_t)len;
	struct wr out = wr_init(w->segment, len);
	uint16_t checksum;

	wr_u16(&out, w->style.source_port);
	wr_u16(&out, d->port);
	wr_u16(&out, (uint16_t)len);
	wr_u16(&out, 0);
	wr_bytes(&out, d->payload, d->len);
	checksum = fold(add_words(pseudo, w->segment, len));
	out = wr_init(w->segment + 6, 2);
	wr_u16(&out, checksum != 0 ? checksum : 0xffff);
	return len;
}

static void
put_fragment(struct frame_writer *w, const struct frame_datagram *d, size_t offset,
	     size_t len, bool more)
{
	struct wr out = wr_init(w->frame, sizeof(w->frame));
	struct pcap_pkthdr h = {.ts = {.tv_sec = d->captured_ns / NS_PER_S,
				       .tv_usec = d->captured_ns % NS_PER_S}};

	put_link(w, &out, d->group);
	put_ip(w, &out, d->group, (uint16_t)((more ? 0x2000 : 0) | offset / 8), len);
	wr_bytes(&out, w->segment + offset, len);
	h.caplen = h.len = (bpf_u_int32)(sizeof(w->frame) - wr_left(&out));
	pcap_dump((u_char *)w->dumper, &h, w->frame);
}

void
frame_write(struct frame_writer *w, const struct frame_datagram *d)
{
	size_t len = put_udp(w, d), piece = len;

	if (w->style.mtu != 0 && IP_HEADER + len > w->style.mtu)
		piece = (w->style.mtu - IP_HEADER) & ~(size_t)7;
	w->ip_id++;
	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		put_fragment(w, d, at, n, at + n < len);
	}
}

bool
frame_writer_close(struct frame_writer *w)
{
	bool ok = pcap_dump_flush(w->dumper) == 0;

	pcap_dump_close(w->dumper);
	pcap_close(w->pcap);
	free(w);
	return ok;
}
