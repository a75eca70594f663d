/* SPDX-License-Identifier: Apache-2.0 */
#include "check/judge.h"
#include "path/join.h"

#define STRICT 1

void
judge_offload(struct finding *f, const struct offload_facts *o)
{
	if (o->gro && (o->gro_list || o->udp_forwarding)) {
		finding_set(f, FINDING_FAIL, "%s: GRO merges UDP datagrams (%s%s%s)",
			    o->interface, o->gro_list ? "rx-gro-list" : "",
			    o->gro_list && o->udp_forwarding ? ", " : "",
			    o->udp_forwarding ? "rx-udp-gro-forwarding" : "");
		finding_cause(f, "what is merged has lost its boundaries before it is "
				 "captured");
		finding_remedy(f,
			       "ethtool -K %s rx-gro-list off rx-udp-gro-forwarding "
			       "off",
			       o->interface);
	} else if (o->lro) {
		finding_set(f, FINDING_WARN, "%s: LRO is on", o->interface);
		finding_cause(f, "the card may merge what it receives, as its driver "
				 "likes");
		finding_remedy(f, "ethtool -K %s lro off", o->interface);
	} else {
		finding_set(f, FINDING_OK, "%s: LRO off, %s", o->interface,
			    o->gro ? "GRO on, but not for UDP that no socket asks for"
				   : "GRO off");
	}
}

void
judge_rx_ring(struct finding *f, const char *interface, const struct nic_ring *ring)
{
	if (ring == NULL) {
		finding_set(f, FINDING_SKIP, "%s: its driver does not tell", interface);
	} else if (ring->pending < ring->most) {
		finding_set(f, FINDING_WARN, "%s: %u descriptors of %u", interface,
			    ring->pending, ring->most);
		finding_cause(f, "the driver's default; a burst at the open that is "
				 "longer is lost in the card (rx_missed, rx_fifo)");
		finding_remedy(f,
			       "before the open, for the link may go down for a "
			       "moment: ethtool -G %s rx %u",
			       interface, ring->most);
	} else {
		finding_set(f, FINDING_OK,
			    "%s: %u descriptors, as many as there can be", interface,
			    ring->pending);
	}
}

void
judge_rp_filter(struct finding *f, const char *interface, int64_t of_all,
		int64_t of_interface)
{
	int64_t effective = of_all > of_interface ? of_all : of_interface;

	if (effective < 0) {
		finding_set(f, FINDING_SKIP, "%s: cannot be read", interface);
	} else if (effective == STRICT) {
		finding_set(f, FINDING_FAIL, "%s: strict", interface);
		finding_cause(f,
			      "the kernel drops what comes from where it would not "
			      "send to over %s: the queries of an IGMP querier too, "
			      "then nobody answers and the switch cuts the groups "
			      "after minutes",
			      interface);
		finding_remedy(f,
			       "sysctl -w net.ipv4.conf.%s.rp_filter=2 (loose), for "
			       "the kernel takes the larger of that and %s=%lld",
			       interface, "net.ipv4.conf.all.rp_filter",
			       (long long)of_all);
	} else {
		finding_set(f, FINDING_OK, "%s: %s", interface,
			    effective == 0 ? "off" : "loose");
	}
}

static uint64_t
sockets_for(const struct memberships_facts *m)
{
	uint64_t each = JOIN_PER_SOCKET;

	if ((uint64_t)m->limit < each)
		each = (uint64_t)m->limit;
	return (m->wanted + each - 1) / each;
}

