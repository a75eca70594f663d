/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PEER_RIG_H
#define TOMBOLO_PEER_RIG_H
/*
 * A peer core on a bench: the test is its relay, its clock, its shell and the
 * interface that it emits on. Channels 0 (marks), 1 and 2 of one relay.
 */
#include "core_rig.h"
#include "frames.h"
#include "path/peer.h"
#include "path/peer_session.h"

#define RIG_CHANNELS    3
#define RIG_EMITTED_MAX 4096

struct peer_options {
	bool immediate;
	int64_t max_age_ns;
	int64_t reorder_ns;
	int64_t give_up_ns;    /* 0: 200 ms */
	uint32_t window;       /* 0: 256 */
	uint32_t pool_chunks;  /* 0: 512 */
	uint32_t channels_max; /* 0: 4 */
};

struct peer_rig {
	struct peer_settings settings;
	struct remote_settings remote;
	struct output_settings outputs[RIG_CHANNELS - 1];
	struct peer *peer;
	struct now now;
	uint64_t epoch; /* of the relay that the test plays */
	uint32_t greeting;
	struct frames in;  /* to be said to the peer */
	struct frames out; /* heard from it */
	/* What was emitted, in order. */
	struct {
		uint16_t channel;
		uint64_t seq;
	} emitted[RIG_EMITTED_MAX];
	size_t emitted_count;
	/* What the core called back. */
	unsigned int closes, byes, epochs;
	enum wire_bye closed_for;
	unsigned int bye_reason;
	uint64_t epoch_before;
	uint64_t lost[LOST_REASONS];
	uint64_t marks[DROP_POINT_COUNT];
};

struct peer_rig *peer_rig_new(struct peer_options options);
/* Checks the books, and frees. */
void peer_rig_free(struct peer_rig *x);

/* A path comes up, and HELLO says what is `next` and `fresh` on every channel. */
void peer_rig_up(struct peer_rig *x, enum path_kind kind);
struct wire_greeting peer_rig_greeting(const struct peer_rig *x);
void peer_rig_hello(struct peer_rig *x, uint64_t next, uint64_t fresh);
/* All of that, and what the peer answers is thrown away. */
void peer_rig_open(struct peer_rig *x, enum path_kind kind);

/* Gives x->in to the peer, on path `slot`; what it leaves stays in x->in. */
long peer_rig_say_on(struct peer_rig *x, unsigned int slot);
long peer_rig_say(struct peer_rig *x);
/* Fills until nothing is left, into x->out, which holds nothing else then. */
void peer_rig_hear_on(struct peer_rig *x, unsigned int slot);
void peer_rig_hear(struct peer_rig *x);
void peer_rig_wait(struct peer_rig *x, int64_t ns);

/* One DATA frame into x->in, and said. */
void peer_rig_put_data(struct peer_rig *x, uint8_t flags, uint16_t channel,
		       uint64_t seq, size_t len);
void peer_rig_data(struct peer_rig *x, uint16_t channel, uint64_t seq);
void peer_rig_repair(struct peer_rig *x, uint16_t channel, uint64_t seq);
void peer_rig_verdict(struct peer_rig *x, enum wire_verdict verdict, uint64_t first,
		      uint64_t count, uint32_t retry_us);
/* A heartbeat for channel 1. */
void peer_rig_heartbeat(struct peer_rig *x, uint64_t next, uint64_t sent);
/* The interface takes up to n, with this verdict; returns how many there were. */
size_t peer_rig_emit(struct peer_rig *x, size_t n, enum emit_verdict verdict);

/* The channel of this id. */
const struct peer_channel *peer_rig_find(const struct peer_rig *x, uint16_t id);
/* Residuals are 0. */
void peer_rig_balance(struct peer_rig *x);
/* "1.2 1.4 2.1": channel and number of what was emitted so far, which is then
 * forgotten. */
void peer_rig_expect(struct peer_rig *x, const char *emitted);
/* The ranges of all REQUEST frames in x->out, as "1:5+3 2:7+1". */
void peer_rig_expect_requests(const struct peer_rig *x, const char *ranges);
/* Hears the peer out, and returns the reason of its BYE, which must be there. */
enum wire_bye peer_rig_said_bye(struct peer_rig *x);
/* `next` of channel 1 in the last REPORT that has it. */
uint64_t peer_rig_reported(const struct peer_rig *x);

#endif
