/* SPDX-License-Identifier: Apache-2.0 */
/* The instance and the multicast domain: checks 50 to 59. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/cloud.h"
#include "check/judge.h"
#include "check/preflight.h"
#include "cloud/access.h"
#include "ctl/doc.h"

#define DOMAINS_TRIED 8 /* when it has to be found by its subnet */

/* What is known of AWS so far. */
struct cloud {
	struct preflight *preflight;
	const struct emit_settings *emit; /* NULL: a relay */
	struct imds imds;
	struct cloud_instance instance;
	struct keys keys;
	struct ec2 ec2;
	char domain[REPLY_ID_BYTES];
	int static_sources; /* of the domain; -1: not known */
};

/* ---- the instance ---- */

static void
take_allowance(void *arg, const char *name, uint64_t value)
{
	struct allowance_facts *a = arg;

	if (value == 0 || a->exceeded_count == JUDGE_ALLOWANCES_MAX)
		return;
	snprintf(a->exceeded[a->exceeded_count].name,
		 sizeof(a->exceeded[a->exceeded_count].name), "%s", name);
	a->exceeded[a->exceeded_count++].value = value;
}

static bool
look_at_driver(struct preflight *p, const char *name)
{
	struct allowance_facts a = {.interface = name};
	char driver[NIC_DRIVER_BYTES];

	nic_driver(name, driver);
	if (strcmp(driver, "ena") != 0)
		return false;
	a.count = nic_counters(name, "_allowance_exceeded", take_allowance, &a);
	judge_allowances(findings_add(p->findings, CHECK_ALLOWANCES), &a);
	return true;
}

static void
look_at_allowances(struct preflight *p)
{
	struct if_nameindex *all = if_nameindex();
	bool any = false;

	for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++)
		any = look_at_driver(p, i->if_name) || any;
	if_freenameindex(all);
	if (!any)
		finding_set(findings_add(p->findings, CHECK_ALLOWANCES), FINDING_SKIP,
			    "no interface of this host has the ena driver");
}

static void
skip(struct preflight *p, enum check_id from, const char *why)
{
	for (int id = (int)from; id < CHECK_COUNT; id++)
		finding_set(findings_add(p->findings, (enum check_id)id), FINDING_SKIP,
			    "%s", why);
}

/* "02:00:00:00:00:01", as the metadata service has it; "": it has none. */
static void
read_hardware_address(const char *interface, char text[18])
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const unsigned char *a = (const unsigned char *)ifr.ifr_hwaddr.sa_data;

	text[0] = '\0';
	if (fd < 0)
		return;
	strncpy(ifr.ifr_name, interface, sizeof(ifr.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) == 0)
		snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2],
			 a[3], a[4], a[5]);
	close(fd);
}

static int
get(struct cloud *c, const char *path, char *value)
{
	return imds_get(&c->imds, path, value, c->instance.answer.text);
}

static void
read_interface(struct cloud *c)
{
	struct cloud_instance *i = &c->instance;
	char address[18], path[128];

	if (c->emit == NULL)
		return;
	i->interface = c->emit->interface;
	read_hardware_address(i->interface, address);
	snprintf(path, sizeof(path), "network/interfaces/macs/%s/interface-id",
		 address);
	if (get(c, path, i->interface_id) != 0)
		i->interface_id[0] = '\0';
	snprintf(path, sizeof(path), "network/interfaces/macs/%s/subnet-id", address);
	if (get(c, path, i->subnet) != 0)
		i->subnet[0] = '\0';
}

static void
look_at_instance(struct cloud *c)
{
	struct cloud_instance *i = &c->instance;
	struct finding *f = findings_add(c->preflight->findings, CHECK_METADATA);

	i->answer.error =
		imds_open(&c->imds, getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
			  PREFLIGHT_TIMEOUT_NS, i->answer.text);
	if (i->answer.error == 0)
		i->answer.error = get(c, "instance-id", i->id);
	if (i->answer.error == 0)
		i->answer.error = get(c, "instance-type", i->type);
	if (i->answer.error == 0)
		i->answer.error = get(c, "placement/region", i->region);
	if (i->answer.error == 0)
		read_interface(c);
	cloud_judge_instance(f, i);
}

