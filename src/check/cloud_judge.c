/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "check/cloud.h"

/* AWS, Transit Gateway quotas: a group with more receivers gets less of each flow. */
#define MEMBERS_FEW 10
#define MEMBERS_MAX 100
#define PPS_OF_MANY 15000

struct group_text {
	char text[16];
};

static struct group_text
text_of(uint32_t group)
{
	struct group_text t;

	snprintf(t.text, sizeof(t.text), "%u.%u.%u.%u", group >> 24, group >> 16 & 0xff,
		 group >> 8 & 0xff, group & 0xff);
	return t;
}

/* What the answer is missing for; true when there is one. A right that the keys do not
 * have is no fault of the network. */
static bool
is_answered(struct finding *f, const struct cloud_answer *a, const char *right)
{
	if (a->error == 0)
		return true;
	finding_set(f, FINDING_SKIP, "%s", a->text);
	if (a->error == -EACCES)
		finding_remedy(f, "to have it checked, let the role or user do ec2:%s",
			       right);
	return false;
}

void
cloud_judge_instance(struct finding *f, const struct cloud_instance *i)
{
	if (i->answer.error != 0) {
		finding_set(f, FINDING_WARN, "%s", i->answer.text);
		finding_cause(f, "the metadata service is off for this instance, wants "
				 "fewer hops than a container is away, or a firewall "
				 "drops 169.254.169.254");
		finding_remedy(f, "aws ec2 modify-instance-metadata-options "
				  "--http-endpoint enabled --http-tokens required "
				  "--http-put-response-hop-limit 2 --instance-id ...");
	} else if (i->interface != NULL && i->interface_id[0] == '\0') {
		finding_set(f, FINDING_WARN,
			    "%s, %s in %s, has no interface with the "
			    "hardware address of %s",
			    i->id, i->type, i->region, i->interface);
		finding_cause(f, "emit.interface is not an interface of the VPC");
		finding_remedy(f, "emit on the network interface that is in the "
				  "multicast domain's subnet");
	} else {
		finding_set(f, FINDING_OK, "%s, %s in %s%s%s%s%s", i->id, i->type,
			    i->region, i->interface != NULL ? "; " : "",
			    i->interface != NULL ? i->interface : "",
			    i->interface != NULL ? " is " : "", i->interface_id);
	}
}

void
cloud_judge_access(struct finding *f, const struct cloud_answer *a,
		   const struct keys *keys, const char *region)
{
	switch (-a->error) {
	case EKEYREJECTED:
		finding_set(f, FINDING_FAIL, "%s", a->text);
		finding_cause(f,
			      "the keys of %s are wrong or have expired, or this "
			      "host's clock is minutes off",
			      keys->from);
		finding_remedy(f, "look at the clock (check 3), then at the keys");
		break;
	case EHOSTUNREACH:
	case ETIMEDOUT:
		finding_set(f, FINDING_FAIL, "%s", a->text);
		finding_cause(f,
			      "its name is not resolved, or its subnet has no way to "
			      "the API");
		finding_remedy(f, "a VPC endpoint for ec2 in the subnet, with private "
				  "DNS; or a NAT gateway; delivery does not need it");
		break;
	case EINVAL: /* so it was not asked */
		finding_set(f, FINDING_SKIP, "%s", a->text);
		break;
	case ENOMEM:
	case EBUSY:
	case EIO:
	case EPROTO:
	case E2BIG:
		finding_set(f, FINDING_WARN, "%s", a->text);
		finding_cause(f,
			      "the API is throttled or in trouble, or something else "
			      "answers in its place");
		finding_remedy(f, "check again in a minute");
		break;
	default: /* refused or not found: the keys are good, and somebody is there */
		finding_set(f, FINDING_OK, "answers in %s, by the keys of %s", region,
			    keys->from);
	}
}

