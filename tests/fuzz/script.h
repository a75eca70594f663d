/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SCRIPT_H
#define TOMBOLO_SCRIPT_H
/*
 * What fuzz_relay_input and fuzz_peer_input do is written in their input, so that a
 * conversation of real cores can be a seed: seed_input writes such scripts.
 *
 * A script is one byte of options and then steps. A step is one byte, the kind in
 * its low four bits and the number of the path in the next one, and what the kind
 * needs. Of one that the input cuts short the rest is left out.
 */
#include <pcap/dlt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "path/classify.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"

/* Options. */
#define SCRIPT_GREETED   0x01 /* begins with path 0 open, a stream */
#define SCRIPT_IMMEDIATE 0x02 /* peer: delivery of the channels */
#define SCRIPT_TIGHT     0x04 /* little memory, short ages */
#define SCRIPT_FILE      0x08 /* relay: a capture file */
#define SCRIPT_SHEDS     0x10 /* relay: prefers the present */
#define SCRIPT_STALE     0x20 /* peer: with max_age */

enum script_step {
	STEP_BYTES, /* u16 length, as many bytes: received */
	STEP_FRAME, /* type, flags, u16 length, as many bytes: one frame, received */
	STEP_WAIT,  /* u16, times 50 us: then a tick */
	STEP_FILL,  /* bits 0-1 which limit, 2-5 how often at most, less one */
	STEP_UP,    /* bit 0: a datagram path */
	STEP_DOWN,
	STEP_DRAIN,   /* relay: bit 0 patient, bit 1 gives up */
	STEP_CAPTURE, /* relay: channel, how many, u16 length */
	STEP_DROP,    /* relay: point, count */
	STEP_EMIT,    /* peer: how many, a verdict each two bits of a byte, in turn */
	STEP_CHANGE, /* relay: bits 0-2 listed, 3-4 place; peer: delivery, group, age */
	STEP_KINDS
};

#define SCRIPT_PATHS       2
#define SCRIPT_CHANNELS    3 /* with channel 0 */
#define SCRIPT_EPOCH       UINT64_C(0xe90c)
#define SCRIPT_INSTANCE    UINT64_C(0x1257)
#define SCRIPT_WAIT_NS     (50 * NS_PER_US)
#define SCRIPT_CAP         (72 * 1024)
#define SCRIPT_BYTES_MAX   (1 << 16)
#define SCRIPT_PAYLOAD_MAX 2048 /* of a captured datagram */
#define SCRIPT_HEADERS     42   /* Ethernet, IPv4, UDP */
#define SCRIPT_FRAME_BYTES (SCRIPT_HEADERS + SCRIPT_PAYLOAD_MAX)

/* For our bugs; wire input must never get here. */
#define CHECK(condition)                                                   \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

static inline struct now
script_start(void)
{
	return (struct now){.mono = {1000 * NS_PER_S}, .utc = {1790000000 * NS_PER_S}};
}

static inline size_t
script_limit(uint8_t choice)
{
	static const size_t limits[] = {512, 1400, 4096, 16384};

	return limits[choice & 3];
}

static inline const struct session_settings *
script_session(void)
{
	static const struct session_settings session = {
		.heartbeat_ns = 200 * NS_PER_MS, .path_timeout_ns = 600 * NS_PER_MS};

	return &session;
}

struct script_relay {
	struct relay_settings settings;
	struct remote_settings remote;
	/* The last one comes by STEP_CHANGE only. */
	struct channel_settings channels[SCRIPT_CHANNELS];
};

static inline void
script_relay_settings(struct script_relay *s, uint8_t options)
{
	static char interface[] = "fuzz", file[] = "fuzz.pcap";
	bool tight = (options & SCRIPT_TIGHT) != 0;

	*s = (struct script_relay){.remote = {.name = "vpc"}};
	for (unsigned int i = 0; i < SCRIPT_CHANNELS; i++) {
		snprintf(s->channels[i].name, NAME_BYTES_MAX, "ch%u", i + 1);
		s->channels[i].group = 0xe9250001U + i;
		s->channels[i].port = (uint16_t)(30001 + i);
	}
	if (options & SCRIPT_SHEDS) {
		s->remote.shed_age_ns = 10 * NS_PER_MS;
		s->remote.shed_bytes = 3000;
	}
	s->settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = options & SCRIPT_FILE ? NULL : interface,
			    .file = options & SCRIPT_FILE ? file : NULL,
			    .fragment_datagrams = 1,
			    .fragment_timeout_ns = NS_PER_S},
		.channels = s->channels,
		.channel_count = SCRIPT_CHANNELS - 1,
		.history = {.memory_bytes = tight ? 16384 : 1 << 20,
			    .age_ns = tight ? 50 * NS_PER_MS : 10 * NS_PER_S,
			    .channels = SCRIPT_CHANNELS},
		.remotes = &s->remote,
		.remote_count = 1,
		.session = *script_session(),
	};
}

