/* SPDX-License-Identifier: Apache-2.0 */
/* What is between the halves: checks 20 to 29. */
#include <stdlib.h>
#include <string.h>

#include "check/judge.h"
#include "check/preflight.h"
#include "check/reach.h"
#include "check/sockets.h"

static bool
is_taken(const struct preflight *p, const struct listen_settings *l)
{
	bool tls = l->transport == TRANSPORT_TLS;
	char *text = host_read(&p->host, tls ? "/proc/net/tcp" : "/proc/net/udp");
	bool taken = text != NULL && sockets_has(text, l->transport, l->address);

	free(text);
	return taken;
}

static void
look_at_listeners(struct preflight *p)
{
	char name[NIC_NAME_BYTES];

	for (size_t i = 0; i < p->half.both.listen_count; i++) {
		const struct listen_settings *l = &p->half.both.listen[i];
		const struct listen_facts facts = {
			.at = l->address,
			.transport = l->transport,
			.is_here = l->address.addr == 0 ||
				   nic_of_address(l->address.addr, name),
			.taken = is_taken(p, l),
			.running = p->running.status != NULL,
		};

		judge_listen(findings_add(p->findings, CHECK_LISTEN), &facts);
	}
	if (p->half.both.listen_count == 0)
		finding_set(findings_add(p->findings, CHECK_LISTEN), FINDING_SKIP,
			    "this half dials, and does not listen");
}

/* Addresses are numbers in both files: what DNS says cannot break a path. */
static void
look_at_names(struct preflight *p)
{
	finding_set(findings_add(p->findings, CHECK_NAMES), FINDING_OK,
		    "none to be resolved: every address in the configuration is a "
		    "number");
}

static size_t
count_paths(const struct half *h)
{
	size_t n = 0;

	for (size_t i = 0; i < h->both.remote_count; i++)
		n += h->both.remotes[i].path_count;
	return n;
}

static void
list_paths(const struct half *h, struct reach *r)
{
	for (size_t i = 0; i < h->both.remote_count; i++)
		for (size_t k = 0; k < h->both.remotes[i].path_count; k++)
			*r++ = (struct reach){.remote = h->both.remotes[i].name,
					      .slot = k,
					      .path = &h->both.remotes[i].paths[k]};
}

static void
skip_paths(struct preflight *p, const char *why)
{
	static const enum check_id checks[] = {CHECK_ROUTE, CHECK_REACH,
					       CHECK_PATH_MTU};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		finding_set(findings_add(p->findings, checks[i]), FINDING_SKIP, "%s",
			    why);
}

static void
judge_paths(struct preflight *p, const struct reach *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		reach_judge_route(findings_add(p->findings, CHECK_ROUTE), &r[i]);
	for (size_t i = 0; i < n; i++)
		reach_judge(findings_add(p->findings, CHECK_REACH), &r[i]);
	for (size_t i = 0; i < n; i++)
		reach_judge_mtu(findings_add(p->findings, CHECK_PATH_MTU), &r[i]);
}

static void
look_at_paths(struct preflight *p)
{
	size_t n = count_paths(&p->half);
	struct reach *r;

	if (n == 0) {
		skip_paths(p, "this half dials nobody; check on the other one");
		return;
	}
	r = calloc(n, sizeof(*r));
	if (r != NULL)
		list_paths(&p->half, r);
	if (r != NULL && reach_try(r, n, PREFLIGHT_TIMEOUT_NS) == 0)
		judge_paths(p, r, n);
	else
		skip_paths(p, "out of memory");
	free(r);
}

void
check_line(struct preflight *p)
{
	look_at_listeners(p);
	look_at_names(p);
	look_at_paths(p);
}