/* ---- access ---- */

static bool
find_keys(struct cloud *c)
{
	char unused[WEB_ERROR_BYTES];

	if (keys_from_environment(&c->keys))
		return true;
	return c->instance.answer.error == 0 && c->imds.token[0] != '\0' &&
	       imds_keys(&c->imds, &c->keys, unused) == 0;
}

static const char *
find_region(const struct cloud *c)
{
	const char *region = access_region();

	return region != NULL ? region : c->instance.region;
}

/* ---- the domain ---- */

/* The domain with which the subnet is associated. */
static int
find_domain(struct cloud *c, struct cloud_domain *d)
{
	struct reply_domains all = {.count = 0};
	int rc = ec2_domains(&c->ec2, NULL, &all, d->answer.text);

	for (size_t i = 0; rc == 0 && i < all.count && i < DOMAINS_TRIED; i++) {
		struct reply_association a = {.subnet = c->instance.subnet};

		rc = ec2_association(&c->ec2, all.list[i].id, &a, d->answer.text);
		if (rc != 0 || a.state[0] == '\0')
			continue;
		d->domain = all.list[i];
		return 0;
	}
	if (rc != 0)
		return rc;
	snprintf(d->answer.text, sizeof(d->answer.text),
		 "of %zu multicast domains none has %s", all.count, c->instance.subnet);
	return -ENOENT;
}

static int
describe_domain(struct cloud *c, struct cloud_domain *d)
{
	struct reply_domains one = {.count = 0};
	int rc = ec2_domains(&c->ec2, c->emit->domain, &one, d->answer.text);

	if (rc != 0)
		return rc;
	snprintf(d->answer.text, sizeof(d->answer.text), "%s: not found",
		 c->emit->domain);
	if (one.count == 0)
		return -ENOENT;
	d->domain = one.list[0];
	return 0;
}

/* What there is to go by: what is configured, or the subnet. */
static void
ask_for_domain(struct cloud *c, struct cloud_domain *d)
{
	d->configured = c->emit->domain != NULL;
	if (d->configured) {
		snprintf(c->domain, sizeof(c->domain), "%s", c->emit->domain);
		d->answer.error = describe_domain(c, d);
	} else if (c->instance.subnet[0] != '\0') {
		d->answer.error = find_domain(c, d);
		memcpy(c->domain, d->domain.id, sizeof(c->domain));
	} else {
		d->answer.error = -EINVAL;
		snprintf(d->answer.text, sizeof(d->answer.text),
			 "emit.domain is not configured, and the subnet is not known");
	}
	d->id = c->domain;
	c->static_sources = d->answer.error == 0 ? d->domain.static_sources : -1;
}

static void
look_at_association(struct cloud *c)
{
	struct finding *f = findings_add(c->preflight->findings, CHECK_ASSOCIATION);
	struct cloud_association a = {.domain = c->domain,
				      .of.subnet = c->instance.subnet};

	if (c->instance.subnet[0] == '\0') {
		finding_set(f, FINDING_SKIP, "of which subnet is not known (check 51)");
		return;
	}
	a.answer.error = ec2_association(&c->ec2, c->domain, &a.of, a.answer.text);
	cloud_judge_association(f, &a);
}

static void
look_at_source_check(struct cloud *c)
{
	struct finding *f = findings_add(c->preflight->findings, CHECK_SOURCE_CHECK);
	struct reply_interface i = {.id = ""};
	struct cloud_answer a;
	uint32_t source = 0;

	if (c->instance.interface_id[0] == '\0' ||
	    !nic_address(c->emit->interface, &source)) {
		finding_set(f, FINDING_SKIP,
			    "of which interface is not known (checks "
			    "41 and 51)");
		return;
	}
	a.error = ec2_interface(&c->ec2, c->instance.interface_id, &i, a.text);
	cloud_judge_source_check(f, &a, &i, source);
}

/* ---- the groups ---- */

static void
add_group(uint32_t *groups, size_t *count, uint32_t group)
{
	for (size_t i = 0; i < *count; i++)
		if (groups[i] == group)
			return;
	if (group != 0 && *count < CLOUD_GROUPS_MAX)
		groups[(*count)++] = group;
}

