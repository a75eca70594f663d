/* SPDX-License-Identifier: Apache-2.0 */
/* How a relay takes in what the exchange sends: checks 30 to 39. */
#include <stdlib.h>

#include "base/offload.h"
#include "check/igmp.h"
#include "check/judge.h"
#include "check/preflight.h"
#include "ctl/doc.h"
#include "path/join.h"

#define CONF "/proc/sys/net/ipv4/"

static void
skip(struct preflight *p, enum check_id from, enum check_id to, const char *why)
{
	for (int id = (int)from; id <= (int)to; id++)
		finding_set(findings_add(p->findings, (enum check_id)id), FINDING_SKIP,
			    "%s", why);
}

/* False: there is no such interface, and nothing more to be asked of it. */
static bool
look_at_interface(struct preflight *p, const char *name, bool *is_up)
{
	struct interface_facts facts = {.name = name};
	char others[256];

	ifstat_list(others, sizeof(others));
	facts.others = others;
	facts.error = ifstat_read(name, &facts.state);
	judge_interface(findings_add(p->findings, CHECK_CAPTURE), &facts);
	*is_up = facts.state.up;
	return facts.error == 0;
}

static void
look_at_card(struct preflight *p, const char *name)
{
	const struct offload_facts offload = {
		.interface = name,
		.gro = offload_is_on(name, "rx-gro"),
		.lro = offload_is_on(name, "rx-lro"),
		.gro_list = offload_is_on(name, "rx-gro-list"),
		.udp_forwarding = offload_is_on(name, "rx-udp-gro-forwarding"),
	};
	struct nic_ring ring;
	bool has_ring = nic_ring_read(name, &ring);

	judge_offload(findings_add(p->findings, CHECK_OFFLOAD), &offload);
	judge_rx_ring(findings_add(p->findings, CHECK_RX_RING), name,
		      has_ring ? &ring : NULL);
}

/* ---- memberships ---- */

static uint64_t
count_memberships(const struct relay_settings *s)
{
	struct join *j = join_new(s->channels, s->channel_count);
	uint64_t n = j != NULL ? join_count(j) : s->channel_count;

	join_free(j);
	return n;
}

static uint64_t
count_sources(const struct relay_settings *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->channel_count; i++)
		n += s->channels[i].source != 0;
	return n;
}

static void
look_at_limits(struct preflight *p, const char *name)
{
	const struct memberships_facts m = {
		.limit = host_number(&p->host, CONF "igmp_max_memberships", -1),
		.sources = count_sources(p->half.relay) > 0
				   ? host_number(&p->host, CONF "igmp_max_msf", -1)
				   : -1,
		.wanted = count_memberships(p->half.relay),
	};
	char *igmp = host_read(&p->host, "/proc/net/igmp");
	const struct igmp_facts i = {
		.interface = name,
		.forced_all = host_ipv4_conf(&p->host, "all", "force_igmp_version", 0),
		.forced = host_ipv4_conf(&p->host, name, "force_igmp_version", 0),
		.current = igmp != NULL ? igmp_version(igmp, name) : 0,
		.with_source = count_sources(p->half.relay),
	};

	judge_rp_filter(findings_add(p->findings, CHECK_RP_FILTER), name,
			host_ipv4_conf(&p->host, "all", "rp_filter", -1),
			host_ipv4_conf(&p->host, name, "rp_filter", -1));
	judge_memberships(findings_add(p->findings, CHECK_MEMBERSHIPS), &m);
	judge_igmp(findings_add(p->findings, CHECK_IGMP_VERSION), &i);
	free(igmp);
}

static bool
is_joined(const struct channel_settings *c, const char *name, const char *igmp,
	  const char *filters)
{
	return igmp_has(igmp, name, c->group) &&
	       (c->source == 0 || filters == NULL ||
		igmp_has_source(filters, name, c->group, c->source));
}

static void
look_at_joins(struct preflight *p, const char *name, bool is_up)
{
	const struct relay_settings *s = p->half.relay;
	struct finding *f = findings_add(p->findings, CHECK_JOINED);
	struct joined_facts j = {.interface = name, .wanted = s->channel_count};
	char *igmp, *filters;

	if (p->running.status == NULL) {
		finding_set(f, FINDING_SKIP, "the daemon joins when it runs");
		return;
	}
	if (!is_up) { /* the kernel tells little of one that is down */
		finding_set(f, FINDING_SKIP, "%s is down", name);
		return;
	}
	igmp = host_read(&p->host, "/proc/net/igmp");
	filters = host_read(&p->host, "/proc/net/mcfilter");
	for (size_t i = 0; igmp != NULL && i < s->channel_count; i++) {
		if (is_joined(&s->channels[i], name, igmp, filters))
			continue;
		if (j.missing++ == 0)
			j.first = s->channels[i].group;
	}
	if (igmp != NULL)
		judge_joined(f, &j);
	else
		finding_set(f, FINDING_SKIP, "/proc/net/igmp cannot be read");
	free(igmp);
	free(filters);
}

void
check_capture(struct preflight *p)
{
	const struct capture_settings *c;
	bool is_up;

	if (p->half.relay == NULL) {
		skip(p, CHECK_CAPTURE, CHECK_JOINED, "a peer captures nothing");
		return;
	}
	c = &p->half.relay->capture;
	if (c->interface == NULL) {
		skip(p, CHECK_CAPTURE, CHECK_JOINED, "a capture file is played");
		return;
	}
	if (!look_at_interface(p, c->interface, &is_up)) {
		skip(p, CHECK_OFFLOAD, CHECK_JOINED, "there is no interface");
		return;
	}
	look_at_card(p, c->interface);
	if (c->join == JOIN_NONE) {
		skip(p, CHECK_RP_FILTER, CHECK_JOINED, "capture.join is none");
		return;
	}
	look_at_limits(p, c->interface);
	if (c->join == JOIN_DEMAND) {
		skip(p, CHECK_JOINED, CHECK_JOINED,
		     "capture.join is demand: what no peer wants is not joined");
		return;
	}
	look_at_joins(p, c->interface, is_up);
}