/* A datagram of channel 1 or 2 as captured; the payload is what bytes has there. */
static inline void
script_frame(const struct script_relay *s, uint8_t channel, uint16_t len,
	     uint8_t bytes[SCRIPT_FRAME_BYTES], struct frame *f)
{
	const struct channel_settings *c =
		&s->channels[channel == UINT8_MAX ? SCRIPT_CHANNELS - 1
						  : channel % (SCRIPT_CHANNELS - 1)];
	struct wr w = wr_init(bytes, SCRIPT_HEADERS);

	wr_be(&w, 0x01005e25, 6);
	wr_be(&w, 0x02000000, 6);
	wr_u32(&w, 0x08004500);
	wr_u16(&w, (uint16_t)(28 + len));
	wr_u32(&w, 0x00004000);
	wr_u32(&w, 0x10110000);
	wr_u32(&w, 0x0a000009);
	wr_u32(&w, c->group);
	wr_u16(&w, 4000);
	wr_u16(&w, c->port);
	wr_u16(&w, (uint16_t)(8 + len));
	wr_u16(&w, 0);
	CHECK(!w.failed && wr_left(&w) == 0 && len <= SCRIPT_PAYLOAD_MAX);
	f->link_type = DLT_EN10MB;
	f->bytes = bytes;
	f->caplen = f->len = SCRIPT_HEADERS + (size_t)len;
}

static inline void
script_change(struct script_relay *s, struct relay *r, struct now now, uint8_t arg)
{
	struct channel_settings listed[SCRIPT_CHANNELS];
	uint16_t ids[SCRIPT_CHANNELS];
	size_t n = 0;

	for (unsigned int i = 0; i < SCRIPT_CHANNELS; i++) {
		s->channels[i].group = 0xe9250001U + i + 0x100U * (arg >> 3 & 3);
		if (arg & 1 << i)
			listed[n++] = s->channels[i];
	}
	CHECK(relay_place_channels(r, listed, n, ids) <= relay_channel_capacity(r));
	classify_free(relay_set_channels(r, now, listed, n, ids,
					 classify_new(listed, n, ids)));
}

struct script_peer {
	struct peer_settings settings;
	struct remote_settings remote;
	struct output_settings outputs[SCRIPT_CHANNELS - 1];
};

static inline void
script_peer_settings(struct script_peer *s, uint8_t options)
{
	bool tight = (options & SCRIPT_TIGHT) != 0;

	*s = (struct script_peer){.remote = {.name = "colo"}};
	for (unsigned int i = 0; i < SCRIPT_CHANNELS - 1; i++) {
		struct output_settings *o = &s->outputs[i];

		snprintf(o->name, NAME_BYTES_MAX, "ch%u", i + 1);
		o->delivery = options & SCRIPT_IMMEDIATE ? DELIVERY_IMMEDIATE
							 : DELIVERY_ORDERED;
		o->max_age_ns = options & SCRIPT_STALE ? 20 * NS_PER_MS : 0;
	}
	s->settings = (struct peer_settings){
		.node = "vpc",
		.remotes = &s->remote,
		.remote_count = 1,
		.outputs = s->outputs,
		.output_count = SCRIPT_CHANNELS - 1,
		.recovery = {.give_up_ns = 100 * NS_PER_MS,
			     .window_datagrams = tight ? 16 : 256,
			     .memory_bytes = (tight ? 36 : 256) * POOL_CHUNK_BYTES,
			     .channels = SCRIPT_CHANNELS + 1},
		.session = *script_session(),
	};
}

/* A greeting as the other half would say it, for SCRIPT_GREETED. */
static inline struct wire_greeting
script_greeting(const char *node)
{
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = SCRIPT_EPOCH,
				  .instance = SCRIPT_INSTANCE,
				  .greeting = 1,
				  .total = SCRIPT_CHANNELS};

	wire_set_name(&g.node, node);
	return g;
}

/* Everything that a core says is whole frames. */
static inline void
script_check_frames(const uint8_t *bytes, size_t len)
{
	struct wire_frame f;
	size_t size;

	for (size_t at = 0; at < len; at += size) {
		CHECK(wire_next(bytes + at, len - at, &f, &size) == WIRE_WHOLE);
		CHECK(f.type >= WIRE_HELLO && f.type <= WIRE_DEMAND);
	}
}

/* What the process has allocated, as far as a sanitizer knows; else 0. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t
script_allocated(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL
		       ? __sanitizer_get_current_allocated_bytes()
		       : 0;
}

/* The bytes of a STEP_BYTES or STEP_FRAME, in memory of their exact size, where a read
 * past it shows; to be freed. NULL: the script ends within the step's head. */
static inline uint8_t *
script_received(struct rd *r, enum script_step step, size_t *len)
{
	uint8_t type = step == STEP_FRAME ? rd_u8(r) : 0;
	uint8_t flags = step == STEP_FRAME ? rd_u8(r) : 0;
	size_t head = step == STEP_FRAME ? WIRE_HEADER_BYTES : 0, n = rd_u16(r);
	uint8_t *bytes;
	struct wr w;

	if (r->failed)
		return NULL;
	if (n > rd_left(r))
		n = rd_left(r);
	*len = head + n;
	bytes = malloc(*len + 1);
	CHECK(bytes != NULL);
	w = wr_init(bytes + 1, *len);
	if (step == STEP_FRAME) {
		wr_u8(&w, type);
		wr_u8(&w, flags);
		wr_u16(&w, (uint16_t)n);
	}
	if (n > 0)
		wr_bytes(&w, rd_bytes(r, n), n);
	return bytes;
}

static inline void
script_redirect(struct script_peer *s, struct peer *p, struct now now, uint8_t arg)
{
	for (unsigned int i = 0; i < SCRIPT_CHANNELS - 1; i++) {
		struct output_settings *o = &s->outputs[i];

		o->delivery = arg & 1 << i ? DELIVERY_IMMEDIATE : DELIVERY_ORDERED;
		o->group = arg & 4 << i ? 0xef000001U + i : 0;
		o->max_age_ns = arg & 16 ? 20 * NS_PER_MS : 0;
	}
	peer_settings_changed(p, now);
}

#endif