void
judge_memberships(struct finding *f, const struct memberships_facts *m)
{
	if (m->limit < 0) {
		finding_set(f, FINDING_SKIP, "igmp_max_memberships cannot be read");
	} else if (m->limit == 0 || m->sources == 0) {
		finding_set(f, FINDING_FAIL, "%s is 0",
			    m->limit == 0 ? "igmp_max_memberships" : "igmp_max_msf");
		finding_cause(f, "the kernel lets nobody join %s",
			      m->limit == 0 ? "anything" : "with a source");
		finding_remedy(f, "sysctl -w net.ipv4.%s",
			       m->limit == 0 ? "igmp_max_memberships=20"
					     : "igmp_max_msf=10");
	} else if (m->files != 0 && sockets_for(m) + 64 > m->files) {
		finding_set(f, FINDING_FAIL,
			    "%llu memberships want %llu sockets, of %llu descriptors",
			    (unsigned long long)m->wanted,
			    (unsigned long long)sockets_for(m),
			    (unsigned long long)m->files);
		finding_cause(f,
			      "igmp_max_memberships=%lld of one socket, and the "
			      "limit of open files",
			      (long long)m->limit);
		finding_remedy(f,
			       "sysctl -w net.ipv4.igmp_max_memberships=%d, or raise "
			       "LimitNOFILE= of the unit",
			       JOIN_PER_SOCKET + 4);
	} else if (m->limit < JOIN_PER_SOCKET && m->wanted > (uint64_t)m->limit) {
		finding_set(f, FINDING_WARN, "%llu memberships, %lld of one socket",
			    (unsigned long long)m->wanted, (long long)m->limit);
		finding_cause(f,
			      "igmp_max_memberships is below the kernel's default; "
			      "%llu sockets are opened instead",
			      (unsigned long long)sockets_for(m));
		finding_remedy(f, "sysctl -w net.ipv4.igmp_max_memberships=%d",
			       JOIN_PER_SOCKET + 4);
	} else {
		finding_set(f, FINDING_OK, "%llu, in sockets: %llu, limit of one: %lld",
			    (unsigned long long)m->wanted,
			    (unsigned long long)sockets_for(m), (long long)m->limit);
	}
}

void
judge_igmp(struct finding *f, const struct igmp_facts *i)
{
	int64_t forced = i->forced_all != 0 ? i->forced_all : i->forced;
	const char *whose = i->forced_all != 0 ? "all" : i->interface;

	if (forced > 0 && forced < 3 && i->with_source > 0) {
		finding_set(f, FINDING_FAIL,
			    "%s: version %lld is forced, %llu channels "
			    "have a source",
			    i->interface, (long long)forced,
			    (unsigned long long)i->with_source);
		finding_cause(f, "only IGMPv3 can ask for a source; where the network "
				 "has SSM, nothing will come");
		finding_remedy(f, "sysctl -w net.ipv4.conf.%s.force_igmp_version=0",
			       whose);
	} else if (forced == 1) {
		finding_set(f, FINDING_WARN, "%s: version 1 is forced", i->interface);
		finding_cause(f, "IGMPv1 has no leave: groups go on after the relay");
		finding_remedy(f, "sysctl -w net.ipv4.conf.%s.force_igmp_version=0",
			       whose);
	} else if (forced <= 0 && i->current > 0 && i->current < 3 &&
		   i->with_source > 0) {
		finding_set(f, FINDING_WARN,
			    "%s: version %d, %llu channels have a "
			    "source",
			    i->interface, i->current,
			    (unsigned long long)i->with_source);
		finding_cause(f, "a querier of that version is on this LAN, and hosts "
				 "have to follow it");
		finding_remedy(f, "have the querier speak IGMPv3; or leave the source "
				  "out where the network has no SSM");
	} else if (forced > 0) {
		finding_set(f, FINDING_OK, "%s: version %lld, forced", i->interface,
			    (long long)forced);
	} else {
		finding_set(f, FINDING_OK, "%s: not forced%s", i->interface,
			    i->current == 2   ? ", now 2"
			    : i->current == 3 ? ", now 3"
					      : "");
	}
}

void
judge_joined(struct finding *f, const struct joined_facts *j)
{
	if (j->missing == 0) {
		finding_set(f, FINDING_OK, "%s: all of %llu", j->interface,
			    (unsigned long long)j->wanted);
		return;
	}
	finding_set(f, FINDING_FAIL, "%s: %llu of %llu are missing, first %u.%u.%u.%u",
		    j->interface, (unsigned long long)j->missing,
		    (unsigned long long)j->wanted, j->first >> 24,
		    j->first >> 16 & 0xff, j->first >> 8 & 0xff, j->first & 0xff);
	finding_cause(f,
		      "the daemon has not joined: its configuration has changed since "
		      "it read it, or its capture is down");
	finding_remedy(f, "tomboloctl reload; if it stays so, the daemon's log (cannot "
			  "join)");
}