void
cloud_judge_domain(struct finding *f, const struct cloud_domain *d)
{
	if (d->answer.error == -ENOENT) {
		finding_set(f, FINDING_FAIL, "%s", d->answer.text);
		finding_cause(f, d->configured
					 ? "emit.domain names none of this account "
					   "and region"
					 : "the subnet that is emitted into is "
					   "associated with no multicast domain: it "
					   "fails without a word");
		finding_remedy(f,
			       d->configured
				       ? "aws ec2 describe-transit-gateway-multicast-"
					 "domains"
				       : "aws ec2 associate-transit-gateway-multicast-"
					 "domain");
	} else if (!is_answered(f, &d->answer,
				"DescribeTransitGatewayMulticastDomains")) {
		return;
	} else if (strcmp(d->domain.state, "available") != 0) {
		finding_set(f, FINDING_FAIL, "%s is %s", d->id, d->domain.state);
		finding_cause(f, "it is being made or deleted");
		finding_remedy(f, "wait until it is available, or make another one");
	} else if (d->domain.static_sources && d->domain.igmp) {
		finding_set(f, FINDING_WARN, "%s: IGMPv2 and static sources", d->id);
		finding_cause(f, "a domain carries one or the other");
		finding_remedy(f, "make one with Igmpv2Support=enable, "
				  "StaticSourcesSupport=disable");
	} else {
		finding_set(f, FINDING_OK,
			    "%s: available, IGMPv2 %s, static sources %s", d->id,
			    d->domain.igmp ? "on" : "off",
			    d->domain.static_sources ? "on" : "off");
	}
}

void
cloud_judge_association(struct finding *f, const struct cloud_association *a)
{
	if (!is_answered(f, &a->answer, "GetTransitGatewayMulticastDomainAssociations"))
		return;
	if (strcmp(a->of.state, "associated") == 0) {
		finding_set(f, FINDING_OK, "%s, and %zu more subnets", a->of.subnet,
			    a->of.count - 1);
		return;
	}
	finding_set(f, FINDING_FAIL, "%s is %s", a->of.subnet,
		    a->of.state[0] != '\0' ? a->of.state : "not associated");
	finding_cause(f,
		      "what is emitted into a subnet that is not associated vanishes "
		      "without a word");
	finding_remedy(f,
		       "aws ec2 associate-transit-gateway-multicast-domain "
		       "--transit-gateway-multicast-domain-id %s --subnet-ids %s "
		       "--transit-gateway-attachment-id ...",
		       a->domain, a->of.subnet);
}

static bool
has_address(const struct reply_interface *i, uint32_t addr)
{
	for (size_t k = 0; k < i->address_count; k++)
		if (i->addresses[k] == addr)
			return true;
	return false;
}

void
cloud_judge_source_check(struct finding *f, const struct cloud_answer *a,
			 const struct reply_interface *i, uint32_t source)
{
	if (!is_answered(f, a, "DescribeNetworkInterfaces"))
		return;
	if (i->is_checked && !has_address(i, source)) {
		finding_set(f, FINDING_FAIL,
			    "%s is not an address of %s, which checks "
			    "sources",
			    text_of(source).text, i->id);
		finding_cause(f,
			      "VPC drops what an interface sends from an address that "
			      "is not its own");
		finding_remedy(f,
			       "give the interface its VPC address; or: aws ec2 "
			       "modify-network-interface-attribute "
			       "--network-interface-id %s --no-source-dest-check",
			       i->id);
	} else {
		finding_set(f, FINDING_OK, "%s: %s", i->id,
			    i->is_checked ? "on, and it sends from its own address"
					  : "off");
	}
}

/* ---- members and sources ---- */

static size_t
count_members(const struct cloud_groups *g, uint32_t group)
{
	size_t n = 0;

	for (size_t i = 0; i < g->members->count; i++)
		n += g->members->list[i].group == group &&
		     g->members->list[i].is_member;
	return n;
}

struct counts {
	size_t empty, most;
	uint32_t first_empty, largest;
};

