/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/xml.h"

/* One page being read. */
struct page {
	void *into;
	char *next;
	const char *list; /* the element that must be there, with nothing in it too */
	bool has_list;
	int error;
};

/* What is no identifier stays "". */
static void
put_id(char out[REPLY_ID_BYTES], const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	if (text[len] == '\0' && len < REPLY_ID_BYTES)
		memcpy(out, text, len + 1);
}

static bool
put_address(uint32_t *out, const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

/* path is prefix and a name below it: the name. */
static const char *
below(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(path, prefix, len) == 0 && path[len] == '/' ? path + len + 1
								   : NULL;
}

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* What all pages have: the token of the next, and their list. */
static void
take_common(struct page *p, const char *path, const char *text)
{
	if (text != NULL && is(path, "nextToken"))
		snprintf(p->next, REPLY_TOKEN_BYTES, "%s", text);
	if (is(path, p->list))
		p->has_list = true;
}

static int
read_page(struct page *p, const char *text, size_t len, xml_visit *visit)
{
	p->next[0] = '\0';
	if (!xml_walk(text, len, visit, p) && p->error == 0)
		p->error = -EPROTO;
	return p->error != 0 ? p->error : p->has_list ? 0 : -EPROTO;
}

/* ---- members ---- */

#define GROUPS "multicastGroups"

struct members_page {
	struct page page; /* first */
	struct reply_member m;
};

static int
add_member(struct reply_members *to, const struct reply_member *m)
{
	size_t room = to->room > 0 ? 2 * to->room : 64;
	struct reply_member *list;

	if (to->count == REPLY_ITEMS_MAX)
		return -E2BIG;
	if (to->count == to->room) {
		list = realloc(to->list, room * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		to->list = list;
		to->room = room;
	}
	to->list[to->count++] = *m;
	return 0;
}

static void
take_member_field(struct reply_member *m, const char *name, const char *text)
{
	if (is(name, "groupIpAddress"))
		(void)put_address(&m->group, text);
	else if (is(name, "networkInterfaceId"))
		put_id(m->interface, text);
	else if (is(name, "subnetId"))
		put_id(m->subnet, text);
	else if (is(name, "groupMember"))
		m->is_member = is(text, "true");
	else if (is(name, "groupSource"))
		m->is_source = is(text, "true");
	else if (is(name, "memberType") || is(name, "sourceType"))
		m->by_igmp = is(text, "igmp");
}

static bool
visit_members(void *arg, const char *path, const char *text)
{
	struct members_page *p = arg;
	const char *name = below(path, GROUPS "/item");

	take_common(&p->page, path, text);
	if (name != NULL && text != NULL)
		take_member_field(&p->m, name, text);
	if (!is(path, GROUPS "/item"))
		return true;
	if (p->m.group != 0)
		p->page.error = add_member(p->page.into, &p->m);
	p->m = (struct reply_member){0};
	return p->page.error == 0;
}

int
reply_members(const char *text, size_t len, struct reply_members *members,
	      char next[REPLY_TOKEN_BYTES])
{
	struct members_page p = {
		.page = {.into = members, .next = next, .list = GROUPS}};

	return read_page(&p.page, text, len, visit_members);
}

/* ---- domains ---- */

#define DOMAINS "transitGatewayMulticastDomains"

struct domains_page {
	struct page page; /* first */
	struct reply_domain d;
};

static void
take_domain_field(struct reply_domain *d, const char *name, const char *text)
{
	if (is(name, "transitGatewayMulticastDomainId"))
		put_id(d->id, text);
	else if (is(name, "state"))
		put_id(d->state, text);
	else if (is(name, "options/igmpv2Support"))
		d->igmp = is(text, "enable");
	else if (is(name, "options/staticSourcesSupport"))
		d->static_sources = is(text, "enable");
}

static bool
visit_domains(void *arg, const char *path, const char *text)
{
	struct domains_page *p = arg;
	struct reply_domains *to = p->page.into;
	const char *name = below(path, DOMAINS "/item");

	take_common(&p->page, path, text);
	if (name != NULL && text != NULL)
		take_domain_field(&p->d, name, text);
	if (!is(path, DOMAINS "/item"))
		return true;
	if (to->count == REPLY_DOMAINS_MAX) {
		p->page.error = -E2BIG;
		return false;
	}
	to->list[to->count++] = p->d;
	p->d = (struct reply_domain){0};
	return true;
}

int
reply_domains(const char *text, size_t len, struct reply_domains *domains,
	      char next[REPLY_TOKEN_BYTES])
{
	struct domains_page p = {
		.page = {.into = domains, .next = next, .list = DOMAINS}};

	return read_page(&p.page, text, len, visit_domains);
}

/* ---- associations ---- */

#define ASSOCIATIONS "multicastDomainAssociations"

struct associations_page {
	struct page page; /* first */
	char subnet[REPLY_ID_BYTES], state[REPLY_ID_BYTES];
};

static bool
visit_associations(void *arg, const char *path, const char *text)
{
	struct associations_page *p = arg;
	struct reply_association *to = p->page.into;
	const char *name = below(path, ASSOCIATIONS "/item");

	take_common(&p->page, path, text);
	if (name != NULL && text != NULL && is(name, "subnet/subnetId"))
		put_id(p->subnet, text);
	else if (name != NULL && text != NULL && is(name, "subnet/state"))
		put_id(p->state, text);
	if (!is(path, ASSOCIATIONS "/item"))
		return true;
	to->count++;
	if (is(p->subnet, to->subnet))
		memcpy(to->state, p->state, sizeof(to->state));
	p->subnet[0] = p->state[0] = '\0';
	return true;
}

int
reply_association(const char *text, size_t len, struct reply_association *a,
		  char next[REPLY_TOKEN_BYTES])
{
	struct associations_page p = {
		.page = {.into = a, .next = next, .list = ASSOCIATIONS}};

	return read_page(&p.page, text, len, visit_associations);
}

/* ---- an interface ---- */

#define INTERFACES "networkInterfaceSet"

struct interface_page {
	struct page page; /* first */
	bool done;
};

static void
take_interface_field(struct reply_interface *i, const char *name, const char *text)
{
	if (is(name, "networkInterfaceId"))
		put_id(i->id, text);
	else if (is(name, "subnetId"))
		put_id(i->subnet, text);
	else if (is(name, "sourceDestCheck"))
		i->is_checked = is(text, "true");
	else if (is(name, "privateIpAddressesSet/item/privateIpAddress") &&
		 i->address_count < REPLY_ADDRESSES_MAX &&
		 put_address(&i->addresses[i->address_count], text))
		i->address_count++;
}

static bool
visit_interface(void *arg, const char *path, const char *text)
{
	struct interface_page *p = arg;
	const char *name = below(path, INTERFACES "/item");

	take_common(&p->page, path, text);
	if (name != NULL && text != NULL && !p->done)
		take_interface_field(p->page.into, name, text);
	if (is(path, INTERFACES "/item"))
		p->done = true;
	return true;
}

int
reply_interface(const char *text, size_t len, struct reply_interface *i)
{
	char unused[REPLY_TOKEN_BYTES];
	struct interface_page p = {
		.page = {.into = i, .next = unused, .list = INTERFACES}};
	int rc = read_page(&p.page, text, len, visit_interface);

	return rc == 0 && i->id[0] == '\0' ? -ENOENT : rc;
}

/* ---- a refusal ---- */

static void
put_printable(char *out, size_t bytes, const char *text)
{
	snprintf(out, bytes, "%s", text);
	for (char *c = out; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

static bool
visit_error(void *arg, const char *path, const char *text)
{
	struct reply_error *e = arg;

	if (text != NULL && is(path, "Errors/Error/Code") && e->code[0] == '\0')
		put_printable(e->code, sizeof(e->code), text);
	else if (text != NULL && is(path, "Errors/Error/Message"))
		put_printable(e->message, sizeof(e->message), text);
	return true;
}

bool
reply_error(const char *text, size_t len, struct reply_error *e)
{
	*e = (struct reply_error){0};
	return xml_walk(text, len, visit_error, e) && e->code[0] != '\0';
}