static void
add_emitted(uint32_t *groups, size_t *count, const json_t *remote)
{
	struct in_addr a;
	json_t *channel;
	size_t i;

	json_array_foreach(json_object_get(remote, "channels"), i, channel)
	{
		if (doc_true(channel, "active") &&
		    inet_pton(AF_INET, doc_string(channel, "group"), &a) == 1)
			add_group(groups, count, ntohl(a.s_addr));
	}
}

/* Those of the configuration, and those that the daemon emits to. */
static size_t
list_groups(const struct preflight *p, uint32_t *groups)
{
	const struct peer_settings *s = p->half.peer;
	json_t *lane, *remote;
	size_t count = 0, i, k;

	for (i = 0; i < s->output_count; i++)
		add_group(groups, &count, s->outputs[i].group);
	json_array_foreach(json_object_get(p->running.status, "lanes"), i, lane)
	{
		json_array_foreach(json_object_get(lane, "remotes"), k, remote)
			add_emitted(groups, &count, remote);
	}
	return count;
}

static void
look_at_groups(struct cloud *c)
{
	struct preflight *p = c->preflight;
	uint32_t *groups = calloc(CLOUD_GROUPS_MAX, sizeof(*groups));
	struct reply_members members = {0};
	struct cloud_groups g = {.members = &members,
				 .groups = groups,
				 .flow_pps = c->emit->quota.flow_pps};

	if (groups != NULL)
		g.group_count = list_groups(p, groups);
	g.answer.error = ec2_members(&c->ec2, c->domain, &members, g.answer.text);
	cloud_judge_members(findings_add(p->findings, CHECK_MEMBERS), &g);
	cloud_judge_sources(findings_add(p->findings, CHECK_SOURCES), &g,
			    c->static_sources, c->instance.interface_id);
	free(members.list);
	free(groups);
}

/* No answer, so that there is no use in asking more. */
static bool
is_out_of_reach(int error)
{
	return error == -EKEYREJECTED || error == -EHOSTUNREACH || error == -ETIMEDOUT;
}

static void
look_at_domain(struct cloud *c)
{
	struct preflight *p = c->preflight;
	struct cloud_domain d = {.id = ""};
	struct finding *f;

	ask_for_domain(c, &d);
	cloud_judge_access(findings_add(p->findings, CHECK_ACCESS), &d.answer, &c->keys,
			   c->ec2.region);
	if (is_out_of_reach(d.answer.error)) {
		skip(p, CHECK_DOMAIN, "the EC2 API does not answer");
		return;
	}
	f = findings_add(p->findings, CHECK_DOMAIN);
	cloud_judge_domain(f, &d);
	if (c->domain[0] == '\0' || d.answer.error == -ENOENT) {
		skip(p, CHECK_ASSOCIATION, "the multicast domain is not known");
		return;
	}
	look_at_association(c);
	look_at_source_check(c);
	look_at_groups(c);
}

static bool
is_wanted(const struct preflight *p)
{
	if (access_metadata_is_off())
		return false;
	return p->is_ec2 || getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL;
}

void
check_cloud(struct preflight *p)
{
	struct cloud c = {.preflight = p,
			  .emit = p->half.peer != NULL ? &p->half.peer->emit : NULL};

	look_at_allowances(p);
	if (is_wanted(p))
		look_at_instance(&c);
	else
		finding_set(findings_add(p->findings, CHECK_METADATA), FINDING_SKIP,
			    "this host is no EC2 instance");
	if (c.emit == NULL) {
		skip(p, CHECK_ACCESS, "a relay emits nothing");
		return;
	}
	if (!find_keys(&c)) {
		skip(p, CHECK_ACCESS,
		     "no access keys: neither AWS_ACCESS_KEY_ID and "
		     "AWS_SECRET_ACCESS_KEY, nor a role of the "
		     "instance");
		return;
	}
	c.ec2 = (struct ec2){.endpoint = getenv("AWS_ENDPOINT_URL_EC2"),
			     .region = find_region(&c),
			     .keys = &c.keys,
			     .timeout_ns = PREFLIGHT_TIMEOUT_NS};
	look_at_domain(&c);
}
