/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TUNNEL_PAIR_H
#define TOMBOLO_TUNNEL_PAIR_H
/*
 * Two halves in one event base, on loopback: the peer listens and expects colo-a in
 * slot 0; the relay dials it, over TLS or DTLS, over a line if there is one.
 */
#include "tunnel_rig.h"
#include "udp_line.h"

#define PAIR_BURST 40 /* frames that any socket's buffer takes */

struct tunnel_pair {
	struct event_base *base;
	struct half relay, peer;
	struct udp_line line; /* if any */
	uint64_t left;        /* frames that are still to be exchanged */
};

/* Of the test that runs: Check's fixtures and the loop's conditions take no other. */
extern struct tunnel_pair pair;

#define RELAY_STREAM  (&pair.relay.streams[0][0])
#define PEER_STREAM   (&pair.peer.streams[0][0])
#define FIGURE(h, id) half_counter(&(h), COUNTER(id))

/* A test case of this name, with certificates, whose tests each have such a pair. */
TCase *tunnel_pair_case(Suite *s, const char *name, enum transport transport);

/* The peer listens, and the relay knows where; what the test still has to set comes
 * in between. */
void tunnel_pair_start_peer(void);
void tunnel_pair_start_relay(void);
void tunnel_pair_start(void);
/* Both, over a line with this judge. */
void tunnel_pair_start_over_line(udp_line_judge judge);
/* Both, and waits until the path is up. */
void tunnel_pair_up(void);

/* Conditions for rig_until(); what they are given does not matter. */
bool tunnel_pair_is_up(void *unused);
bool tunnel_pair_is_down(void *unused);
bool tunnel_pair_peer_went_down(void *unused);
/* Everything that was sent, in both directions. */
bool tunnel_pair_arrived(void *unused);

/* So many frames each way, in bursts, each when the last one is there: no buffer
 * overflows. */
void tunnel_pair_exchange(uint64_t frames);

#endif
