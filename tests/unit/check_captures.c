/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's front against real captures, with the figures that tcpdump and an
 * independent reader give. They are not part of the project: without them the
 * test says SKIP and passes.
 */
#include <check.h>
#include <errno.h>
#include <fts.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path/feed.h"
#include "path/reassemble.h"
#include "suite.h"

#define PAIRS_MAX 64
#define FEEDS_MAX 64

struct pair {
	uint32_t group;
	uint16_t port;
	unsigned int count;
};

/* What came out of one capture file, or several. */
struct tally {
	unsigned int frames, whole, damaged_files;
	unsigned int decap[DECAP_VERDICT_COUNT];
	unsigned int reassemble[REASSEMBLE_VERDICT_COUNT];
	unsigned int feed[FEEDS_MAX][FEED_VERDICT_COUNT];
	uint64_t missing[FEEDS_MAX];
	struct pair pairs[PAIRS_MAX];
	size_t pair_count;
	struct datagram last; /* without its payload */
};

static char root[4096];

static void
add_pair(struct tally *t, const struct datagram *d)
{
	size_t i;

	for (i = 0; i < t->pair_count; i++)
		if (t->pairs[i].group == d->group && t->pairs[i].port == d->port)
			break;
	if (i == PAIRS_MAX)
		return;
	if (i == t->pair_count)
		t->pairs[t->pair_count++] = (struct pair){d->group, d->port, 0};
	t->pairs[i].count++;
}

static unsigned int
pair_count(const struct tally *t, uint32_t group, uint16_t port)
{
	for (size_t i = 0; i < t->pair_count; i++)
		if (t->pairs[i].group == group && t->pairs[i].port == port)
			return t->pairs[i].count;
	return 0;
}

static void
take_datagram(struct tally *t, struct feed *feeds, const struct datagram *d)
{
	t->whole++;
	add_pair(t, d);
	for (int i = 0; i < (int)feed_count(); i++) {
		struct feed_result r = feed_check(&feeds[i], i, d->payload, d->len);

		t->feed[i][r.verdict]++;
		t->missing[i] += r.missing;
	}
	t->last = *d;
	t->last.payload = NULL;
}

static void
take_frame(struct tally *t, struct reassembly *r, struct feed *feeds,
	   const struct frame *frame)
{
	struct datagram d;
	struct fragment f;
	enum decap_verdict v = decap_frame(frame, &d, &f);
	enum reassemble_verdict whole;

	t->frames++;
	t->decap[v]++;
	if (v == DECAP_FRAGMENT) {
		whole = reassemble_put(r, (mono_t){0}, &f, &d, &v);
		t->reassemble[whole]++;
	}
	if (v == DECAP_DATAGRAM)
		take_datagram(t, feeds, &d);
}

static void
read_all(struct tally *t, pcap_t *pcap)
{
	struct reassembly *r = reassemble_new(4, NS_PER_S);
	struct feed feeds[FEEDS_MAX] = {0};
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	int got;

	ck_assert_ptr_nonnull(r);
	while ((got = pcap_next_ex(pcap, &h, &bytes)) == 1) {
		struct frame frame = {.link_type = pcap_datalink(pcap),
				      .bytes = bytes,
				      .caplen = h->caplen,
				      .len = h->len};

		take_frame(t, r, feeds, &frame);
	}
	t->damaged_files += got == PCAP_ERROR;
	ck_assert_uint_eq(reassemble_expire(r, (mono_t){NS_PER_S}), 0);
	reassemble_free(r);
}

