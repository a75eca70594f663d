/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_WORLD_H
#define TOMBOLO_SIM_WORLD_H
/*
 * A whole bridge minus sockets in one process under a virtual clock: a feed that
 * numbers its datagrams, a relay core, the line, a peer core, and a receiver that
 * checks every datagram that comes out against what went in.
 */
#include "net.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"

#define WORLD_CHANNELS 6

struct script {
	uint64_t seed;
	unsigned int channels;
	struct line line;
	double rate;    /* datagrams/s over all channels */
	int64_t run_ns; /* how long the feed speaks */
	uint64_t history_bytes;
	int64_t history_age_ns;
	int64_t shed_age_ns;
	uint64_t shed_bytes;
	int64_t give_up_ns;
	int64_t reorder_ns;
	int64_t max_age_ns;
	uint32_t window;
	uint64_t pool_bytes;
	bool immediate;
	/* Events a second, on average. */
	double cuts;      /* the connection dies, and is dialled again */
	double blacks;    /* the line goes dark for a while */
	int64_t black_ns; /* … this long at most */
	double stalls;    /* the interface takes nothing for a while */
	int64_t stall_ns;
	double relay_kills, peer_kills, peer_terms;
	double drops;    /* capture drops, each a mark */
	double refusals; /* probability that a datagram is refused as too long */
};

struct fate {
	uint64_t next;  /* the feed's next number */
	uint64_t *seen; /* bitmap of numbers emitted */
	uint64_t room;
	uint64_t last; /* highest emitted, + 1 */
	uint64_t emitted, refused;
};

struct world {
	struct script script;
	struct now now;
	struct dice dice;
	struct net net;
	struct relay_settings relay_settings;
	struct peer_settings peer_settings;
	struct channel_settings channels[WORLD_CHANNELS];
	struct remote_settings relay_remote, peer_remote;
	struct output_settings outputs[WORLD_CHANNELS];
	struct relay *relay;
	struct peer *peer;
	bool relay_alive, peer_alive, peer_leaving;
	bool connected;
	uint32_t generation;
	mono_t connect_at, feed_at, feed_end, black_end, stall_end, relay_start,
		peer_start;
	mono_t next_cut, next_black, next_stall, next_relay_kill, next_peer_kill,
		next_peer_term, next_drop;
	/* A stream's bytes not consumed yet, per direction. */
	uint8_t *inbox[2];
	size_t inbox_len[2], inbox_room[2];
	struct fate fates[WORLD_CHANNELS];
	uint64_t captured;       /* by relays that are gone and this one */
	uint64_t emitted_before; /* by peers that are gone */
	uint64_t relay_restarts, peer_restarts;
	uint64_t dropped;
	uint64_t marks_seen;
	uint64_t requests;
	uint64_t turns;
	bool relay_said_bye, close_relay_path;
	char failure[256];
};

void world_init(struct world *w, const struct script *s);
void world_fini(struct world *w);
/* Runs until the feed ended and everything settled. False: failure says what. */
bool world_run(struct world *w);

/* Random, but reasonable: what thousands of seeds are made of. */
struct script script_random(uint64_t seed);
void script_print(const struct script *s);

#endif
