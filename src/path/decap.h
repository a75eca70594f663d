/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DECAP_H
#define TOMBOLO_DECAP_H
/*
 * Stage 2 of the relay: a captured frame becomes a UDP datagram, or a reason
 * why not. Pure: frame bytes in, verdict out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define VLAN_TAGS_MAX 4

/* One reason each; every frame gets exactly one. Counted by name. */
#define DECAP_VERDICTS(X)                                                             \
	X(DATAGRAM, "datagram", "a whole UDP datagram to a multicast group")          \
	X(FRAGMENT, "fragment", "an IP fragment: to be given to reassemble_put()")    \
	X(NOT_IPV4, "not_ipv4", "another protocol than IPv4, IPv6 among them")        \
	X(NOT_UDP, "not_udp", "IPv4 that is not UDP")                                 \
	X(NOT_MULTICAST, "not_multicast", "the destination is not a multicast group") \
	X(LINK_LOCAL, "link_local", "to 224.0.0.0/24, which is never bridged")        \
	X(MULTICAST_SOURCE, "multicast_source", "the source is no unicast address")   \
	X(TRUNCATED, "truncated", "cut by the snapshot length")                       \
	X(MALFORMED, "malformed", "a header that contradicts itself")                 \
	X(BAD_LENGTH, "bad_length", "a UDP length that its IP datagram cannot hold")  \
	X(LINK_TYPE, "link_type", "a link type that is not understood")

enum decap_verdict {
#define X(id, name, help) DECAP_##id,
	DECAP_VERDICTS(X)
#undef X
		DECAP_VERDICT_COUNT
};

/* As in the X list: "datagram", "not_ipv4", … */
const char *decap_verdict_name(enum decap_verdict verdict);

/* Host byte order. The payload is borrowed from the frame (or, after
 * reassembly, from the pool) until the next call. */
struct datagram {
	uint32_t group;
	uint32_t source;
	uint16_t port;
	uint16_t source_port;
	uint8_t ttl;
	uint8_t dscp;
	uint8_t vlan_count;
	uint16_t vlan[VLAN_TAGS_MAX]; /* TCI, outermost first */
	utc_t captured;
	const uint8_t *payload;
	size_t len;
};

/* What a fragment is, for reassemble_put(); filled when DECAP_FRAGMENT. */
struct fragment {
	uint32_t source;
	uint32_t group;
	uint16_t id;
	uint8_t protocol;
	uint8_t ttl, dscp;
	uint16_t offset_bytes;
	bool more;
	const uint8_t *bytes; /* IP payload of this fragment, borrowed */
	size_t len;
	uint8_t vlan_count;
	uint16_t vlan[VLAN_TAGS_MAX];
	utc_t captured;
};

struct frame {
	int link_type; /* a DLT_ value of pcap(3) */
	utc_t captured;
	const uint8_t *bytes;
	size_t caplen; /* bytes present */
	size_t len;    /* bytes on the wire */
};

/* Understands DLT_EN10MB (802.1Q, 802.1ad, stacked up to VLAN_TAGS_MAX),
 * DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_IPV4 and DLT_NULL. IPv4 options
 * are skipped; what stands behind the IP total length (padding, trailers) is cut.
 * Checksums are not verified: a capture sees them before the interface filled
 * them in (offload), and what a NIC found broken does not get here.
 *
 * What a frame is comes before what is wrong with it: protocol, then group, then
 * source, then lengths, so that TRUNCATED, MALFORMED and BAD_LENGTH tell of
 * multicast UDP only (or of headers too broken to know), and no fragment is
 * handed on that could not become a datagram. *datagram is filled for
 * DECAP_DATAGRAM and *fragment for DECAP_FRAGMENT; otherwise both are scratch.
 * RFC 791, 768, 1112; IEEE 802.1Q; LINKTYPE_ registry of tcpdump.org. */
enum decap_verdict decap_frame(const struct frame *frame, struct datagram *datagram,
			       struct fragment *fragment);

/* Shared with reassembly: the UDP header and payload of a whole IP payload. The
 * other fields of datagram are filled by the caller. Returns DECAP_DATAGRAM or
 * DECAP_BAD_LENGTH. */
enum decap_verdict decap_udp(const uint8_t *ip_payload, size_t len,
			     struct datagram *datagram);

#endif
