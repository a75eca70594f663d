/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PCAPNG_H
#define TOMBOLO_PCAPNG_H
/*
 * Writes a capture file as Wireshark reads it: pcapng (draft-ietf-opsawg-pcapng), in
 * big-endian order, which readers take as well as the other. Only payloads are
 * remembered, so each datagram gets a frame that is made up around it: Ethernet to the
 * group's address, IPv4, UDP without a checksum. Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/cursor.h"

/* What a block takes at most, besides the payload and the texts, which are cut to
 * PCAPNG_TEXT_MAX bytes. */
#define PCAPNG_TEXT_MAX     512
#define PCAPNG_COMMENTS_MAX 2
#define PCAPNG_BLOCK_BYTES  (128 + (PCAPNG_COMMENTS_MAX + 1) * (PCAPNG_TEXT_MAX + 8))

struct pcapng_packet {
	uint32_t interface; /* counts the interface blocks from 0 */
	utc_t captured;
	uint32_t source, group; /* host byte order; 0: not known */
	uint16_t port;          /* both ends' */
	const uint8_t *payload;
	size_t len;
	uint64_t dropped;                          /* before it; 0: none known of */
	const char *comments[PCAPNG_COMMENTS_MAX]; /* or NULL */
};

/* The beginning of the file. */
void pcapng_section(struct wr *w, const char *program, const char *comment);
/* Time stamps are in nanoseconds. */
void pcapng_interface(struct wr *w, const char *name, const char *description);
void pcapng_packet(struct wr *w, const struct pcapng_packet *p);
/* At the end, for an interface: how many packets of it were written. comment: or NULL */
void pcapng_statistics(struct wr *w, uint32_t interface, utc_t now, uint64_t packets,
		       const char *comment);

#endif
