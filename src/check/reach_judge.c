/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "check/reach.h"
#include "path/endpoint.h"

#define TCP_HEADER_BYTES 40 /* IPv4 and TCP, without options */

struct place {
	char text[128];
};

/* "vpc-a path 0 (dtls 10.9.0.5:7443)" */
static struct place
place_of(const struct reach *r)
{
	char address[ENDPOINT_TEXT_BYTES];
	struct place p;

	snprintf(p.text, sizeof(p.text), "%s path %zu (%s %s)", r->remote, r->slot,
		 r->path->transport == TRANSPORT_TLS ? "tls" : "dtls",
		 endpoint_text(r->path->connect, address));
	return p;
}

static struct place
host_of(uint32_t addr)
{
	struct place p;

	snprintf(p.text, sizeof(p.text), "%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff,
		 addr >> 8 & 0xff, addr & 0xff);
	return p;
}

void
reach_judge_route(struct finding *f, const struct reach *r)
{
	if (r->dial_error == 0) {
		finding_set(f, FINDING_OK, "%s leaves by %s", place_of(r).text,
			    host_of(r->source).text);
	} else if (r->dial_error == EADDRNOTAVAIL) {
		finding_set(f, FINDING_FAIL, "%s: %s is not an address of this host",
			    place_of(r).text, host_of(r->path->bind).text);
		finding_cause(f, "bind of this path");
		finding_remedy(f, "give bind an address of this host (ip -4 addr), or "
				  "leave it out");
	} else {
		finding_set(f, FINDING_FAIL, "%s: %s", place_of(r).text,
			    strerror(r->dial_error));
		finding_cause(f, "this host has no route to it, or the interface that "
				 "has it is down");
		finding_remedy(f,
			       "add the route (ip route get %s), or set the "
			       "interface up",
			       host_of(r->path->connect.addr).text);
	}
}

static void
judge_no_answer(struct finding *f, const struct reach *r, int error)
{
	bool tls = r->path->transport == TRANSPORT_TLS;

	if (error == ECONNREFUSED) {
		finding_set(f, FINDING_FAIL, "%s: refused", place_of(r).text);
		finding_cause(f,
			      "the host answers, and nothing listens on this port "
			      "for %s; or a firewall rejects it",
			      tls ? "tls" : "dtls");
		finding_remedy(f, "start the daemon there; compare connect and "
				  "transport with listen there");
		return;
	}
	finding_set(f, FINDING_FAIL, "%s: %s", place_of(r).text,
		    error != 0 ? strerror(error) : "no answer");
	finding_cause(f,
		      "the line is down, a firewall or security group drops %s to "
		      "this port, or the way back is missing",
		      tls ? "TCP" : "UDP");
	finding_remedy(f,
		       "let %s to port %u pass on both sides, and look at the routes "
		       "of both hosts",
		       tls ? "TCP" : "UDP", r->path->connect.port);
}

void
reach_judge(struct finding *f, const struct reach *r)
{
	bool tls = r->path->transport == TRANSPORT_TLS;

	if (r->dial_error != 0)
		finding_set(f, FINDING_SKIP, "%s: nothing could be sent",
			    place_of(r).text);
	else if (tls ? r->tcp_up : r->answered)
		finding_set(f, FINDING_OK, "%s: %s", place_of(r).text,
			    tls ? "connected" : "answered");
	else
		judge_no_answer(f, r, tls ? r->tcp_error : r->udp_error);
}

/* What was tried is no bound of what the line takes. */
static void
judge_passes(struct finding *f, const struct reach *r)
{
	bool more = (uint32_t)r->device_mtu > r->tried &&
		    (r->path->mtu == 0 || r->path->mtu > r->tried);

	finding_set(f, FINDING_OK, "%s: %u bytes get there%s", place_of(r).text,
		    r->proven, more ? "; longer ones cannot be tried" : "");
}

/* TCP follows what ICMP tells; datagrams are split, and each packet costs. */
static void
judge_told(struct finding *f, const struct reach *r)
{
	bool tls = r->path->transport == TRANSPORT_TLS;

	finding_set(f, tls ? FINDING_OK : FINDING_WARN,
		    "%s: %u bytes, though the interface takes %d%s", place_of(r).text,
		    r->told_mtu, r->device_mtu, tls ? "; TCP follows" : "");
	if (tls)
		return;
	finding_cause(f, "a narrower hop on the way, which says so by ICMP, or the "
			 "route's own mtu; longer datagrams are split");
	finding_remedy(f,
		       "widen the line; or set mtu: %u for this path and the same on "
		       "the other half, so that nothing depends on ICMP",
		       r->told_mtu);
}

/* Longer ones vanish, and nobody says so. */
static void
judge_swallowed(struct finding *f, const struct reach *r)
{
	finding_set(f, FINDING_FAIL,
		    "%s: %u bytes get there, longer packets vanish (%u tried)",
		    place_of(r).text, r->proven, r->tried);
	finding_cause(f,
		      "a hop on the way takes no more, and its ICMP (type 3, code 4) "
		      "does not arrive");
	if (r->path->transport == TRANSPORT_TLS)
		finding_remedy(f,
			       "let that ICMP pass, or: ip route add %s ... mtu lock "
			       "%u, on both hosts",
			       host_of(r->path->connect.addr).text, r->proven);
	else
		finding_remedy(f, "set mtu: %u for this path, or let that ICMP pass",
			       r->proven);
}

static void
judge_unknown(struct finding *f, const struct reach *r)
{
	if (r->tcp_up)
		finding_set(f, FINDING_SKIP,
			    "%s: cannot be found out, since nothing answers there over "
			    "UDP; TCP agreed on segments of %d bytes, of which a hop "
			    "in between knows nothing",
			    place_of(r).text, r->tcp_segment);
	else
		finding_set(f, FINDING_SKIP, "%s: nothing answers", place_of(r).text);
}

void
reach_judge_mtu(struct finding *f, const struct reach *r)
{
	uint32_t used = r->tried;

	if (r->told_mtu != 0 && r->told_mtu < used)
		used = r->told_mtu;
	if (r->path->transport == TRANSPORT_TLS && r->tcp_segment != 0 &&
	    (uint32_t)r->tcp_segment + TCP_HEADER_BYTES < used)
		used = (uint32_t)r->tcp_segment + TCP_HEADER_BYTES;
	if (r->proven == 0)
		judge_unknown(f, r);
	else if (r->proven >= r->tried)
		judge_passes(f, r);
	else if (r->told_mtu != 0 && r->told_mtu < r->unproven)
		judge_told(f, r);
	else if (used <= r->proven)
		judge_passes(f, r);
	else
		judge_swallowed(f, r);
}