/* gzip too, by zcat; the file's name is the test's own, or of the tree's. */
static void
read_file(struct tally *t, const char *path)
{
	char command[4200], error[PCAP_ERRBUF_SIZE];
	size_t len = strlen(path);
	bool packed = len > 3 && strcmp(path + len - 3, ".gz") == 0;
	FILE *file, *pipe = NULL;
	pcap_t *pcap;

	snprintf(command, sizeof(command), "exec zcat '%s'", path);
	if (packed)
		ck_assert_ptr_nonnull(pipe = popen(command, "r"));
	/* pcap_close() will fclose() its file, which is not for a pipe of popen() */
	file = packed ? fdopen(dup(fileno(pipe)), "r") : fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	pcap = pcap_fopen_offline(file, error);
	ck_assert_msg(pcap != NULL, "%s: %s", path, error);
	read_all(t, pcap);
	pcap_close(pcap);
	if (packed)
		ck_assert_int_eq(pclose(pipe), 0);
}

static struct tally
tally_of(const char *name)
{
	char path[4200];
	struct tally t = {0};

	snprintf(path, sizeof(path), "%s/%s", root, name);
	read_file(&t, path);
	return t;
}

/* All files below a directory but those whose path contains `except`. */
static struct tally
tally_below(const char *name, const char *except)
{
	char path[4200], *paths[] = {path, NULL};
	struct tally t = {0};
	FTSENT *e;
	FTS *fts;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	ck_assert_ptr_nonnull(fts);
	while ((e = fts_read(fts)) != NULL)
		if (e->fts_info == FTS_F && strstr(e->fts_path, except) == NULL)
			read_file(&t, e->fts_path);
	fts_close(fts);
	return t;
}

static void
expect_feed(const struct tally *t, const char *name, enum feed_verdict v,
	    unsigned int count)
{
	unsigned int got = t->feed[feed_find(name)][v];

	ck_assert_msg(got == count, "%s %s: %u, wanted %u", name, feed_verdict_name(v),
		      got, count);
}

START_TEST(krx)
{
	struct tally t = tally_of("krx/mdf-kospi200.20110216-0.pcap.gz");

	ck_assert_uint_eq(t.frames, 21273);
	ck_assert_uint_eq(t.decap[DECAP_DATAGRAM], 21215);
	ck_assert_uint_eq(t.decap[DECAP_LINK_LOCAL], 21);    /* HSRP */
	ck_assert_uint_eq(t.decap[DECAP_NOT_UDP], 10);       /* IGMP, PIM */
	ck_assert_uint_eq(t.decap[DECAP_NOT_MULTICAST], 11); /* NetBIOS */
	ck_assert_uint_eq(t.decap[DECAP_NOT_IPV4], 16);      /* RSTP, which is LLC */
	ck_assert_uint_eq(t.pair_count, 11);
	ck_assert_uint_eq(pair_count(&t, 0xe925363e, 15516), 9262);
	ck_assert_uint_eq(pair_count(&t, 0xe925363d, 15515), 9186);
	ck_assert_uint_eq(pair_count(&t, 0xe9253647, 15572), 2415);
	ck_assert_uint_eq(pair_count(&t, 0xe925363e, 15520), 161);
	ck_assert_uint_eq(pair_count(&t, 0xe0000002, 1985), 0);
	ck_assert_uint_eq(t.damaged_files, 0);
}
END_TEST

START_TEST(iex_deep)
{
	struct tally t = tally_of("iex/DEEP10.pcap.gz");

	ck_assert_uint_eq(t.frames, 121314);
	ck_assert_uint_eq(t.whole, 121314);
	ck_assert_uint_eq(t.pair_count, 1);
	ck_assert_uint_eq(pair_count(&t, 0xe002030a, 16648), 121314);
	/* the first is a heartbeat, and so are the 11 that tell the restarts */
	expect_feed(&t, "iextp", FEED_FIRST, 0);
	expect_feed(&t, "iextp", FEED_RESET, 11);
	expect_feed(&t, "iextp", FEED_HEARTBEAT, 7937 - 11);
	expect_feed(&t, "iextp", FEED_NEXT, 121314 - 7937);
	ck_assert_uint_eq(t.missing[feed_find("iextp")], 0);
	ck_assert_uint_eq(t.damaged_files, 1); /* cut off in its last frame */
}
END_TEST

