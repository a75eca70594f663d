/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <pcap/dlt.h>
#include <stdlib.h>

#include "build_frame.h"
#include "suite.h"

struct outcome {
	enum decap_verdict verdict;
	struct datagram d;
	struct fragment f;
};

/* The frame is moved to memory of its exact size, so that the address sanitizer
 * sees a read past its end. */
static struct outcome
decap(const struct frame *frame)
{
	struct outcome o = {.verdict = DECAP_VERDICT_COUNT};
	uint8_t *exact = malloc(frame->caplen > 0 ? frame->caplen : 1);
	struct frame copy = *frame;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, frame->bytes, frame->caplen);
	copy.bytes = exact;
	o.verdict = decap_frame(&copy, &o.d, &o.f);
	if (o.verdict == DECAP_DATAGRAM)
		o.d.payload = frame->bytes + (o.d.payload - exact);
	if (o.verdict == DECAP_FRAGMENT)
		o.f.bytes = frame->bytes + (o.f.bytes - exact);
	free(exact);
	return o;
}

static enum decap_verdict
verdict_of(const struct build *b, int link_type)
{
	struct frame frame = build_frame(b, link_type);

	return decap(&frame).verdict;
}

/* An Ethernet frame with this IP header and 100 bytes. */
static enum decap_verdict
verdict_of_ip(const struct build_ip *ip)
{
	struct build b;

	build_start(&b);
	build_ethernet(&b, 0x0800);
	build_datagram(&b, ip, 100);
	return verdict_of(&b, DLT_EN10MB);
}

static void
expect_datagram(const struct build *b, int link_type, size_t offset, size_t len)
{
	struct frame frame = build_frame(b, link_type);
	struct outcome o = decap(&frame);

	ck_assert_int_eq(o.verdict, DECAP_DATAGRAM);
	ck_assert_uint_eq(o.d.group, BUILD_GROUP);
	ck_assert_uint_eq(o.d.source, BUILD_SOURCE);
	ck_assert_uint_eq(o.d.port, BUILD_PORT);
	ck_assert_uint_eq(o.d.source_port, 40000);
	ck_assert_uint_eq(o.d.ttl, 5);
	ck_assert_uint_eq(o.d.dscp, 46);
	ck_assert_int_eq(o.d.captured.ns, 1234567890);
	ck_assert_ptr_eq(o.d.payload, b->bytes + offset);
	ck_assert_uint_eq(o.d.len, len);
}

START_TEST(ethernet)
{
	static const size_t lens[] = {0, 1, 18, 100, 1472, 65507};
	struct build b;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		build_start(&b);
		build_ethernet(&b, 0x0800);
		build_datagram(&b, &BUILD_IP, lens[i]);
		expect_datagram(&b, DLT_EN10MB, 42, lens[i]);
	}
}
END_TEST

START_TEST(other_link_types)
{
	struct build b;

	build_start(&b);
	wr_be(&b.wr, 0, 14);
	wr_u16(&b.wr, 0x0800);
	build_datagram(&b, &BUILD_IP, 33);
	expect_datagram(&b, DLT_LINUX_SLL, 44, 33);

	build_start(&b);
	wr_u16(&b.wr, 0x0800);
	wr_be(&b.wr, 0, 18);
	build_datagram(&b, &BUILD_IP, 33);
	expect_datagram(&b, DLT_LINUX_SLL2, 48, 33);

	build_start(&b);
	build_datagram(&b, &BUILD_IP, 33);
	expect_datagram(&b, DLT_RAW, 28, 33);
	expect_datagram(&b, DLT_IPV4, 28, 33);

	for (uint32_t family = 2; family != 0; family = family == 2 ? 2U << 24 : 0) {
		build_start(&b);
		wr_u32(&b.wr, family);
		build_datagram(&b, &BUILD_IP, 33);
		expect_datagram(&b, DLT_NULL, 32, 33);
	}
	ck_assert_int_eq(verdict_of(&b, DLT_IEEE802_11), DECAP_LINK_TYPE);
}
END_TEST

