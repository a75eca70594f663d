/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CHANGE_RIG_H
#define TOMBOLO_CHANGE_RIG_H
/*
 * For the tests of channels that come, move and go: a relay's core, up to two peers'
 * cores, up to two paths to each, a virtual clock, an operator who changes the files,
 * and receivers that know what was captured for each name and where it must come out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "path/classify.h"
#include "path/emit.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"

#define RIG_PEERS   2
#define RIG_PATHS   2
#define RIG_NAMES   12 /* a, b, c …: whatever was ever captured */
#define RIG_STEP_NS NS_PER_MS
#define RIG_NUMBERS (1 << 16)

struct change_options {
	enum path_kind kind;    /* of all paths */
	unsigned int peers;     /* 0: 1 */
	uint32_t capacity;      /* the relay's history.channels; 0: RIG_NAMES */
	uint32_t peer_channels; /* the peers' recovery.channels; 0: RIG_NAMES */
	uint32_t window;        /* 0: 1024 */
	int64_t history_age_ns; /* 0: 10 s */
	size_t history_bytes;   /* 0: 4 MiB */
	int64_t give_up_ns;     /* 0: 5 s */
	uint64_t flow_pps;      /* paced to, if not 0 */
	uint64_t shed_bytes;    /* of the relay, for all peers */
	const char *names;      /* "abc": captured from the start */
};

/* A channel as one receiver has it. */
struct receiver {
	bool *seen;     /* by number */
	uint64_t count; /* emitted */
	uint64_t last;  /* highest, + 1 */
	bool unordered; /* it may come out of order */
	uint32_t group; /* where the last one came out */
	uint16_t port;
};

struct peer_end {
	struct peer *peer;
	struct peer_settings settings;
	struct remote_settings relays[1];
	struct output_settings outputs[RIG_NAMES];
	struct receiver receivers[RIG_NAMES];
	bool up[RIG_PATHS], dark[RIG_PATHS]; /* dark: what the relay says is lost */
	bool closing[RIG_PATHS];             /* one of the cores wants that */
	bool blocked;                        /* the interface takes nothing */
	unsigned int byes, closes;           /* since a test last looked */
	unsigned int reason;                 /* of the last BYE heard by the relay */
	uint64_t lost, greetings;            /* of all its processes */
};

struct change_rig {
	struct change_options options;
	struct relay_settings settings;
	struct channel_settings file[RIG_NAMES]; /* as the operator has it */
	size_t count;
	struct remote_settings vpcs[RIG_PEERS];
	struct relay *relay;
	uint64_t fed[RIG_NAMES];    /* captured */
	uint64_t missed[RIG_NAMES]; /* not captured: it was no channel's */
	struct peer_end peers[RIG_PEERS];
	unsigned int relays_started, peers_started;
	struct now now;
	/* Is this frame of the relay's lost on the line? NULL: none is. */
	bool (*lose)(struct change_rig *x, unsigned int peer, unsigned int slot,
		     const struct wire_frame *f);
	unsigned int counted; /* for lose */
	uint8_t buf[1 << 17];
};

/* Both, for loop tests. */
extern const enum path_kind change_rig_kinds[2];

struct change_rig *change_rig_new(struct change_options options);
/* With path 0 of every peer up, and all settled. */
struct change_rig *change_rig_open(struct change_options options);
/* Checks the books of all, and frees. */
void change_rig_free(struct change_rig *x);

/* The operator's file. A name is a letter; place: which of its addresses. */
void change_rig_list(struct change_rig *x, char name, unsigned int place);
void change_rig_unlist(struct change_rig *x, char name);
/* He reloads it. False: there is no room. */
bool change_rig_reload(struct change_rig *x);
/* An entry of the peer's file for that name. */
struct output_settings *change_rig_output(struct change_rig *x, unsigned int peer,
					  char name);
void change_rig_reload_peer(struct change_rig *x, unsigned int peer);
uint32_t change_rig_group(char name, unsigned int place);
uint16_t change_rig_port(char name, unsigned int place);

void change_rig_up(struct change_rig *x, unsigned int peer, unsigned int slot);
/* For lose: every CHANGE, repaired or not. */
bool change_rig_lose_changes(struct change_rig *x, unsigned int peer, unsigned int slot,
			     const struct wire_frame *f);
void change_rig_down(struct change_rig *x, unsigned int peer, unsigned int slot);
/* Killed, and started again; its paths are down. */
void change_rig_restart_relay(struct change_rig *x);
void change_rig_restart_peer(struct change_rig *x, unsigned int peer);

/* The exchange sends n datagrams of that name, to where the file has it. */
void change_rig_feed(struct change_rig *x, char name, unsigned int n);
/* That much time passes, in steps of 1 ms; then the books are balanced. */
void change_rig_run(struct change_rig *x, int64_t ns);
/* What is under way at this moment goes on its way, without any time. */
void change_rig_exchange(struct change_rig *x);
void change_rig_emit(struct change_rig *x);
/* Until all is quiet: everything settled, or 10 s are over. */
void change_rig_settle(struct change_rig *x);

/* All that was captured of it came out at the peer: once, and in order. */
void change_rig_expect_all(struct change_rig *x, unsigned int peer, char name);
/* The last one of it came out there. */
void change_rig_expect_at(const struct change_rig *x, unsigned int peer, char name,
			  uint32_t group, uint16_t port);
/* It came out at this one of its addresses. */
void change_rig_expect_place(const struct change_rig *x, unsigned int peer, char name,
			     unsigned int place);
/* NULL: the peer does not know it. */
const struct peer_channel *change_rig_find(const struct change_rig *x,
					   unsigned int peer, char name);
uint16_t change_rig_id(const struct change_rig *x, char name); /* 0: none */
/* Of the first peer. */
const struct peer_figures *change_rig_figures(const struct change_rig *x);
enum session_state change_rig_state(const struct change_rig *x, unsigned int peer);

#endif