START_TEST(iex_tops)
{
	struct tally t = tally_of("iex/TOPS16.pcapng.gz");

	ck_assert_uint_eq(t.whole, 13022);
	ck_assert_uint_eq(pair_count(&t, 0xe04300c7, 16642), 13022);
	expect_feed(&t, "iextp", FEED_NEXT, 12785);
	expect_feed(&t, "iextp", FEED_HEARTBEAT, 237);
	ck_assert_uint_eq(t.missing[feed_find("iextp")], 0);
	ck_assert_uint_eq(t.damaged_files, 0);
}
END_TEST

/* Both lines by one count, as if they came on one channel: all of B repeats A. */
START_TEST(cme_lines)
{
	struct tally t = tally_of("cme_aat/cme_input_arb.pcap");

	ck_assert_uint_eq(t.whole, 104);
	ck_assert_uint_eq(pair_count(&t, 0xe0001f09, 14318), 52);
	ck_assert_uint_eq(pair_count(&t, 0xe0002009, 15318), 52);
	expect_feed(&t, "mdp3", FEED_FIRST, 1);
	expect_feed(&t, "mdp3", FEED_NEXT, 51);
	expect_feed(&t, "mdp3", FEED_REPEAT, 52);
}
END_TEST

START_TEST(fragmented)
{
	struct tally t = tally_of("quirks/vlan_ipfrag_padding_multicast.pcap");

	ck_assert_uint_eq(t.frames, 8);
	ck_assert_uint_eq(t.decap[DECAP_FRAGMENT], 8);
	ck_assert_uint_eq(t.reassemble[REASSEMBLE_HELD], 7);
	ck_assert_uint_eq(t.reassemble[REASSEMBLE_WHOLE], 1);
	ck_assert_uint_eq(t.whole, 1);
	ck_assert_uint_eq(t.last.len, 9401);
	ck_assert_uint_eq(t.last.group, 0xe0000202);
	ck_assert_uint_eq(t.last.port, 42102);
	ck_assert_uint_eq(t.last.ttl, 3);
	ck_assert_uint_eq(t.last.vlan_count, 1);
	ck_assert_uint_eq(t.last.vlan[0] & 0xfff, 19);
}
END_TEST

START_TEST(stacked_tags)
{
	struct tally t = tally_of("quirks/qinq_sap_multicast.pcap");

	ck_assert_uint_eq(t.whole, 2);
	ck_assert_uint_eq(t.decap[DECAP_NOT_MULTICAST], 2);
	ck_assert_uint_eq(t.decap[DECAP_NOT_IPV4], 1); /* ARP, behind both tags */
	ck_assert_uint_eq(t.last.group, 0xe0027ffe);
	ck_assert_uint_eq(t.last.port, 9875);
	ck_assert_uint_eq(t.last.len, 276);
	ck_assert_uint_eq(t.last.vlan_count, 2);
	ck_assert_uint_eq(t.last.vlan[0] & 0xfff, 13);
	ck_assert_uint_eq(t.last.vlan[1] & 0xfff, 10);

	t = tally_of("quirks/vlan_mpegts_multicast.pcap");
	ck_assert_uint_eq(t.whole, 1);
	ck_assert_uint_eq(t.last.len, 1316);
	ck_assert_uint_eq(t.last.vlan[0] & 0xfff, 3359);
}
END_TEST

