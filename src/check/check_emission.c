/* SPDX-License-Identifier: Apache-2.0 */
/* How a peer gives out what it received: checks 40 to 49. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/judge.h"
#include "check/preflight.h"
#include "ctl/doc.h"
#include "path/endpoint.h"

#define ANY_GROUP 0xefff0001U /* 239.255.0.1, when the configuration names none */
#define ANY_PORT  9           /* nothing is sent */

static void
skip(struct preflight *p, enum check_id from, const char *why)
{
	for (int id = (int)from; id <= CHECK_QUOTA; id++)
		finding_set(findings_add(p->findings, (enum check_id)id), FINDING_SKIP,
			    "%s", why);
}

static uint32_t
find_group(const struct peer_settings *s)
{
	for (size_t i = 0; i < s->output_count; i++)
		if (s->outputs[i].group != 0)
			return s->outputs[i].group;
	return ANY_GROUP;
}

/* connect(2) of a datagram socket sends nothing: the kernel only decides how it would
 * send. */
static int
ask_route(struct route_facts *r, unsigned int index)
{
	const struct ip_mreqn mreq = {.imr_ifindex = (int)index};
	struct sockaddr_in to =
		endpoint_sockaddr((struct endpoint){r->group, ANY_PORT});
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return errno;
	if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof(mreq)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&from, &len) < 0)
		error = errno;
	r->source = endpoint_from(&from).addr;
	close(fd);
	return error;
}

static void
look_at_route(struct preflight *p, unsigned int index)
{
	struct route_facts r = {.interface = p->half.peer->emit.interface,
				.group = find_group(p->half.peer)};

	r.error = ask_route(&r, index);
	r.is_its_own = r.error == 0 && nic_has_address(r.interface, r.source);
	judge_multicast_route(findings_add(p->findings, CHECK_MULTICAST_ROUTE), &r);
}

static uint64_t
count_oversize(const json_t *status)
{
	json_t *lane;
	int64_t n = 0;
	size_t i;

	json_array_foreach(json_object_get(status, "lanes"), i, lane) n +=
		doc_integer(json_object_get(lane, "emit"), "oversize");
	return n > 0 ? (uint64_t)n : 0;
}

static void
look_at_size(struct preflight *p, int mtu)
{
	const struct size_facts s = {
		.interface = p->half.peer->emit.interface,
		.mtu = mtu,
		.fragment = p->half.peer->emit.fragment,
		.is_ec2 = p->is_ec2,
		.running = p->running.status != NULL,
		.oversize = count_oversize(p->running.status),
	};

	judge_emission_size(findings_add(p->findings, CHECK_EMISSION_SIZE), &s);
}

/* ---- the quota ---- */

/* Per second, of the window of 100 ms, which is what is paced to. */
static double
highest(const struct preflight *p, const char *family, double unit,
	char labels[RUNNING_LABELS_BYTES])
{
	static const char window[] = "window=\"100ms\"";
	double most = running_most(p->running.metrics, family, window, labels);

	return most < 0 ? -1 : most * 10 * unit;
}

static void
look_at_quota(struct preflight *p)
{
	char flow[RUNNING_LABELS_BYTES] = "";
	const struct quota_facts q = {
		.emit = &p->half.peer->emit,
		.is_ec2 = p->is_ec2,
		.running = p->running.metrics != NULL,
		.flow_pps = highest(p, "tombolo_peer_flow_peak_packets", 1, flow),
		.flow_bps = highest(p, "tombolo_peer_flow_peak_bytes", 8, NULL),
		.total_pps = highest(p, "tombolo_peer_emit_peak_packets", 1, NULL),
		.total_bps = highest(p, "tombolo_peer_emit_peak_bytes", 8, NULL),
		.flow = flow,
		.over = running_most(p->running.metrics,
				     "tombolo_peer_flow_over_quota_packets_total",
				     "window=\"100ms\"", NULL),
	};

	judge_quota(findings_add(p->findings, CHECK_QUOTA), &q);
}

void
check_emission(struct preflight *p)
{
	struct interface_facts facts = {0};
	char others[256];

	if (p->half.peer == NULL) {
		skip(p, CHECK_EMISSION, "a relay emits nothing");
		return;
	}
	ifstat_list(others, sizeof(others));
	facts.name = p->half.peer->emit.interface;
	facts.others = others;
	facts.error = ifstat_read(facts.name, &facts.state);
	judge_interface(findings_add(p->findings, CHECK_EMISSION), &facts);
	if (facts.error != 0) {
		skip(p, CHECK_MULTICAST_ROUTE, "there is no interface");
		return;
	}
	look_at_route(p, facts.state.index);
	look_at_size(p, facts.state.mtu);
	look_at_quota(p);
}
