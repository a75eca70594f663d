/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check/judge.h"

/* Of a flow in a Transit Gateway's multicast domain with few receivers, and the longest
 * packet: AWS, Transit Gateway quotas. */
#define TGW_PPS 75000
#define TGW_BPS 1000000000
#define TGW_MTU 8500
#define NEAR    0.8 /* of a quota */

void
judge_multicast_route(struct finding *f, const struct route_facts *r)
{
	if (r->error != 0) {
		finding_set(f, FINDING_FAIL, "%s: %s", r->interface,
			    strerror(r->error));
		finding_cause(f, "the kernel would not send to %u.%u.%u.%u on it",
			      r->group >> 24, r->group >> 16 & 0xff,
			      r->group >> 8 & 0xff, r->group & 0xff);
		finding_remedy(f,
			       "set it up (ip link set %s up) and look for a route "
			       "that forbids it: ip route show table all",
			       r->interface);
	} else if (!r->is_its_own) {
		finding_set(f, FINDING_FAIL, "%s has no IPv4 address", r->interface);
		finding_cause(f, "the kernel would borrow another interface's, which "
				 "receivers and the network do not expect; the peer "
				 "does not emit then");
		finding_remedy(f, "ip addr add ADDRESS/BITS dev %s", r->interface);
	} else {
		finding_set(f, FINDING_OK,
			    "leaves by %s from %u.%u.%u.%u, whatever "
			    "the routes for multicast",
			    r->interface, r->source >> 24, r->source >> 16 & 0xff,
			    r->source >> 8 & 0xff, r->source & 0xff);
	}
}

void
judge_emission_size(struct finding *f, const struct size_facts *s)
{
	if (s->fragment && s->is_ec2) {
		finding_set(f, FINDING_FAIL, "emit.fragment is on");
		finding_cause(f,
			      "a Transit Gateway drops fragments of multicast without "
			      "a word");
		finding_remedy(f, "fragment: false, and an MTU that takes the longest "
				  "datagram");
	} else if (s->running && s->oversize > 0) {
		finding_set(f, FINDING_FAIL,
			    "%s: %llu datagrams were too long for MTU "
			    "%d, and lost",
			    s->interface, (unsigned long long)s->oversize, s->mtu);
		finding_cause(f, "the feed has datagrams that do not fit one packet");
		finding_remedy(f,
			       "ip link set %s mtu N, on every receiver too; a "
			       "Transit Gateway takes %d",
			       s->interface, TGW_MTU);
	} else if (s->is_ec2 && s->mtu > TGW_MTU) {
		finding_set(f, FINDING_WARN, "%s: MTU %d", s->interface, s->mtu);
		finding_cause(f,
			      "a Transit Gateway drops what is longer than %d bytes "
			      "without a word",
			      TGW_MTU);
		finding_remedy(f, "ip link set %s mtu %d: then the peer counts it",
			       s->interface, TGW_MTU);
	} else if (s->fragment) {
		finding_set(f, FINDING_WARN, "%s: MTU %d, and emit.fragment is on",
			    s->interface, s->mtu);
		finding_cause(f, "a datagram is lost when any of its fragments is, and "
				 "many networks drop fragments");
		finding_remedy(f,
			       "fragment: false, unless the network is known to carry "
			       "them");
	} else {
		finding_set(f, FINDING_OK, "%s: datagrams up to %d bytes%s",
			    s->interface, s->mtu - 28,
			    s->running
				    ? ", none was longer"
				    : "; whether there are longer ones is seen while "
				      "the daemon runs");
	}
}

/* ---- the quota ---- */

/* How much of it is used, 0 where there is no limit. */
static double
share(double rate, uint64_t limit)
{
	return limit > 0 && rate > 0 ? rate / (double)limit : 0;
}

static double
highest_share(const struct quota_facts *q)
{
	const struct emit_settings *e = q->emit;
	const double shares[] = {share(q->flow_pps, e->quota.flow_pps),
				 share(q->flow_bps, e->quota.flow_bps),
				 share(q->total_pps, e->quota.total_pps),
				 share(q->total_bps, e->quota.total_bps)};
	double most = 0;

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		most = shares[i] > most ? shares[i] : most;
	return most;
}

static bool
is_above_tgw(const struct quota_facts *q)
{
	return q->is_ec2 &&
	       (q->emit->quota.flow_pps == 0 || q->emit->quota.flow_pps > TGW_PPS ||
		q->emit->quota.flow_bps == 0 || q->emit->quota.flow_bps > TGW_BPS);
}

static void
judge_measured(struct finding *f, const struct quota_facts *q)
{
	double most = highest_share(q);

	if (q->over > 0 && q->emit->over_quota == QUOTA_WARN) {
		finding_set(f, FINDING_FAIL,
			    "%.0f packets were emitted above it since "
			    "the start",
			    q->over);
		finding_cause(f,
			      "the feed bursts, or a backlog was emitted, faster than "
			      "the network takes it; it drops the rest without a "
			      "word");
		finding_remedy(f, "emit.over_quota: pace; split what is steadily above "
				  "over several groups");
	} else if (most >= NEAR) {
		finding_set(f, FINDING_WARN,
			    "%.0f %% used in the last minute, highest "
			    "flow %s",
			    most * 100, q->flow);
		finding_cause(f, "the most within 100 ms, held against emit.quota");
		finding_remedy(f, "emit.over_quota: pace, and plan to split the flow");
	} else {
		finding_set(f, FINDING_OK,
			    "%.0f %% used in the last minute (%.0f "
			    "packets/s, %.3g Mbit/s of one flow)",
			    most * 100, q->flow_pps > 0 ? q->flow_pps : 0,
			    q->flow_bps > 0 ? q->flow_bps / 1e6 : 0);
	}
}

void
judge_quota(struct finding *f, const struct quota_facts *q)
{
	if (is_above_tgw(q)) {
		finding_set(f, FINDING_WARN,
			    "emit.quota is above what a Transit Gateway "
			    "takes of one flow");
		finding_cause(f,
			      "%d packets/s and 1 Gbit/s with fewer than 10 "
			      "receivers; it drops the rest without a word",
			      TGW_PPS);
		finding_remedy(f, "leave emit.quota out, or lower it");
	} else if (!q->running) {
		finding_set(f, FINDING_SKIP,
			    "rates are measured while the daemon runs");
	} else {
		judge_measured(f, q);
	}
}

/* ---- the instance ---- */

void
judge_allowances(struct finding *f, const struct allowance_facts *a)
{
	char list[FINDING_TEXT_BYTES / 2] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < a->exceeded_count && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s=%llu",
					i > 0 ? " " : "", a->exceeded[i].name,
					(unsigned long long)a->exceeded[i].value);
	if (a->count == 0) {
		finding_set(f, FINDING_SKIP,
			    "%s: its driver does not count them; a "
			    "newer ena does",
			    a->interface);
	} else if (a->exceeded_count == 0) {
		finding_set(f, FINDING_OK,
			    "%s: none of %u exceeded since the instance "
			    "started",
			    a->interface, a->count);
	} else {
		finding_set(f, FINDING_WARN, "%s: %s", a->interface, list);
		finding_cause(f, "the instance was above what its type allows, and "
				 "packets were queued or dropped");
		finding_remedy(f,
			       "see whether they still grow (ethtool -S %s); if so, "
			       "a larger instance type",
			       a->interface);
	}
}