/* Other link types, byte orders and protocols: known for what they are. */
START_TEST(quirks)
{
	static const struct {
		const char *name;
		unsigned int frames;
		enum decap_verdict verdict;
		unsigned int count;
	} cases[] = {
		{"quirks/802.1ad_QinQ.pcap", 2, DECAP_NOT_IPV4, 2},
		{"quirks/linux_dlt_sll2.pcap", 6, DECAP_NOT_UDP, 2},
		{"quirks/linux_dlt_sll2.pcap", 6, DECAP_NOT_IPV4, 4},
		{"quirks/sll2.pcap", 3, DECAP_NOT_UDP, 3},
		{"quirks/timestamp_invalid_nano.pcap", 3, DECAP_NOT_UDP, 3},
		{"quirks/nanosecs_big_endian.pcap", 10, DECAP_NOT_UDP, 10},
		{"quirks/vlan-pcp-dei.pcapng", 9, DECAP_NOT_UDP, 9},
		{"quirks/IGMP_V2.pcap", 18, DECAP_NOT_UDP, 18},
		{"quirks/igmpv3-queries.pcap", 6, DECAP_NOT_UDP, 6},
		{"quirks/PIM-SM_join_prune.pcap", 47, DECAP_NOT_UDP, 47},
	};
	struct tally t;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = tally_of(cases[i].name);
		ck_assert_uint_eq(t.frames, cases[i].frames);
		ck_assert_uint_eq(t.decap[cases[i].verdict], cases[i].count);
		ck_assert_uint_eq(t.damaged_files, 0);
	}
	/* interfaces of different link types: libpcap refuses the file */
	t = tally_of("quirks/many_interfaces-1.pcapng");
	ck_assert_uint_eq(t.damaged_files, 1);
}
END_TEST

/* Single datagrams of eight exchanges: the headers are what the table says. Some
 * had their addresses blanked before they were published. */
START_TEST(exchanges)
{
	static const struct {
		const char *name, *except, *framing;
		unsigned int frames, whole, blank_source, blank_group;
		unsigned int heartbeats, resets;
	} cases[] = {
		{"omi/Nasdaq", "//", "moldudp64", 247, 29, 0, 218, 2, 0},
		{"omi/Jnx", "//", "moldudp64", 5, 5, 0, 0, 0, 0},
		{"omi/Cme", "//", "mdp3", 10, 10, 0, 0, 0, 0},
		{"omi/Nyse", "Ultra", "xdp", 29, 29, 0, 0, 1, 4},
		{"omi/Cboe", "Csm", "pitch", 29, 22, 7, 0, 2, 2},
		{"omi/B3", "//", "umdf", 7, 7, 0, 0, 0, 0},
		{"omi/Iex", "//", "iextp", 39, 39, 0, 0, 1, 3},
		{"omi/Ice", "//", "impact", 15, 15, 0, 0, 1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally t = tally_below(cases[i].name, cases[i].except);

		ck_assert_uint_eq(t.frames, cases[i].frames);
		ck_assert_uint_eq(t.whole, cases[i].whole);
		ck_assert_uint_eq(t.decap[DECAP_MULTICAST_SOURCE],
				  cases[i].blank_source);
		ck_assert_uint_eq(t.decap[DECAP_NOT_MULTICAST], cases[i].blank_group);
		expect_feed(&t, cases[i].framing, FEED_MALFORMED, 0);
		expect_feed(&t, cases[i].framing, FEED_HEARTBEAT, cases[i].heartbeats);
		expect_feed(&t, cases[i].framing, FEED_RESET, cases[i].resets);
		ck_assert_uint_eq(t.damaged_files, 0);
	}
}
END_TEST

static bool
find_root(void)
{
	const char *given = getenv("TOMBOLO_CAPTURES"), *srcdir = getenv("srcdir");

	if (given != NULL)
		snprintf(root, sizeof(root), "%s", given);
	else
		snprintf(root, sizeof(root), "%s/../shared/captures",
			 srcdir != NULL ? srcdir : ".");
	return access(root, R_OK | X_OK) == 0;
}

static Suite *
captures_suite(void)
{
	Suite *s = suite_create("captures");
	TCase *tc = tcase_create("captures");

	tcase_add_test(tc, krx);
	tcase_add_test(tc, iex_deep);
	tcase_add_test(tc, iex_tops);
	tcase_add_test(tc, cme_lines);
	tcase_add_test(tc, fragmented);
	tcase_add_test(tc, stacked_tags);
	tcase_add_test(tc, quirks);
	tcase_add_test(tc, exchanges);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	if (!find_root()) {
		printf("SKIP: no captures at %s (TOMBOLO_CAPTURES)\n", root);
		return EXIT_SUCCESS;
	}
	return suite_run(captures_suite());
}
