/* SPDX-License-Identifier: Apache-2.0 */
#include "tunnel_pair.h"

#include <string.h>

struct tunnel_pair pair;

/* ---- a test case ---- */

static void
set_up(enum transport transport)
{
	rig_log_clear();
	memset(&pair, 0, sizeof(pair));
	pair.base = event_base_new();
	half_init(&pair.peer, "vpc-a", "ca");
	half_init(&pair.relay, "colo-a", "ca");
	pair.peer.transport = pair.relay.transport = transport;
	half_expects(&pair.peer, "colo-a");
}

static void
set_up_tls(void)
{
	set_up(TRANSPORT_TLS);
}

static void
set_up_dtls(void)
{
	set_up(TRANSPORT_DTLS);
}

static void
tear_down(void)
{
	half_free(&pair.relay);
	half_free(&pair.peer);
	udp_line_close(&pair.line);
	event_base_free(pair.base);
}

TCase *
tunnel_pair_case(Suite *s, const char *name, enum transport transport)
{
	return rig_case(s, name, transport == TRANSPORT_TLS ? set_up_tls : set_up_dtls,
			tear_down);
}

/* ---- beginning ---- */

void
tunnel_pair_start_peer(void)
{
	half_start(&pair.peer, pair.base, true);
	half_dials(&pair.relay, "vpc-a", half_port(&pair.peer));
}

void
tunnel_pair_start_relay(void)
{
	half_start(&pair.relay, pair.base, false);
}

void
tunnel_pair_start(void)
{
	tunnel_pair_start_peer();
	tunnel_pair_start_relay();
}

void
tunnel_pair_start_over_line(udp_line_judge judge)
{
	tunnel_pair_start_peer();
	udp_line_open(&pair.line, pair.base, half_port(&pair.peer));
	pair.line.judge = judge;
	pair.relay.remotes[0].paths[0].connect.port = udp_line_port(&pair.line);
	tunnel_pair_start_relay();
}

void
tunnel_pair_up(void)
{
	tunnel_pair_start();
	rig_until(pair.base, tunnel_pair_is_up, NULL);
}

/* ---- conditions ---- */

bool
tunnel_pair_is_up(void *unused)
{
	(void)unused;
	return RELAY_STREAM->up && PEER_STREAM->up;
}

bool
tunnel_pair_is_down(void *unused)
{
	(void)unused;
	return !RELAY_STREAM->up && !PEER_STREAM->up;
}

bool
tunnel_pair_peer_went_down(void *unused)
{
	(void)unused;
	return PEER_STREAM->downs > 0;
}

bool
tunnel_pair_arrived(void *unused)
{
	const struct stream *a = RELAY_STREAM, *b = PEER_STREAM;

	(void)unused;
	return a->to_send == 0 && b->to_send == 0 && a->received == b->sent &&
	       b->received == a->sent;
}

/* ---- traffic ---- */

static bool
bursts_arrived(void *unused)
{
	uint64_t n = pair.left < PAIR_BURST ? pair.left : PAIR_BURST;

	if (!tunnel_pair_is_up(unused) || !tunnel_pair_arrived(unused))
		return false;
	pair.left -= n;
	if (n == 0)
		return true;
	half_send(&pair.relay, 0, 0, n);
	half_send(&pair.peer, 0, 0, n);
	return false;
}

void
tunnel_pair_exchange(uint64_t frames)
{
	pair.left = frames;
	rig_until(pair.base, bursts_arrived, NULL);
}
