/* SPDX-License-Identifier: Apache-2.0 */
/* What EC2 answers, and what else may come in its place. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/domain.h"
#include "cloud/keys.h"
#include "cloud/reply.h"
#include "cloud/xml.h"
#include "suite.h"

/* ---- the reader ---- */

struct seen {
	char text[1024];
	unsigned int stop_after; /* 0: never */
	unsigned int count;
};

static bool
note(void *arg, const char *path, const char *text)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%s=%s;", path,
		 text != NULL ? text : "(elements)");
	return ++s->count != s->stop_after;
}

static bool
walk(const char *xml, struct seen *s)
{
	*s = (struct seen){.count = 0};
	return xml_walk(xml, strlen(xml), note, s);
}

static void
reads(const char *xml, const char *expected)
{
	struct seen s;

	ck_assert_msg(walk(xml, &s), "refused: %s", xml);
	ck_assert_str_eq(s.text, expected);
}

START_TEST(well_formed)
{
	reads("<a/>", "");
	reads("<a></a>\n", "");
	reads("<?xml version=\"1.0\"?>\n<!-- > --><a><b>x</b><c/></a>", "b=x;c=;");
	reads("<a><b><c>1</c> <c>2</c></b></a>", "b/c=1;b/c=2;b=(elements);");
	reads("<a x='>' y=\"/>\"><b z='1' >t</b ></a>", "b=t;");
	reads("<a><b>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#10;&#xffff;</b></a>",
	      "b=<>&\"'AB??;");
	reads("<n:a xmlns:n='u'><n:b/></n:a>", "n:b=;");
}
END_TEST

START_TEST(not_well_formed)
{
	static const char *const hostile[] = {
		"",
		" ",
		"x",
		"<",
		"<a",
		"<a>",
		"<a><b></a></b>",
		"<a></b>",
		"</a>",
		"<a></a></a>",
		"<a></a><b></b>",
		"<a></a>x",
		"<a/x>",
		"<a b='",
		"<a <b>></a>",
		"< a></a>",
		"<a><b>&</b></a>",
		"<a><b>&amp</b></a>",
		"<a><b>&unknown;</b></a>",
		"<a><b>&#;</b></a>",
		"<a><b>&#x;</b></a>",
		"<a><b>&#-1;</b></a>",
		"<a><b>&#12345678901234567890;</b></a>",
		"<!DOCTYPE a [<!ENTITY x \"y\">]><a/>",
		"<a><![CDATA[x]]></a>",
		"<a><!-- </a>",
		"<a><? </a>",
		"<?xml",
	};
	struct seen s;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		ck_assert_msg(!walk(hostile[i], &s), "taken: %s", hostile[i]);
	ck_assert(!xml_walk("<a>\0</a>", 8, note, &s));
}
END_TEST

/* What is one too many is refused, whatever it is. */
START_TEST(bounds)
{
	static char xml[XML_TEXT_BYTES + 64];
	struct seen s;
	size_t len = 0;

	for (int i = 0; i < XML_DEPTH_MAX; i++)
		len += (size_t)sprintf(xml + len, "<a>");
	for (int i = 0; i < XML_DEPTH_MAX; i++)
		len += (size_t)sprintf(xml + len, "</a>");
	ck_assert(walk(xml, &s));
	len = 0;
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		len += (size_t)sprintf(xml + len, "<a>");
	for (int i = 0; i <= XML_DEPTH_MAX; i++)
		len += (size_t)sprintf(xml + len, "</a>");
	ck_assert(!walk(xml, &s));

	sprintf(xml, "<a><b>%0*d</b></a>", XML_TEXT_BYTES - 1, 0);
	ck_assert(walk(xml, &s));
	sprintf(xml, "<a><b>%0*d</b></a>", XML_TEXT_BYTES, 0);
	ck_assert(!walk(xml, &s));
	sprintf(xml, "<a><b%0*d></b></a>", XML_PATH_BYTES, 0);
	ck_assert(!walk(xml, &s));
}
END_TEST

START_TEST(visitor_ends)
{
	struct seen s = {.stop_after = 2};
	const char *xml = "<a><b/><c/><d/></a>";

	ck_assert(!xml_walk(xml, strlen(xml), note, &s));
	ck_assert_str_eq(s.text, "b=;c=;");
}
END_TEST

/* ---- replies ---- */

static const char members[] =
	"<SearchTransitGatewayMulticastGroupsResponse xmlns='u'><requestId>1</requestId>"
	"<multicastGroups>"
	"<item><groupIpAddress>239.1.1.1</groupIpAddress><groupMember>true</groupMember>"
	"<groupSource>false</groupSource><memberType>igmp</memberType>"
	"<networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId></item>"
	"<item><groupIpAddress>ff0e::1</groupIpAddress></item>"
	"<item><groupIpAddress>239.1.1.2</groupIpAddress><groupMember>false</groupMember>"
	"<groupSource>true</groupSource><sourceType>static</sourceType>"
	"<networkInterfaceId>eni;rm -rf</networkInterfaceId></item>"
	"</multicastGroups><nextToken>t+/=</nextToken>"
	"</SearchTransitGatewayMulticastGroupsResponse>";

