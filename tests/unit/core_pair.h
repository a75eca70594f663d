/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CORE_PAIR_H
#define TOMBOLO_CORE_PAIR_H
/*
 * For the tests of what people read: a relay's core with two peers, of which one,
 * a peer's core, is there; one path, a virtual clock, and views of both.
 */
#include <stdbool.h>
#include <stdint.h>

#include "ops/view.h"
#include "path/capture.h"
#include "path/emit.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"
#include "path/tunnel.h"

#define PAIR_CHANNELS 2
#define PAIR_EPOCH    0x0123456789abcdefULL
#define PAIR_INSTANCE 0x00000000feedf00dULL
#define PAIR_EXPIRES  253402300799LL /* the end of 9999, in seconds */

struct pair {
	struct relay_settings relay_settings;
	struct peer_settings peer_settings;
	/* kospi200, of which 2/s are expected, and kosdaq150 */
	struct channel_settings channels[PAIR_CHANNELS];
	struct remote_settings peers[2];  /* vpc-a, vpc-b */
	struct remote_settings relays[1]; /* colo-a */
	struct relay *relay;
	struct peer *peer;
	struct capture_figures capture;
	struct emit_figures emit;
	struct tunnel_figures relay_tunnel, peer_tunnel;
	struct histogram turns;
	gauge_t history_used, pool_used;
	gauge_t since[2]; /* of the relay's sessions */
	struct now now;
	unsigned int slot; /* of the path, on both sides */
	bool connected;
	bool dark;                 /* what the relay sends is lost */
	bool deaf;                 /* what the relay is asked is lost */
	enum emit_verdict verdict; /* for what is emitted; EMIT_AGAIN: nothing is */
	uint8_t buf[1 << 17];
};

void pair_init(struct pair *p);
void pair_fini(struct pair *p);
/* The relay's channels are now the first so many of p->channels, as they are there. */
void pair_change(struct pair *p, size_t channels);
/* Views of it, with nothing left out. */
struct relay_view pair_relay_view(const struct pair *p);
struct peer_view pair_peer_view(const struct pair *p);

void pair_connect(struct pair *p, unsigned int slot, enum path_kind kind);
void pair_disconnect(struct pair *p);
/* One datagram of a channel is captured. */
void pair_feed(struct pair *p, unsigned int channel);
/* That much time passes, in steps of 1 ms; then the books are balanced. */
void pair_run(struct pair *p, int64_t duration_ns);

#endif
