/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RELAY_RIG_H
#define TOMBOLO_RELAY_RIG_H
/*
 * A relay core on a bench: the test is its capture, its clock, its shell and its
 * peers. Channels 1 and 2, beside the lane's own 0.
 */
#include "core_rig.h"
#include "frames.h"
#include "path/relay.h"
#include "path/relay_session.h"

#define RIG_CHANNELS 3
#define RIG_REMOTES  2
#define RIG_LIMIT    16384
#define RIG_CAP      (72 * 1024)

struct relay_options {
	bool file;
	unsigned int remotes; /* 0: 1 */
	size_t memory_bytes;  /* 0: 4 MiB */
	int64_t age_ns;       /* 0: 10 s */
	int64_t shed_age_ns;
	uint64_t shed_bytes;
	uint64_t repair_rate;
};

struct relay_rig {
	struct relay_settings settings;
	struct remote_settings remotes[RIG_REMOTES];
	struct channel_settings channels[RIG_CHANNELS - 1];
	struct relay *relay;
	struct now now;
	uint64_t instance; /* of the peer that the test plays */
	struct frames in;  /* to be said to the relay */
	struct frames out; /* heard from it */
	/* What the core called back. */
	unsigned int closes, byes;
	enum wire_bye closed_for;
	unsigned int bye_reason;
	unsigned int narrows, widens, aparts, togethers;
	unsigned int restarts;
	uint64_t abandoned; /* as told with the last of them */
};

struct relay_rig *relay_rig_new(struct relay_options options);
/* Checks the books, and frees. */
void relay_rig_free(struct relay_rig *x);

/* A datagram of len bytes is captured; its number goes up with each. */
void relay_rig_capture(struct relay_rig *x, uint16_t channel, unsigned int n,
		       size_t len);

/* All of these speak of path `slot` of `remote`; most tests need no more than 0, 0. */
void relay_rig_up(struct relay_rig *x, unsigned int remote, unsigned int slot,
		  enum path_kind kind);
long relay_rig_say_on(struct relay_rig *x, unsigned int remote, unsigned int slot);
void relay_rig_hear_on(struct relay_rig *x, unsigned int remote, unsigned int slot);
/* Answers the HELLO that is heard: channel 1 resumes at `next` unless that is 0, the
 * others at what the relay calls fresh. */
void relay_rig_welcome_on(struct relay_rig *x, unsigned int remote, unsigned int slot,
			  uint64_t next);
long relay_rig_say(struct relay_rig *x);
void relay_rig_hear(struct relay_rig *x);
/* Path up, HELLO, WELCOME; what is heard then is thrown away. */
void relay_rig_open(struct relay_rig *x, enum path_kind kind);
void relay_rig_wait(struct relay_rig *x, int64_t ns);

/* A report that everything before `next` of channel 1 is settled. */
void relay_rig_report(struct relay_rig *x, uint64_t next);
/* Answers the last heartbeat in x->out: everything it lists is settled, and has
 * taken rtt_ns there and back; the books too when it asks for them. */
void relay_rig_answer_on(struct relay_rig *x, unsigned int remote, unsigned int slot,
			 int64_t rtt_ns);
void relay_rig_request(struct relay_rig *x, uint16_t channel, uint64_t first,
		       uint32_t count);

/* "1.5 1.6 1.7r a1:3+2 t1:9+1 n1:4+2": the DATA (r: repair), MARK and VERDICT frames
 * in x->out. */
void relay_rig_expect(const struct relay_rig *x, const char *said);
/* How many DATA frames with (or without) WIRE_REPAIR. */
unsigned int relay_rig_count_data(const struct relay_rig *x, bool repair);
const struct outlet *relay_rig_outlet(const struct relay_rig *x, uint16_t channel);
/* Residuals are 0. */
void relay_rig_balance(struct relay_rig *x);
enum session_state relay_rig_state(const struct relay_rig *x);

#endif
