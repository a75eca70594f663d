/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture filter, run by libpcap on frames made here. The handle is one of a
 * file, so tags are in the frame; that they are found in the kernel's metadata too is
 * tested on a real interface, by tests/netns/capture.sh.
 */
#include "path/filter.h"

#include <check.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "suite.h"

#define SOURCE      0x0a000001 /* 10.0.0.1 */
#define FIRST_GROUP 0xefc80000 /* 239.200.0.0 */
#define PORT        30001
#define GROUPS_MAX  400

struct sample {
	unsigned int tags;
	uint8_t protocol;
	uint16_t offset_flags;
	uint32_t source, group;
	uint16_t port;
};

static size_t
make_frame(uint8_t *frame, size_t room, const struct sample *s)
{
	struct wr w = wr_init(frame, room);

	wr_be(&w, 0x01005e000000, 6);
	wr_be(&w, 0x020000000001, 6);
	for (unsigned int i = s->tags; i-- > 0;)
		wr_u32(&w, i > 0 ? 0x88a80007 : 0x81000005);
	wr_u16(&w, 0x0800);
	wr_u32(&w, 0x45000024);
	wr_u16(&w, 1);
	wr_u16(&w, s->offset_flags);
	wr_u16(&w, (uint16_t)(8 << 8 | s->protocol));
	wr_u16(&w, 0);
	wr_u32(&w, s->source);
	wr_u32(&w, s->group);
	wr_u16(&w, PORT);
	wr_u16(&w, s->port);
	wr_u32(&w, 16 << 16);
	wr_u64(&w, 1);
	ck_assert(!w.failed);
	return room - wr_left(&w);
}

struct fixture {
	struct channel_settings channels[GROUPS_MAX];
	size_t count;
	pcap_t *pcap;
	struct bpf_program program;
};

static void
compile(struct fixture *f, enum filter_width width)
{
	char *text = filter_text(f->channels, f->count, width);

	ck_assert_ptr_nonnull(text);
	f->pcap = pcap_open_dead(DLT_EN10MB, 2000);
	ck_assert_msg(
		pcap_compile(f->pcap, &f->program, text, 1, PCAP_NETMASK_UNKNOWN) == 0,
		"%s: %s", pcap_geterr(f->pcap), text);
	free(text);
}

static void
release(struct fixture *f)
{
	pcap_freecode(&f->program);
	pcap_close(f->pcap);
}

static bool
passes(struct fixture *f, struct sample s)
{
	uint8_t frame[128];
	struct pcap_pkthdr h = {0};

	h.caplen = h.len = (bpf_u_int32)make_frame(frame, sizeof(frame), &s);
	return pcap_offline_filter(&f->program, &h, frame) != 0;
}

static void
add_groups(struct fixture *f, size_t count)
{
	*f = (struct fixture){.count = count};
	for (size_t i = 0; i < count; i++)
		f->channels[i] = (struct channel_settings){
			.group = FIRST_GROUP + (uint32_t)i, .port = PORT};
}

static struct sample
sample_of(unsigned int tags, uint32_t group)
{
	return (struct sample){.tags = tags,
			       .protocol = 17,
			       .source = SOURCE,
			       .group = group,
			       .port = PORT};
}

/* Every group passes, with and without tags, and no other does. */
START_TEST(exact)
{
	static const size_t counts[] = {1, 2, 37, FILTER_ADDRESSES_MAX - 1};
	struct fixture f;

	add_groups(&f, counts[_i]);
	compile(&f, FILTER_EXACT);
	for (unsigned int tags = 0; tags <= 2; tags++) {
		for (size_t i = 0; i < f.count; i++)
			ck_assert(passes(&f, sample_of(tags, f.channels[i].group)));
		ck_assert(!passes(&f, sample_of(tags, FIRST_GROUP - 1)));
		ck_assert(
			!passes(&f, sample_of(tags, FIRST_GROUP + (uint32_t)f.count)));
		ck_assert(!passes(&f, sample_of(tags, SOURCE)));
	}
	ck_assert(!passes(&f, sample_of(3, FIRST_GROUP)));
	release(&f);
}
END_TEST