START_TEST(vlan_tags)
{
	static const uint16_t types[] = {0x8100, 0x88a8, 0x9100};
	struct build b;

	for (size_t tags = 1; tags <= VLAN_TAGS_MAX + 1; tags++) {
		struct frame frame;
		struct outcome o;

		build_start(&b);
		build_ethernet(&b, types[0]);
		for (size_t i = 1; i <= tags; i++) {
			wr_u16(&b.wr, (uint16_t)(0xa000 + i));
			wr_u16(&b.wr, i == tags ? 0x0800 : types[i % 3]);
		}
		build_datagram(&b, &BUILD_IP, 10);
		frame = build_frame(&b, DLT_EN10MB);
		o = decap(&frame);
		if (tags > VLAN_TAGS_MAX) {
			ck_assert_int_eq(o.verdict, DECAP_MALFORMED);
			continue;
		}
		expect_datagram(&b, DLT_EN10MB, 42 + 4 * tags, 10);
		ck_assert_uint_eq(o.d.vlan_count, tags);
		for (size_t i = 0; i < tags; i++)
			ck_assert_uint_eq(o.d.vlan[i], 0xa001 + i);
	}
}
END_TEST

START_TEST(vlan_in_cooked)
{
	struct build b;

	build_start(&b);
	wr_be(&b.wr, 0, 14);
	wr_u16(&b.wr, 0x8100);
	wr_u16(&b.wr, 19);
	wr_u16(&b.wr, 0x0800);
	build_datagram(&b, &BUILD_IP, 10);
	expect_datagram(&b, DLT_LINUX_SLL, 48, 10);

	build_start(&b);
	wr_u16(&b.wr, 0x8100);
	wr_be(&b.wr, 0, 18);
	wr_u16(&b.wr, 19);
	wr_u16(&b.wr, 0x0800);
	build_datagram(&b, &BUILD_IP, 10);
	expect_datagram(&b, DLT_LINUX_SLL2, 52, 10);
}
END_TEST

START_TEST(not_ipv4)
{
	/* ARP, IPv6, LLDP, PTP; lengths of 802.3 with LLC or SNAP behind them */
	static const uint16_t types[] = {0x0806, 0x86dd, 0x88cc,
					 0x88f7, 0x0026, 0x05dc};
	struct build b;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		build_start(&b);
		build_ethernet(&b, types[i]);
		build_datagram(&b, &BUILD_IP, 100);
		ck_assert_int_eq(verdict_of(&b, DLT_EN10MB), DECAP_NOT_IPV4);
	}
	build_start(&b);
	wr_u32(&b.wr, 30);
	build_datagram(&b, &BUILD_IP, 100);
	ck_assert_int_eq(verdict_of(&b, DLT_NULL), DECAP_NOT_IPV4);
	build_start(&b);
	wr_u8(&b.wr, 0x60);
	build_payload(&b, 60);
	ck_assert_int_eq(verdict_of(&b, DLT_RAW), DECAP_NOT_IPV4);
	ck_assert_int_eq(verdict_of(&b, DLT_IPV4), DECAP_MALFORMED);
}
END_TEST

START_TEST(options_are_skipped)
{
	struct build_ip ip = BUILD_IP;
	struct build b;

	for (ip.option_words = 1; ip.option_words <= 10; ip.option_words++) {
		build_start(&b);
		build_ethernet(&b, 0x0800);
		build_datagram(&b, &ip, 77);
		expect_datagram(&b, DLT_EN10MB, 42 + ip.option_words * 4U, 77);
	}
}
END_TEST

START_TEST(padding_is_cut)
{
	struct build b;

	build_start(&b);
	build_ethernet(&b, 0x0800);
	build_datagram(&b, &BUILD_IP, 3);
	build_payload(&b, 19);
	expect_datagram(&b, DLT_EN10MB, 42, 3);
}
END_TEST

/* RFC 768: what stands behind the UDP length is no data. */
START_TEST(surplus_behind_udp_is_cut)
{
	struct build b;

	build_start(&b);
	build_ethernet(&b, 0x0800);
	build_ipv4(&b, &BUILD_IP, 108);
	build_udp(&b, 8 + 60);
	build_payload(&b, 100);
	expect_datagram(&b, DLT_EN10MB, 42, 60);
}
END_TEST