static struct counts
count_all(const struct cloud_groups *g)
{
	struct counts c = {0};

	for (size_t i = 0; i < g->group_count; i++) {
		size_t n = count_members(g, g->groups[i]);

		if (n == 0 && c.empty++ == 0)
			c.first_empty = g->groups[i];
		if (n > c.most) {
			c.most = n;
			c.largest = g->groups[i];
		}
	}
	return c;
}

void
cloud_judge_members(struct finding *f, const struct cloud_groups *g)
{
	struct counts c;

	if (!is_answered(f, &g->answer, "SearchTransitGatewayMulticastGroups"))
		return;
	c = count_all(g);
	if (g->group_count == 0) {
		finding_set(f, FINDING_SKIP,
			    "%zu in the domain; which groups are "
			    "emitted to is seen while the daemon runs",
			    g->members->count);
	} else if (c.empty > 0) {
		finding_set(f, FINDING_WARN, "nobody is in %zu of %zu groups, first %s",
			    c.empty, g->group_count, text_of(c.first_empty).text);
		finding_cause(f,
			      "no receiver runs; or it joins by IGMPv3, from a subnet "
			      "that is not associated, or its security group keeps "
			      "IGMP out");
		finding_remedy(f, "on a receiver: sysctl -w net.ipv4.conf.IFACE."
				  "force_igmp_version=2, then join; or register it "
				  "(aws ec2 register-transit-gateway-multicast-group-"
				  "members)");
	} else if (c.most >= MEMBERS_FEW &&
		   (g->flow_pps == 0 || g->flow_pps > PPS_OF_MANY)) {
		finding_set(f, FINDING_WARN,
			    "%zu in %s, and emit.quota.flow_pps is above "
			    "%d",
			    c.most, text_of(c.largest).text, PPS_OF_MANY);
		finding_cause(f,
			      "with %d members or more a flow gets %d packets/s; a "
			      "group has %d at most",
			      MEMBERS_FEW, PPS_OF_MANY, MEMBERS_MAX);
		finding_remedy(f, "quota: {flow_pps: %d}, over_quota: pace",
			       PPS_OF_MANY);
	} else {
		finding_set(f, FINDING_OK, "in each of %zu groups, %zu at most",
			    g->group_count, c.most);
	}
}

static bool
is_source(const struct cloud_groups *g, uint32_t group, const char *interface_id)
{
	for (size_t i = 0; i < g->members->count; i++) {
		const struct reply_member *m = &g->members->list[i];

		if (m->group == group && m->is_source &&
		    strcmp(m->interface, interface_id) == 0)
			return true;
	}
	return false;
}

void
cloud_judge_sources(struct finding *f, const struct cloud_groups *g, int static_sources,
		    const char *interface_id)
{
	size_t missing = 0;
	uint32_t first = 0;

	if (!is_answered(f, &g->answer, "SearchTransitGatewayMulticastGroups"))
		return;
	if (static_sources <= 0 || interface_id[0] == '\0') {
		finding_set(f, static_sources == 0 ? FINDING_OK : FINDING_SKIP, "%s",
			    static_sources == 0 ? "any interface of the domain may send"
			    : static_sources < 0 ? "whether they must be registered is "
						   "not known (check 53)"
						 : "by which interface is not known "
						   "(check 51)");
		return;
	}
	for (size_t i = 0; i < g->group_count; i++)
		if (!is_source(g, g->groups[i], interface_id) && missing++ == 0)
			first = g->groups[i];
	if (missing == 0) {
		finding_set(f, FINDING_OK, "%s is registered for each of %zu groups",
			    interface_id, g->group_count);
		return;
	}
	finding_set(f, FINDING_FAIL, "%s is no source of %zu of %zu groups, first %s",
		    interface_id, missing, g->group_count, text_of(first).text);
	finding_cause(f, "the domain has static sources: what others send vanishes");
	finding_remedy(f,
		       "aws ec2 register-transit-gateway-multicast-group-sources "
		       "--group-ip-address %s --network-interface-ids %s "
		       "--transit-gateway-multicast-domain-id ...",
		       text_of(first).text, interface_id);
}