/* As fragments, with any port, and only as UDP. */
START_TEST(fragments_and_ports)
{
	const uint16_t more = 0x2000, later = 185, last_bit = 0x1fff;
	struct fixture f;
	struct sample s;

	add_groups(&f, 2);
	compile(&f, FILTER_EXACT);
	for (unsigned int tags = 0; tags <= 2; tags++) {
		s = sample_of(tags, FIRST_GROUP);
		s.port = 1;
		ck_assert(passes(&f, s));
		s.offset_flags = more;
		ck_assert(passes(&f, s));
		s.offset_flags = more | later;
		ck_assert(passes(&f, s));
		s.offset_flags = last_bit;
		ck_assert(passes(&f, s));
		s.protocol = 6;
		ck_assert(!passes(&f, s));
	}
	release(&f);
}
END_TEST

START_TEST(sources)
{
	struct fixture f;
	struct sample s = sample_of((unsigned int)_i, FIRST_GROUP);

	add_groups(&f, 2);
	f.channels[0].source = SOURCE;
	f.channels[1].source = SOURCE + 1;
	compile(&f, FILTER_EXACT);
	ck_assert(passes(&f, s));
	s.source = SOURCE + 2;
	ck_assert(!passes(&f, s));
	release(&f);
	f.channels[1].source = 0; /* one channel takes any: so must the filter */
	compile(&f, FILTER_EXACT);
	ck_assert(passes(&f, s));
	release(&f);
}
END_TEST

static void
assert_wide(struct fixture *f)
{
	for (unsigned int tags = 0; tags <= 2; tags++) {
		ck_assert(passes(f, sample_of(tags, FIRST_GROUP)));
		ck_assert(passes(f, sample_of(tags, 0xe1000001)));
		ck_assert(passes(f, sample_of(tags, 0xefffffff)));
		ck_assert(!passes(f, sample_of(tags, 0xe0000005))); /* link-local */
		ck_assert(!passes(f, sample_of(tags, SOURCE)));
	}
}

START_TEST(wide)
{
	struct fixture f;

	add_groups(&f, 1);
	compile(&f, FILTER_WIDE);
	assert_wide(&f);
	release(&f);
}
END_TEST

START_TEST(too_many_groups)
{
	struct fixture f;

	add_groups(&f, FILTER_ADDRESSES_MAX);
	compile(&f, FILTER_EXACT);
	ck_assert(!passes(&f, sample_of(0, FIRST_GROUP - 1)));
	release(&f);
	add_groups(&f, FILTER_ADDRESSES_MAX + 1);
	compile(&f, FILTER_EXACT);
	assert_wide(&f);
	release(&f);
}
END_TEST

/* Of no channel, whichever width: nothing. */
START_TEST(no_channel)
{
	struct fixture f;

	add_groups(&f, 0);
	compile(&f, (enum filter_width)_i);
	ck_assert(!passes(&f, sample_of(0, FIRST_GROUP)));
	ck_assert(!passes(&f, sample_of(1, FIRST_GROUP)));
	release(&f);
}
END_TEST

/* Channels of one group count once. */
START_TEST(distinct_groups)
{
	struct fixture f;

	add_groups(&f, GROUPS_MAX);
	for (size_t i = 0; i < f.count; i++)
		f.channels[i].group = FIRST_GROUP + (uint32_t)i / 4;
	compile(&f, FILTER_EXACT);
	ck_assert(passes(&f, sample_of(1, FIRST_GROUP + GROUPS_MAX / 4 - 1)));
	ck_assert(!passes(&f, sample_of(1, FIRST_GROUP + GROUPS_MAX / 4)));
	release(&f);
}
END_TEST

/* For link types without tags. */
START_TEST(plain)
{
	struct fixture f;

	add_groups(&f, 2);
	compile(&f, FILTER_EXACT_PLAIN);
	ck_assert(passes(&f, sample_of(0, FIRST_GROUP)));
	ck_assert(!passes(&f, sample_of(1, FIRST_GROUP)));
	ck_assert(!passes(&f, sample_of(0, FIRST_GROUP + 2)));
	release(&f);
	compile(&f, FILTER_WIDE_PLAIN);
	ck_assert(passes(&f, sample_of(0, FIRST_GROUP + 2)));
	ck_assert(!passes(&f, sample_of(0, 0xe0000005)));
	release(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("filter");
	TCase *tc = tcase_create("filter");

	tcase_add_loop_test(tc, exact, 0, 4);
	tcase_add_test(tc, fragments_and_ports);
	tcase_add_loop_test(tc, sources, 0, 3);
	tcase_add_test(tc, wide);
	tcase_add_test(tc, too_many_groups);
	tcase_add_loop_test(tc, no_channel, 0, FILTER_WIDTH_COUNT);
	tcase_add_test(tc, distinct_groups);
	tcase_add_test(tc, plain);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