START_TEST(who_is_in_a_group)
{
	struct reply_members m = {0};
	char next[REPLY_TOKEN_BYTES];

	ck_assert_int_eq(reply_members(members, sizeof(members) - 1, &m, next), 0);
	ck_assert_str_eq(next, "t+/=");
	ck_assert_uint_eq(m.count, 2);
	ck_assert_uint_eq(m.list[0].group, 0xef010101);
	ck_assert(m.list[0].is_member && !m.list[0].is_source && m.list[0].by_igmp);
	ck_assert_str_eq(m.list[0].interface, "eni-1");
	ck_assert_str_eq(m.list[0].subnet, "subnet-1");
	ck_assert_uint_eq(m.list[1].group, 0xef010102);
	ck_assert(!m.list[1].is_member && m.list[1].is_source && !m.list[1].by_igmp);
	ck_assert_str_eq(m.list[1].interface, "");
	/* The next page adds. */
	ck_assert_int_eq(reply_members(members, sizeof(members) - 1, &m, next), 0);
	ck_assert_uint_eq(m.count, 4);
	free(m.list);
}
END_TEST

/* Cut anywhere it is refused, but behind its last bracket. */
START_TEST(truncated)
{
	char next[REPLY_TOKEN_BYTES];

	for (size_t len = 0; len < sizeof(members) - 1; len++) {
		struct reply_members m = {0};
		char *copy = malloc(len > 0 ? len : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, members, len);
		ck_assert_int_eq(reply_members(copy, len, &m, next), -EPROTO);
		free(copy);
		free(m.list);
	}
}
END_TEST

/* As many as a hostile answer likes, but no more than there is a bound. */
START_TEST(too_many)
{
	static const char item[] =
		"<item><groupIpAddress>239.0.0.1</groupIpAddress></item>";
	size_t count = REPLY_ITEMS_MAX + 1, len = 0;
	char *xml = malloc(count * sizeof(item) + 128), next[REPLY_TOKEN_BYTES];
	struct reply_members m = {0};

	ck_assert_ptr_nonnull(xml);
	len += (size_t)sprintf(xml, "<r><multicastGroups>");
	for (size_t i = 0; i < count; i++) {
		memcpy(xml + len, item, sizeof(item) - 1);
		len += sizeof(item) - 1;
	}
	len += (size_t)sprintf(xml + len, "</multicastGroups></r>");
	ck_assert_int_eq(reply_members(xml, len, &m, next), -E2BIG);
	ck_assert_uint_eq(m.count, REPLY_ITEMS_MAX);
	free(m.list);
	free(xml);
}
END_TEST

/* Another reply, or none, is not one with nothing in it. */
START_TEST(another_reply)
{
	static const char empty[] = "<r><multicastGroups/></r>",
			  other[] = "<r><x/></r>";
	struct reply_members m = {0};
	char next[REPLY_TOKEN_BYTES];

	ck_assert_int_eq(reply_members(empty, sizeof(empty) - 1, &m, next), 0);
	ck_assert_uint_eq(m.count, 0);
	ck_assert_str_eq(next, "");
	ck_assert_int_eq(reply_members(other, sizeof(other) - 1, &m, next), -EPROTO);
}
END_TEST

START_TEST(a_domain)
{
	static const char xml[] =
		"<r><transitGatewayMulticastDomains><item>"
		"<transitGatewayMulticastDomainId>tgw-mcast-domain-0a</"
		"transitGatewayMulticastDomainId><state>available</state>"
		"<options><igmpv2Support>enable</igmpv2Support>"
		"<staticSourcesSupport>disable</staticSourcesSupport></options>"
		"<tagSet><item><key>state</key><value>x</value></item></tagSet>"
		"</item></transitGatewayMulticastDomains></r>";
	struct reply_domains d = {.count = 0};
	char next[REPLY_TOKEN_BYTES];

	ck_assert_int_eq(reply_domains(xml, sizeof(xml) - 1, &d, next), 0);
	ck_assert_uint_eq(d.count, 1);
	ck_assert_str_eq(d.list[0].id, "tgw-mcast-domain-0a");
	ck_assert_str_eq(d.list[0].state, "available");
	ck_assert(d.list[0].igmp && !d.list[0].static_sources);
	/* There is room for so many. */
	for (int i = 1; i < REPLY_DOMAINS_MAX; i++)
		ck_assert_int_eq(reply_domains(xml, sizeof(xml) - 1, &d, next), 0);
	ck_assert_int_eq(reply_domains(xml, sizeof(xml) - 1, &d, next), -E2BIG);
}
END_TEST