START_TEST(udp_length_that_cannot_be)
{
	static const uint16_t lens[] = {0, 1, 7, 109, 65535};
	struct build b;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		build_start(&b);
		build_ethernet(&b, 0x0800);
		build_ipv4(&b, &BUILD_IP, 108);
		build_udp(&b, lens[i]);
		build_payload(&b, 200);
		ck_assert_int_eq(verdict_of(&b, DLT_EN10MB), DECAP_BAD_LENGTH);
	}
	for (size_t len = 0; len < 8; len++) {
		build_start(&b);
		build_ethernet(&b, 0x0800);
		build_ipv4(&b, &BUILD_IP, len);
		build_udp(&b, 8);
		ck_assert_int_eq(verdict_of(&b, DLT_EN10MB), DECAP_BAD_LENGTH);
	}
}
END_TEST

START_TEST(headers_that_contradict_themselves)
{
	/* 0 is what segmentation offload leaves; 129 is one more than there is */
	static const int totals[] = {0, 1, 19, 129, 65535};
	struct build_ip ip = BUILD_IP;
	struct build b;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		ip.total = totals[i];
		ck_assert_int_eq(verdict_of_ip(&ip), DECAP_MALFORMED);
	}
	ip = BUILD_IP;
	ip.version = 5;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_MALFORMED);
	ip = BUILD_IP;
	ip.option_words = 10;
	ip.total = 59;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_MALFORMED);

	build_start(&b);
	build_ethernet(&b, 0x0800);
	build_datagram(&b, &BUILD_IP, 100);
	b.bytes[14] = 0x44; /* a header of 16 bytes */
	ck_assert_int_eq(verdict_of(&b, DLT_EN10MB), DECAP_MALFORMED);
}
END_TEST

/* At every place a frame can be cut: by the snapshot length it is TRUNCATED, on
 * the wire MALFORMED. */
START_TEST(cut_anywhere)
{
	struct build_ip ip = BUILD_IP;
	struct build b;
	size_t whole;

	ip.option_words = 2;
	build_start(&b);
	build_ethernet(&b, 0x88a8);
	wr_u32(&b.wr, 0x00138100);
	wr_u32(&b.wr, 0x00140800);
	build_datagram(&b, &ip, 100);
	whole = build_len(&b);
	build_payload(&b, 4);
	for (size_t cut = 0; cut < whole + 4; cut++) {
		struct frame frame = build_frame(&b, DLT_EN10MB);
		bool enough = cut >= whole;

		frame.caplen = cut;
		ck_assert_int_eq(decap(&frame).verdict,
				 enough ? DECAP_DATAGRAM : DECAP_TRUNCATED);
		frame.len = cut;
		ck_assert_int_eq(decap(&frame).verdict,
				 enough ? DECAP_DATAGRAM : DECAP_MALFORMED);
		frame.len = 0; /* a capture file that lies; what is here counts */
		ck_assert_int_eq(decap(&frame).verdict,
				 enough ? DECAP_DATAGRAM : DECAP_MALFORMED);
	}
}
END_TEST

START_TEST(addresses)
{
	static const struct {
		uint32_t group, source;
		enum decap_verdict verdict;
	} cases[] = {
		{0xe0000000, BUILD_SOURCE, DECAP_LINK_LOCAL},
		{0xe0000002, BUILD_SOURCE, DECAP_LINK_LOCAL},
		{0xe00000ff, BUILD_SOURCE, DECAP_LINK_LOCAL},
		{0xe0000100, BUILD_SOURCE, DECAP_DATAGRAM},
		{0xefffffff, BUILD_SOURCE, DECAP_DATAGRAM},
		{0xdfffffff, BUILD_SOURCE, DECAP_NOT_MULTICAST},
		{0xf0000000, BUILD_SOURCE, DECAP_NOT_MULTICAST},
		{0xffffffff, BUILD_SOURCE, DECAP_NOT_MULTICAST},
		{0x0a0000ff, BUILD_SOURCE, DECAP_NOT_MULTICAST},
		{BUILD_GROUP, 0, DECAP_MULTICAST_SOURCE},
		{BUILD_GROUP, 0xe0000001, DECAP_MULTICAST_SOURCE},
		{BUILD_GROUP, 0xefffffff, DECAP_MULTICAST_SOURCE},
		{BUILD_GROUP, 0xffffffff, DECAP_MULTICAST_SOURCE},
		{BUILD_GROUP, 0xf0000001, DECAP_DATAGRAM}, /* some clouds use class E */
		{BUILD_GROUP, 0x7f000001, DECAP_DATAGRAM},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build_ip ip = BUILD_IP;

		ip.group = cases[i].group;
		ip.source = cases[i].source;
		ck_assert_int_eq(verdict_of_ip(&ip), cases[i].verdict);
		/* refused before it could take memory of the pool */
		ip.flags_offset = 0x2000;
		if (cases[i].verdict != DECAP_DATAGRAM)
			ck_assert_int_eq(verdict_of_ip(&ip), cases[i].verdict);
		else
			ck_assert_int_eq(verdict_of_ip(&ip), DECAP_FRAGMENT);
	}
}
END_TEST

