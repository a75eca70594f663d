/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SIM_WORLD_H
#define TOMBOLO_SIM_WORLD_H
/*
 * A whole bridge minus sockets in one process under a virtual clock: a feed that
 * numbers its datagrams, a relay core, the lines, a peer core, and a receiver that
 * checks every datagram that comes out against what went in.
 *
 *   net.c     one line
 *   script.c  what shall happen
 *   fates.c   what goes in, and what came out
 *   wires.c   connections over the lines, between the two cores
 *   world.c   time, events, processes
 *   changes.c what two operators change meanwhile
 *   audit.c   what must be true at the end, and at any time
 *   trace.c   one datagram's story, for whoever looks for the cause
 *   matrix.c  scripts with names, and what each must show
 */
#include "net.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"
#include "script.h"

#define FAIL(w, ...)                                                             \
	do {                                                                     \
		if ((w)->failure[0] == '\0')                                     \
			snprintf((w)->failure, sizeof(w)->failure, __VA_ARGS__); \
	} while (0)

#define WORLD_REMOTE      0
#define WORLD_CONNECTIONS 32
#define WORLD_RECENT      64 /* requests remembered by the trace */

/* One channel, from the feed's number to the receiver. */
struct fate {
	uint64_t next;  /* the feed's next number */
	mono_t *fed;    /* when each went in */
	uint64_t *seen; /* bitmap of numbers emitted */
	uint64_t room;
	uint64_t last; /* highest emitted, + 1 */
	bool shuffled; /* it was immediate at some time */
	uint64_t emitted, refused;
	mono_t *left; /* the last ones, as many as the quota takes in 100 ms */
};

/* A datagram's way through, less the shortest line's delay. */
struct latency {
	int64_t ns;
	unsigned int channel;
	uint64_t number;
	uint64_t opener; /* the number that this emission began with */
};

/* One half's end of a connection. */
struct end {
	bool up;
	unsigned int slot;
	bool close;     /* the core wants it closed */
	bool ended;     /* the other end has closed */
	uint8_t *inbox; /* a stream's bytes not consumed yet */
	size_t len, room;
	size_t stuck; /* bytes written to a connection that is dead */
};

struct connection {
	bool used;
	unsigned int link;
	uint32_t serial;
	bool dead; /* nothing crosses it any more, and its ends do not know */
	struct end ends[HALVES];
};

/* A path that is configured: its line, and its connection. */
struct link {
	struct net net;
	mono_t connect_at;
	mono_t next_cut, next_black, black_end, storm_at, storm_end;
};

/* Figures of all worlds that were played, or of the processes of one. */
struct totals {
	uint64_t captured, emitted, lost, duplicates;
	uint64_t requested, repairs_sent, repairs, wasted, repaired;
	uint64_t frames_lost; /* datagrams on the lines, repairs not among them */
	uint64_t breaker;
};

struct world {
	struct script script;
	struct now now;
	mono_t started;
	struct dice dice;
	struct link links[SCRIPT_LINKS];
	struct connection connections[WORLD_CONNECTIONS];
	uint32_t serial;
	struct relay_settings relay_settings;
	struct peer_settings peer_settings;
	struct channel_settings channels[SCRIPT_CHANNELS];
	bool listed[SCRIPT_CHANNELS];
	struct channel_settings file[SCRIPT_CHANNELS]; /* those that are listed */
	struct remote_settings remotes[HALVES];        /* as each half has the other */
	struct output_settings outputs[SCRIPT_CHANNELS];
	struct relay *relay;
	struct peer *peer;
	bool alive[HALVES];
	bool peer_leaving;
	mono_t leave_end;
	mono_t feed_at, feed_end, stall_end;
	mono_t start[HALVES];
	mono_t next_stall, next_relay_kill, next_peer_kill, next_peer_term, next_drop;
	mono_t next_change, next_redirect;
	unsigned int fed; /* datagrams: whose turn it is */
	struct fate fates[SCRIPT_CHANNELS];
	struct latency *latencies;
	size_t latency_count, latency_room;
	int64_t worst_ns;
	mono_t *left; /* as of a fate, of all channels */
	uint64_t emitted;
	uint64_t restarts;
	uint64_t dropped;
	uint64_t marks_seen;
	struct totals totals; /* of processes that are gone; at the end of all */
	/* The bound on requests, as a leaking vessel. */
	uint64_t requested_seen;
	double request_level, request_peak;
	mono_t request_at;
	uint64_t turns;
	int64_t settled_ns; /* from the end of the feed to the relay's BYE */
	bool relay_said_bye;
	bool tracing;
	uint16_t trace_channel;
	seq_t trace_seq;
	char failure[256];
};

void world_init(struct world *w, const struct script *s);
void world_fini(struct world *w);
/* Runs until the feed ended and everything settled. False: failure says what. */
bool world_run(struct world *w);
struct now world_peer_now(const struct world *w);

/* ---- fates.c ---- */

/* Feeds one datagram of the feed into the relay. */
void fates_feed(struct world *w);
/* The receiver: checks and books what the peer emits. */
void fates_emit(struct world *w);
void fates_free(struct world *w);

/* ---- wires.c ---- */

void wires_init(struct world *w);
void wires_fini(struct world *w);
/* Both ends at once. */
void wires_cut(struct world *w, unsigned int link, bool seen);
/* A process is gone, and its connections with it. */
void wires_process_gone(struct world *w, enum half half);
void wires_connect(struct world *w, unsigned int link);
void wires_close(struct world *w, enum half half, unsigned int slot);
/* What arrived, and what the cores wanted closed. */
void wires_receive(struct world *w);
void wires_close_wanted(struct world *w);
void wires_send(struct world *w);
/* Nothing that the half said over streams is still on its way. */
bool wires_are_flushed(const struct world *w, enum half from);
mono_t wires_deadline(const struct world *w);

/* ---- changes.c ---- */

void changes_init(struct world *w);
/* The relay's, or the peer's, file has changed, and was reloaded. */
void changes_relay(struct world *w);
void changes_peer(struct world *w);
/* May a datagram of that channel come out there? */
bool changes_is_address(const struct world *w, unsigned int channel, uint32_t group,
			uint16_t port);
/* At rest. */
void changes_audit(struct world *w);

/* ---- audit.c ---- */

/* Adds up what a process did, before it goes. */
void audit_relay_gone(struct world *w);
void audit_peer_gone(struct world *w);
/* At every turn. */
void audit_requests(struct world *w);
/* At rest. */
void audit_rest(struct world *w);
/* Of what stood in a packet that was lost. */
void audit_lost_packet(struct world *w, const uint8_t *bytes, size_t len);

/* ---- trace.c ---- */

/* Says what became of the traced datagram's frames, and of requests for it. */
void trace_packet(const struct world *w, unsigned int link, enum half to,
		  const char *fate, const uint8_t *bytes, size_t len);
void trace_path(const struct world *w, unsigned int link, enum half half,
		unsigned int slot, const char *what);

#endif
