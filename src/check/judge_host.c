/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "check/judge.h"
#include "path/endpoint.h"

#define CLOCK_ERROR_US 100000 /* beyond it latencies of milliseconds mean nothing */

void
judge_clock(struct finding *f, const struct clock_facts *c)
{
	if (!c->synchronized) {
		finding_set(f, FINDING_WARN, "the kernel's clock is not synchronized");
		finding_cause(f, "no chrony, ntpd or PTP disciplines it, or not yet; "
				 "latencies mean nothing, max_age misjudges, and "
				 "certificates may seem invalid");
		finding_remedy(f, "run chrony (chronyc tracking); on EC2 with server "
				  "169.254.169.123");
	} else if (c->max_error_us > CLOCK_ERROR_US) {
		finding_set(f, FINDING_WARN, "may be wrong by %lld ms",
			    (long long)(c->max_error_us / 1000));
		finding_cause(f, "its source has not been heard for long, or is far");
		finding_remedy(f, "chronyc sources; choose a nearer one");
	} else {
		finding_set(f, FINDING_OK, "synchronized, within %lld us",
			    (long long)c->max_error_us);
	}
}

void
judge_listen(struct finding *f, const struct listen_facts *l)
{
	const char *transport = l->transport == TRANSPORT_TLS ? "tls" : "dtls";
	char at[ENDPOINT_TEXT_BYTES];

	endpoint_text(l->at, at);
	if (!l->is_here) {
		finding_set(f, FINDING_FAIL, "%s %s: not an address of this host",
			    transport, at);
		finding_cause(f, "listen.address; the daemon cannot start");
		finding_remedy(f, "one of ip -4 addr, or 0.0.0.0 for all");
	} else if (l->running && !l->taken) {
		finding_set(f, FINDING_FAIL, "%s %s: the daemon does not listen there",
			    transport, at);
		finding_cause(f, "it was started with another configuration");
		finding_remedy(f, "restart it");
	} else if (!l->running && l->taken) {
		finding_set(f, FINDING_FAIL, "%s %s: taken", transport, at);
		finding_cause(f,
			      "another process has the port, and our daemon does not "
			      "answer");
		finding_remedy(f, "ss -ltunp tells who; end it, or take another port");
	} else {
		finding_set(f, FINDING_OK, "%s %s: %s", transport, at,
			    l->running ? "listens" : "free");
	}
}

void
judge_interface(struct finding *f, const struct interface_facts *i)
{
	const struct ifstat_state *s = &i->state;

	if (i->error != 0) {
		finding_set(f, FINDING_FAIL, "%s: %s", i->name, strerror(-i->error));
		finding_cause(f,
			      "there is no such interface on this host; there are: %s",
			      i->others);
		finding_remedy(f, "correct the name in the configuration");
	} else if (!s->up) {
		finding_set(f, FINDING_FAIL, "%s: down", i->name);
		finding_cause(f, "nobody has set it up");
		finding_remedy(f, "ip link set %s up", i->name);
	} else if (!s->running) {
		finding_set(f, FINDING_FAIL, "%s: no carrier", i->name);
		finding_cause(f, "the cable, the optics or the switch's port");
		finding_remedy(f, "ethtool %s; look at the other end", i->name);
	} else {
		finding_set(f, FINDING_OK, "%s: up, MTU %d", i->name, s->mtu);
	}
}