/* What a frame is comes before what is wrong with it. */
START_TEST(order_of_verdicts)
{
	struct build_ip ip = BUILD_IP;

	ip.protocol = 6;
	ip.total = 0;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_NOT_UDP);
	ip.flags_offset = 0x2000;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_NOT_UDP);
	ip.protocol = 2;
	ip.group = 0xe0000001;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_NOT_UDP);
	ip.protocol = 17;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_LINK_LOCAL);
	ip.group = 0x0a000001;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_NOT_MULTICAST);
	ip.group = BUILD_GROUP;
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_MALFORMED);
}
END_TEST

START_TEST(fragments)
{
	struct build_ip ip = BUILD_IP;
	struct frame frame;
	struct outcome o;
	struct build b;

	ip.flags_offset = 0x4000 | 0x2000 | 185; /* DF and MF, as some senders set */
	ip.option_words = 1;
	build_start(&b);
	build_ethernet(&b, 0x8100);
	wr_u32(&b.wr, 0x00130800);
	build_ipv4(&b, &ip, 64);
	build_payload(&b, 64 + 6); /* with padding */
	frame = build_frame(&b, DLT_EN10MB);
	o = decap(&frame);
	ck_assert_int_eq(o.verdict, DECAP_FRAGMENT);
	ck_assert_uint_eq(o.f.source, BUILD_SOURCE);
	ck_assert_uint_eq(o.f.group, BUILD_GROUP);
	ck_assert_uint_eq(o.f.id, 7);
	ck_assert_uint_eq(o.f.protocol, 17);
	ck_assert_uint_eq(o.f.ttl, 5);
	ck_assert_uint_eq(o.f.dscp, 46);
	ck_assert_uint_eq(o.f.offset_bytes, 1480);
	ck_assert(o.f.more);
	ck_assert_ptr_eq(o.f.bytes, b.bytes + 42);
	ck_assert_uint_eq(o.f.len, 64);
	ck_assert_uint_eq(o.f.vlan_count, 1);
	ck_assert_uint_eq(o.f.vlan[0], 19);
	ck_assert_int_eq(o.f.captured.ns, 1234567890);

	frame.caplen = frame.len - 7;
	ck_assert_int_eq(decap(&frame).verdict, DECAP_TRUNCATED);

	ip = BUILD_IP;
	ip.flags_offset = 0x1fff; /* the last of them */
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_FRAGMENT);
	ip.flags_offset = 0xc000; /* DF and the reserved bit: no fragment */
	ck_assert_int_eq(verdict_of_ip(&ip), DECAP_DATAGRAM);
}
END_TEST

START_TEST(names)
{
	for (int i = 0; i < DECAP_VERDICT_COUNT; i++)
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(decap_verdict_name((enum decap_verdict)i),
					 decap_verdict_name((enum decap_verdict)j));
	ck_assert_str_eq(decap_verdict_name(DECAP_LINK_TYPE), "link_type");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("decap");
	TCase *link = tcase_create("link"), *ip = tcase_create("ip");

	tcase_add_test(link, ethernet);
	tcase_add_test(link, other_link_types);
	tcase_add_test(link, vlan_tags);
	tcase_add_test(link, vlan_in_cooked);
	tcase_add_test(link, not_ipv4);
	suite_add_tcase(s, link);
	tcase_add_test(ip, options_are_skipped);
	tcase_add_test(ip, padding_is_cut);
	tcase_add_test(ip, surplus_behind_udp_is_cut);
	tcase_add_test(ip, udp_length_that_cannot_be);
	tcase_add_test(ip, headers_that_contradict_themselves);
	tcase_add_test(ip, cut_anywhere);
	tcase_add_test(ip, addresses);
	tcase_add_test(ip, order_of_verdicts);
	tcase_add_test(ip, fragments);
	tcase_add_test(ip, names);
	suite_add_tcase(s, ip);
	return suite_run(s);
}
