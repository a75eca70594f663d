/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CORE_RIG_H
#define TOMBOLO_CORE_RIG_H
/*
 * What every rig of a core begins with, in unit tests, fuzz targets, the simulation and bench:
 * a clock, ops that nobody listens to, numbered channels and what a relay says of them,
 * a datagram as it is captured, and the line between two cores. No Check in here: a
 * fuzz target and a benchmark have none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"

/* ---- a clock ---- */

/* The instant at which they all start. */
struct now core_rig_start(void);
/* Both clocks go on by ns. */
void core_rig_pass(struct now *now, int64_t ns);

/* ---- who they are ---- */

#define RIG_EPOCH        UINT64_C(0xe90c) /* of the relay */
#define RIG_INSTANCE     UINT64_C(0x1257) /* of the peer */
#define RIG_HEARTBEAT_NS (200 * NS_PER_MS)
#define RIG_TIMEOUT_NS   (600 * NS_PER_MS)
extern const struct session_settings core_rig_session; /* of these two */

/* ---- ops ---- */

/* Nobody listens to these: all of them, and one by one for a rig that listens to some. */
extern const struct relay_ops core_rig_deaf_relay;
extern const struct peer_ops core_rig_deaf_peer;
void core_rig_deaf_session(void *arg, unsigned int remote, enum session_state from,
			   enum session_state to, const char *why);
void core_rig_deaf_close(void *arg, unsigned int remote, unsigned int slot,
			 enum wire_bye reason);
void core_rig_deaf_bye(void *arg, unsigned int remote, unsigned int reason,
		       const char *text);
void core_rig_deaf_epoch(void *arg, unsigned int remote, uint64_t before,
			 uint64_t after, utc_t last);
void core_rig_deaf_lost(void *arg, unsigned int remote,
			const struct peer_channel *channel, enum lost_reason reason,
			uint64_t n);
void core_rig_deaf_mark(void *arg, unsigned int remote, enum drop_point cause,
			uint64_t n);
void core_rig_deaf_breaker(void *arg, unsigned int remote, bool open);
void core_rig_deaf_quota(void *arg, const struct quota_flow *flow, bool within,
			 uint64_t datagrams);

/* ---- channels ---- */

#define CORE_RIG_GROUP 0xe9250000U /* + id */
#define CORE_RIG_PORT  30000U      /* + id */

/* Channel `id`, from 1: "ch1" and so on, at its group and port. */
void core_rig_channel(struct channel_settings *c, unsigned int id);
/* The same as a relay announces it; MARKS_ID has neither group nor port. */
struct wire_channel core_rig_announced(uint16_t id, uint64_t next, uint64_t fresh);
/* The greeting of a node with so many channels, with no epoch and no instance yet. */
struct wire_greeting core_rig_greeting(const char *node, uint16_t channels);

/* ---- capture ---- */

#define CORE_RIG_ETHERNET 14
#define CORE_RIG_HEADERS  28 /* of IPv4 and UDP */

/* What stands in front of a payload of len bytes as captured: DLT_EN10MB has it in an
 * Ethernet frame, DLT_RAW without. */
void core_rig_put_headers(struct wr *w, int link_type, const struct channel_settings *c,
			  size_t len);
/* A datagram is captured, of at most CORE_RIG_DATAGRAM_MAX bytes. */
#define CORE_RIG_DATAGRAM_MAX 1024
void core_rig_capture(struct relay *r, struct now now, const struct channel_settings *c,
		      const void *payload, size_t len);

/* ---- emission ---- */

/* The interface takes all that is ready, with this verdict. */
void core_rig_emit(struct peer *p, struct now now, enum emit_verdict verdict);

/* ---- the line between two cores ---- */

/* Is this frame of the relay (or, not from_relay, of the peer) lost? */
typedef bool core_rig_loses(void *arg, bool from_relay, const struct wire_frame *f);

struct core_rig_line {
	struct relay *relay;
	struct peer *peer;     /* which has this relay as its remote 0 */
	unsigned int remote;   /* that peer is of the relay's */
	unsigned int slot;     /* of the path, at both ends */
	size_t limit, cap;     /* of a fill */
	int fills;             /* each way at most */
	core_rig_loses *loses; /* NULL: nothing is */
	void *arg;             /* of loses */
	uint8_t *buf;          /* cap bytes */
};

/* What both have to say at this moment goes over; a core that does not take all of what
 * comes is an error of the cores, and the test's end: false. */
bool core_rig_exchange(const struct core_rig_line *line, struct now now);

#endif