START_TEST(an_association)
{
	static const char xml[] =
		"<r><multicastDomainAssociations>"
		"<item><subnet><subnetId>subnet-1</subnetId><state>associated</state>"
		"</subnet></item><item><subnet><subnetId>subnet-2</subnetId>"
		"<state>disassociating</state></subnet></item>"
		"</multicastDomainAssociations></r>";
	struct reply_association a = {.subnet = "subnet-1"}, b = {.subnet = "subnet-3"};
	char next[REPLY_TOKEN_BYTES];

	ck_assert_int_eq(reply_association(xml, sizeof(xml) - 1, &a, next), 0);
	ck_assert_str_eq(a.state, "associated");
	ck_assert_uint_eq(a.count, 2);
	ck_assert_int_eq(reply_association(xml, sizeof(xml) - 1, &b, next), 0);
	ck_assert_str_eq(b.state, "");
}
END_TEST

START_TEST(an_interface)
{
	static const char xml[] =
		"<r><networkInterfaceSet><item><networkInterfaceId>eni-1</"
		"networkInterfaceId><subnetId>subnet-1</subnetId>"
		"<sourceDestCheck>true</sourceDestCheck><privateIpAddressesSet><item>"
		"<privateIpAddress>10.0.0.9</privateIpAddress></item></"
		"privateIpAddressesSet></item><item><networkInterfaceId>eni-2</"
		"networkInterfaceId></item></networkInterfaceSet></r>";
	static const char none[] = "<r><networkInterfaceSet/></r>";
	struct reply_interface i = {.id = ""}, nobody = {.id = ""};

	ck_assert_int_eq(reply_interface(xml, sizeof(xml) - 1, &i), 0);
	ck_assert_str_eq(i.id, "eni-1");
	ck_assert_str_eq(i.subnet, "subnet-1");
	ck_assert(i.is_checked);
	ck_assert_uint_eq(i.address_count, 1);
	ck_assert_uint_eq(i.addresses[0], 0x0a000009);
	ck_assert_int_eq(reply_interface(none, sizeof(none) - 1, &nobody), -ENOENT);
}
END_TEST

START_TEST(a_refusal)
{
	static const char xml[] =
		"<Response><Errors><Error><Code>AuthFailure</Code>"
		"<Message>no\x1b[31m&#27;way</Message></Error></Errors></Response>";
	struct reply_error e;

	ck_assert(reply_error(xml, sizeof(xml) - 1, &e));
	ck_assert_str_eq(e.code, "AuthFailure");
	ck_assert_str_eq(e.message, "no?[31m?way");
	ck_assert(!reply_error(members, sizeof(members) - 1, &e));
	ck_assert(!reply_error("oops", 4, &e));
}
END_TEST

/* ---- what goes into requests ---- */

START_TEST(identifiers)
{
	ck_assert(domain_is_one("tgw-mcast-domain-0c4905cef79d6e597"));
	ck_assert(!domain_is_one("tgw-mcast-domain-"));
	ck_assert(!domain_is_one("tgw-mcast-domain-0G"));
	ck_assert(!domain_is_one("tgw-mcast-domain-0&Action=TerminateInstances"));
	ck_assert(!domain_is_one("tgw-mcast-domain-00000000000000000000000000000000"));
	ck_assert(!domain_is_one("tgw"));
	ck_assert(!domain_is_one(""));
}
END_TEST

START_TEST(headers)
{
	char out[8];

	ck_assert(keys_copy(out, sizeof(out), "1234567"));
	ck_assert_str_eq(out, "1234567");
	ck_assert(!keys_copy(out, sizeof(out), "12345678"));
	ck_assert_str_eq(out, "");
	ck_assert(!keys_copy(out, sizeof(out), "a\r\nb"));
	ck_assert(!keys_copy(out, sizeof(out), "a b"));
	ck_assert(!keys_copy(out, sizeof(out), "\xc3\xa9"));
	ck_assert(!keys_copy(out, sizeof(out), ""));
	ck_assert(!keys_copy(out, sizeof(out), NULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reply");
	TCase *t = tcase_create("reply");

	tcase_add_test(t, well_formed);
	tcase_add_test(t, not_well_formed);
	tcase_add_test(t, bounds);
	tcase_add_test(t, visitor_ends);
	tcase_add_test(t, who_is_in_a_group);
	tcase_add_test(t, truncated);
	tcase_add_test(t, too_many);
	tcase_add_test(t, another_reply);
	tcase_add_test(t, a_domain);
	tcase_add_test(t, an_association);
	tcase_add_test(t, an_interface);
	tcase_add_test(t, a_refusal);
	tcase_add_test(t, identifiers);
	tcase_add_test(t, headers);
	suite_add_tcase(s, t);
	return suite_run(s);
}
