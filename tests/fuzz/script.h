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
#include <stdbool.h>
#include <stdint.h>

#include "../unit/core_rig.h"
#include "base/cursor.h"
#include "holds.h"
#include "path/peer.h"
#include "path/relay.h"

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
#define SCRIPT_WAIT_NS     (50 * NS_PER_US)
#define SCRIPT_CAP         (72 * 1024)
#define SCRIPT_BYTES_MAX   (1 << 16)
#define SCRIPT_PAYLOAD_MAX 2048 /* of a captured datagram */
#define SCRIPT_HEADERS     (CORE_RIG_ETHERNET + CORE_RIG_HEADERS)
#define SCRIPT_FRAME_BYTES (SCRIPT_HEADERS + SCRIPT_PAYLOAD_MAX)

/* ---- what a core is told by the options ---- */

struct script_relay {
	struct relay_settings settings;
	struct remote_settings remote;
	/* The last one comes by STEP_CHANGE only. */
	struct channel_settings channels[SCRIPT_CHANNELS];
};

struct script_peer {
	struct peer_settings settings;
	struct remote_settings remote;
	struct output_settings outputs[SCRIPT_CHANNELS - 1];
};

void script_relay_settings(struct script_relay *s, uint8_t options);
void script_peer_settings(struct script_peer *s, uint8_t options);
/* A greeting as the other half would say it, for SCRIPT_GREETED. */
struct wire_greeting script_greeting(const char *node);

/* ---- what steps do to a core ---- */

/* How much a fill may hold, by the bits of a STEP_FILL. */
size_t script_limit(uint8_t choice);
/* A datagram of channel 1 or 2 as captured; the payload is what bytes has there. */
void script_frame(const struct script_relay *s, uint8_t channel, uint16_t len,
		  uint8_t bytes[SCRIPT_FRAME_BYTES], struct frame *f);
/* Of a STEP_EMIT: what became of the datagram of this number. */
enum emit_verdict script_verdict(uint8_t pattern, size_t number);
/* STEP_CHANGE, of either half. */
void script_change(struct script_relay *s, struct relay *r, struct now now,
		   uint8_t arg);
void script_redirect(struct script_peer *s, struct peer *p, struct now now,
		     uint8_t arg);

/* ---- a script is run ---- */

/* What the shell of either half keeps. */
struct script_shell {
	const struct script_half *half;
	struct now now;
	size_t allocated;
	bool up[SCRIPT_PATHS], stream[SCRIPT_PATHS], close[SCRIPT_PATHS];
	/* Of a stream: what was not taken yet. */
	uint8_t inbox[SCRIPT_PATHS][2 * SCRIPT_BYTES_MAX];
	size_t inbox_len[SCRIPT_PATHS];
	uint8_t out[SCRIPT_CAP];
};

/* In what the halves differ. The shell is the first member of their own. */
struct script_half {
	void (*start)(struct script_shell *x, uint8_t options);
	/* Path 0 comes up and its session opens. */
	void (*greet)(struct script_shell *x);
	void (*up)(struct script_shell *x, unsigned int slot, enum path_kind kind);
	void (*down)(struct script_shell *x, unsigned int slot);
	void (*receive)(struct script_shell *x, unsigned int slot, const uint8_t *bytes,
			size_t len);
	size_t (*fill)(struct script_shell *x, unsigned int slot, size_t limit,
		       size_t cap);
	void (*tick)(struct script_shell *x);
	/* The kinds of steps that are not for both. */
	void (*step)(struct script_shell *x, enum script_step step, struct rd *r);
	/* It is to end; what it does meanwhile beside its paths, if anything; has it? */
	void (*leave)(struct script_shell *x);
	void (*work)(struct script_shell *x);
	bool (*has_left)(struct script_shell *x);
	/* What must hold after every step. */
	void (*check)(struct script_shell *x);
};

/* All of it, and then the end, which must come; the core is still there. */
void script_run(struct script_shell *x, const struct script_half *half,
		const uint8_t *data, size_t size);

void script_path_up(struct script_shell *x, unsigned int slot, bool stream);
void script_path_down(struct script_shell *x, unsigned int slot);
/* False when nothing more is to be said. Everything that a core says is whole frames. */
bool script_fill(struct script_shell *x, unsigned int slot, size_t limit);
/* What the process has allocated, as far as a sanitizer knows; else 0. */
size_t script_allocated(void);

/* Ops of either half; their argument is the shell. */
void script_on_session(void *arg, unsigned int remote, enum session_state from,
		       enum session_state to, const char *why);
void script_on_close(void *arg, unsigned int remote, unsigned int slot,
		     enum wire_bye reason);
void script_on_bye(void *arg, unsigned int remote, unsigned int reason,
		   const char *text);

#endif
