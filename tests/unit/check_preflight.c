/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tomboloctl check: what is made of figures, of the files of /proc below a root of our
 * own, and of the papers: every number has its line in the manual and its entry in the
 * guide.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/certificate.h"
#include "check/cloud.h"
#include "check/greeting.h"
#include "check/host.h"
#include "check/igmp.h"
#include "check/judge.h"
#include "check/reach.h"
#include "check/running.h"
#include "check/sockets.h"
#include "suite.h"

/* ---- what is expected of a finding ---- */

static void
is(const struct finding *f, enum finding_result result, const char *found)
{
	ck_assert_msg(f->result == result && strstr(f->found, found) != NULL,
		      "%s: %s; wanted %s: %s", finding_result_name(f->result), f->found,
		      finding_result_name(result), found);
	if (result == FINDING_WARN || result == FINDING_FAIL)
		ck_assert(f->cause[0] != '\0' && f->remedy[0] != '\0');
	if (result == FINDING_OK)
		ck_assert(f->cause[0] == '\0' && f->remedy[0] == '\0');
}

/* JUDGE(judge_x, facts, RESULT, "found"): facts is a struct. */
#define JUDGE(judge, facts, result, found)         \
	do {                                       \
		struct finding f_ = {.cause = ""}; \
		judge(&f_, &(facts));              \
		is(&f_, FINDING_##result, found);  \
	} while (0)

/* ---- findings ---- */

START_TEST(printed)
{
	struct findings fs = {0};
	struct finding *f;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	f = findings_add(&fs, CHECK_REACH);
	finding_set(f, FINDING_FAIL, "%s\x1b[2J", "vpc-a\n");
	finding_cause(f, "a");
	finding_remedy(f, "b");
	finding_set(findings_add(&fs, CHECK_DAEMON), FINDING_SKIP, "not here");
	for (int i = 0; i < 100; i++) /* more than there was room for */
		finding_set(findings_add(&fs, CHECK_CLOCK), FINDING_OK, "%d", i);
	findings_print(&fs, out);
	fclose(out);
	ck_assert_ptr_eq(strstr(text, "23 FAIL  reachability: vpc-a??[2J\n"
				      "         cause: a\n"
				      "         remedy: b\n"
				      "02 skip  daemon: not here\n"
				      "03 ok    clock: 0\n"),
			 text);
	ck_assert_ptr_nonnull(strstr(text, "\n100 ok, 0 warn, 1 fail, 1 skip\n"));
	free(text);
	findings_fini(&fs);
}
END_TEST

START_TEST(as_json)
{
	struct findings fs = {0};
	struct finding *f = findings_add(&fs, CHECK_QUOTA);
	json_t *doc, *first;

	finding_set(f, FINDING_FAIL, "x");
	finding_cause(f, "y");
	doc = findings_json(&fs);
	first = json_array_get(json_object_get(doc, "checks"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "failed")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "number")), 43);
	ck_assert_str_eq(json_string_value(json_object_get(first, "result")), "fail");
	ck_assert_str_eq(json_string_value(json_object_get(first, "cause")), "y");
	ck_assert_ptr_null(json_object_get(first, "remedy"));
	json_decref(doc);
	findings_fini(&fs);
}
END_TEST

static char *
read_paper(const char *name)
{
	const char *top = getenv("TOMBOLO_SRCDIR");
	char path[512];
	struct host host = {.root = ""};

	snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : ".", name);
	return host_read(&host, path);
}

START_TEST(papers)
{
	char *guide = read_paper("doc/TROUBLESHOOTING.md");
	char *manual = read_paper("man/tomboloctl.8"), line[128];

	ck_assert_ptr_nonnull(guide);
	ck_assert_ptr_nonnull(manual);
	for (int id = 0; id < CHECK_COUNT; id++) {
		const struct catalog_entry *e = catalog_entry((enum check_id)id);

		snprintf(line, sizeof(line), "\n| %02u | %s |", e->number, e->name);
		ck_assert_msg(strstr(guide, line) != NULL, "no entry:%s", line);
		snprintf(line, sizeof(line), "\n.It %02u %s\n", e->number, e->name);
		ck_assert_msg(strstr(manual, line) != NULL, "not in the manual:%s",
			      line);
		ck_assert(id == 0 ||
			  catalog_entry((enum check_id)(id - 1))->number < e->number);
	}
	free(guide);
	free(manual);
}
END_TEST

/* ---- files ---- */

static char root[64];

static void
write_file(const char *path, const char *text)
{
	char name[256];
	FILE *f;

	snprintf(name, sizeof(name), "%s%s", root, path);
	for (char *c = name + strlen(root) + 1; (c = strchr(c, '/')) != NULL; c++) {
		*c = '\0';
		ck_assert(mkdir(name, 0700) == 0 || errno == EEXIST);
		*c = '/';
	}
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
make_root(void)
{
	snprintf(root, sizeof(root), P_tmpdir "/tombolo-check-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void
remove_root(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(read_below_a_root)
{
	struct host h = {.root = root};
	char line[16], *text, *large;

	write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "2\n");
	write_file("/proc/sys/net/ipv4/igmp_max_memberships", "many\n");
	ck_assert_int_eq(host_ipv4_conf(&h, "all", "rp_filter", -1), 2);
	ck_assert_int_eq(host_ipv4_conf(&h, "eth0", "rp_filter", -1), -1);
	ck_assert_int_eq(host_number(&h, "/proc/sys/net/ipv4/igmp_max_memberships", -1),
			 -1);
	ck_assert_ptr_null(host_read(&h, "/nothing"));
	ck_assert(!host_is_ec2(&h));
	write_file("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
	ck_assert(host_is_ec2(&h));
	host_line(&h, "/sys/class/dmi/id/sys_vendor", line, 7);
	ck_assert_str_eq(line, "Amazon");

	large = malloc(100001);
	ck_assert_ptr_nonnull(large);
	memset(large, 'x', 100000);
	large[100000] = '\0';
	write_file("/large", large);
	text = host_read(&h, "/large");
	ck_assert_str_eq(text, large);
	free(text);
	free(large);
}
END_TEST

/* As the kernel writes them. */
static const char igmp[] =
	"Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
	"1\tlo        :     1      V3\n"
	"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	"2\teth0      :     2      V2\n"
	"\t\t\t\t0100EFEF     1 0:00000000\t\t1\n"
	"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	"3\tlongname12345:     1      V3\n"
	"\t\t\t\t0200EFEF     1 0:00000000\t\t1\n";
static const char mcfilter[] = "Idx Device        MCA        SRC    INC    EXC\n"
			       "  2   eth0 0xefef0001 0x0a0a0009      1      0\n"
			       "  3 longna 0xefef0002 0x0a0a0009      0      1\n";

START_TEST(memberships_of_the_kernel)
{
	ck_assert(igmp_has(igmp, "eth0", 0xefef0001));
	ck_assert(!igmp_has(igmp, "eth0", 0xefef0002));
	ck_assert(!igmp_has(igmp, "lo", 0xefef0001));
	ck_assert(!igmp_has(igmp, "eth", 0xefef0001));
	ck_assert(igmp_has(igmp, "longname12345", 0xefef0002));
	ck_assert(!igmp_has("", "eth0", 0xefef0001));
	ck_assert(!igmp_has("2\teth0", "eth0", 0xefef0001));
	ck_assert_int_eq(igmp_version(igmp, "eth0"), 2);
	ck_assert_int_eq(igmp_version(igmp, "longname12345"), 3);
	ck_assert_int_eq(igmp_version(igmp, "eth1"), 0);
	ck_assert(igmp_has_source(mcfilter, "eth0", 0xefef0001, 0x0a0a0009));
	ck_assert(!igmp_has_source(mcfilter, "eth0", 0xefef0001, 0x0a0a0008));
	ck_assert(!igmp_has_source(mcfilter, "longname12345", 0xefef0002, 0x0a0a0009));
}
END_TEST

START_TEST(who_listens)
{
	static const char tcp[] =
		"  sl  local_address rem_address   st tx_queue rx_queue\n"
		"   0: 0100007F:1D13 00000000:0000 0A 00000000:00000000 00:00000000\n"
		"   1: 0100007F:1D14 0100007F:A0A0 01 00000000:00000000 00:00000000\n";
	static const char udp[] =
		"  sl  local_address rem_address   st tx_queue rx_queue\n"
		" 1234: 00000000:1D13 00000000:0000 07 00000000:00000000 00:00000000\n";
	struct endpoint here = {0x7f000001, 7443}, all = {0, 7443},
			other = {0x0a000001, 7443}, connected = {0x7f000001, 7444};

	ck_assert(sockets_has(tcp, TRANSPORT_TLS, here));
	ck_assert(sockets_has(tcp, TRANSPORT_TLS, all));
	ck_assert(!sockets_has(tcp, TRANSPORT_TLS, other));
	ck_assert(!sockets_has(tcp, TRANSPORT_TLS, connected));
	ck_assert(sockets_has(udp, TRANSPORT_DTLS, other));
	ck_assert(!sockets_has("", TRANSPORT_DTLS, other));
}
END_TEST

START_TEST(figures_of_the_daemon)
{
	static const char metrics[] =
		"# HELP a b\n"
		"tombolo_x{lane=\"0\",group=\"1\",window=\"1ms\"} 9\n"
		"tombolo_x{lane=\"0\",group=\"1\",window=\"100ms\"} 2\n"
		"tombolo_x{lane=\"0\",group=\"2\",window=\"100ms\"} 7\n"
		"tombolo_xy 100\n"
		"tombolo_z 3\n"
		"tombolo_broken{a=\"b\"";
	char labels[RUNNING_LABELS_BYTES];

	ck_assert_double_eq(running_most(metrics, "tombolo_x", "=\"100ms\"", labels),
			    7);
	ck_assert_str_eq(labels, "lane=\"0\",group=\"2\",window=\"100ms\"");
	ck_assert_double_eq(running_most(metrics, "tombolo_z", "", NULL), 3);
	ck_assert_double_eq(running_most(metrics, "tombolo_broken", "", NULL), -1);
	ck_assert_double_eq(running_most(NULL, "tombolo_x", "", NULL), -1);
}
END_TEST

/* ---- this host ---- */

START_TEST(clocks)
{
	struct clock_facts c = {.synchronized = true, .max_error_us = 500};

	JUDGE(judge_clock, c, OK, "within 500 us");
	c.max_error_us = 2000000;
	JUDGE(judge_clock, c, WARN, "wrong by 2000 ms");
	c.synchronized = false;
	JUDGE(judge_clock, c, WARN, "not synchronized");
}
END_TEST

START_TEST(listeners)
{
	struct listen_facts l = {.at = {0x0a000001, 7443}, .is_here = true};

	JUDGE(judge_listen, l, OK, "tls 10.0.0.1:7443: free");
	l.taken = true;
	JUDGE(judge_listen, l, FAIL, "taken");
	l.running = true;
	JUDGE(judge_listen, l, OK, "listens");
	l.taken = false;
	JUDGE(judge_listen, l, FAIL, "does not listen there");
	l.is_here = false;
	JUDGE(judge_listen, l, FAIL, "not an address of this host");
}
END_TEST

START_TEST(interfaces)
{
	struct interface_facts i = {
		.name = "eth0",
		.others = "lo",
		.state = {.up = true, .running = true, .mtu = 1500}};

	JUDGE(judge_interface, i, OK, "up, MTU 1500");
	i.state.running = false;
	JUDGE(judge_interface, i, FAIL, "no carrier");
	i.state.up = false;
	JUDGE(judge_interface, i, FAIL, "down");
	i.error = -ENODEV;
	JUDGE(judge_interface, i, FAIL, "No such device");
}
END_TEST

static const int64_t day_s = 24 * 60 * 60;

START_TEST(certificates)
{
	static char certificate[] = "/a.crt", key[] = "/a.key", ca[] = "/ca.crt",
		    crl[] = "/a.crl";
	const struct tls_settings files = {
		.certificate = certificate, .key = key, .ca = ca, .crl = crl};
	struct certificate_facts c = {.files = &files,
				      .node = "colo-a",
				      .loaded = true,
				      .not_before_s = 1000,
				      .not_after_s = 1000 + 100 * day_s,
				      .carries_node = true,
				      .lists = 1,
				      .list_next_s = 1000 + 10 * day_s};
	struct finding f = {.cause = ""};

	JUDGE(certificate_judge_pair, c, OK, "/a.key belongs to /a.crt");
	JUDGE(certificate_judge_chain, c, OK, "signed by /ca.crt");
	JUDGE(certificate_judge_name, c, OK, "colo-a");
	certificate_judge_validity(&f, &c, 1000);
	is(&f, FINDING_OK, "100 days left");
	certificate_judge_lists(&f, &c, 1000);
	is(&f, FINDING_OK, "1, current");
	certificate_judge_validity(&f, &c, 1000 + 71 * day_s);
	is(&f, FINDING_WARN, "expires in 29 days");
	certificate_judge_validity(&f, &c, c.not_after_s);
	is(&f, FINDING_FAIL, "expired on 1970-04-11");
	certificate_judge_validity(&f, &c, 999);
	is(&f, FINDING_FAIL, "not valid before");
	certificate_judge_lists(&f, &c, 1000 + 9 * day_s);
	is(&f, FINDING_WARN, "within 25 hours");
	certificate_judge_lists(&f, &c, 1000 + 10 * day_s);
	is(&f, FINDING_FAIL, "should have been renewed");
	c.carries_node = false;
	JUDGE(certificate_judge_name, c, FAIL, "it has none");
	c.key_is_public = true;
	JUDGE(certificate_judge_pair, c, WARN, "everybody");
	strcpy(c.pair_error, "key /a.key: Permission denied");
	JUDGE(certificate_judge_pair, c, FAIL, "Permission denied");
	strcpy(c.chain_error, "self-signed certificate");
	JUDGE(certificate_judge_chain, c, FAIL, "self-signed");
	strcpy(c.list_error, "unable to get certificate CRL");
	certificate_judge_lists(&f, &c, 1000);
	is(&f, FINDING_FAIL, "unable to get");
	c = (struct certificate_facts){.files = &files, .node = "colo-a"};
	JUDGE(certificate_judge_name, c, SKIP, "no certificate");
	JUDGE(certificate_judge_chain, c, SKIP, "no certificate");
}
END_TEST

/* ---- the line ---- */

static const struct path_settings path = {.connect = {0x0a090005, 7443},
					  .transport = TRANSPORT_DTLS};

START_TEST(greetings)
{
	uint8_t bytes[GREETING_BYTES_MAX + 1];
	uint32_t number;

	for (size_t len = GREETING_BYTES_MIN; len <= GREETING_BYTES_MAX; len++) {
		ck_assert(greeting_write(bytes, len, 7));
		ck_assert(greeting_is_quoted(bytes, 13, &number));
		ck_assert_uint_eq(number, 7);
	}
	ck_assert(!greeting_write(bytes, GREETING_BYTES_MIN - 1, 7));
	ck_assert(!greeting_write(bytes, GREETING_BYTES_MAX + 1, 7));
	ck_assert(!greeting_is_quoted(bytes, 10, &number));
	ck_assert(greeting_is_answer(bytes, 13, &number));
	bytes[0] = 21; /* an alert is an answer too */
	ck_assert(greeting_is_answer(bytes, 13, &number));
	bytes[0] = 23;
	ck_assert(!greeting_is_answer(bytes, 13, &number));
	bytes[0] = 22;
	bytes[1] = 3; /* of TLS */
	ck_assert(!greeting_is_answer(bytes, 13, &number));
	bytes[1] = 0xfe;
	bytes[3] = 1; /* of another epoch */
	ck_assert(!greeting_is_answer(bytes, 13, &number));
}
END_TEST

START_TEST(reaching)
{
	struct reach r = {.remote = "vpc-a", .path = &path, .source = 0x0a010101};

	r.answered = true;
	JUDGE(reach_judge_route, r, OK, "leaves by 10.1.1.1");
	JUDGE(reach_judge, r, OK, "vpc-a path 0 (dtls 10.9.0.5:7443): answered");
	r.answered = false;
	JUDGE(reach_judge, r, FAIL, "no answer");
	r.udp_error = ECONNREFUSED;
	JUDGE(reach_judge, r, FAIL, "refused");
	r.udp_error = EHOSTUNREACH;
	JUDGE(reach_judge, r, FAIL, "No route to host");
	r.dial_error = ENETUNREACH;
	JUDGE(reach_judge_route, r, FAIL, "unreachable");
	JUDGE(reach_judge, r, SKIP, "nothing could be sent");
	r.dial_error = EADDRNOTAVAIL;
	JUDGE(reach_judge_route, r, FAIL, "not an address of this host");
}
END_TEST

START_TEST(lengths)
{
	struct path_settings tls = path;
	struct reach r = {.remote = "vpc-a",
			  .path = &path,
			  .device_mtu = 1500,
			  .answered = true,
			  .tried = 1500,
			  .proven = 1500};

	JUDGE(reach_judge_mtu, r, OK, "1500 bytes get there");
	r.proven = 1400;
	r.unproven = 1420;
	JUDGE(reach_judge_mtu, r, FAIL, "1400 bytes get there, longer packets vanish");
	r.told_mtu = 1400;
	JUDGE(reach_judge_mtu, r, WARN, "1400 bytes, though the interface takes 1500");
	tls.transport = TRANSPORT_TLS;
	r.path = &tls;
	JUDGE(reach_judge_mtu, r, OK, "TCP follows");
	r.path = &path;
	/* What ICMP told is more than what got there. */
	r.told_mtu = 1492;
	JUDGE(reach_judge_mtu, r, FAIL, "longer packets vanish");
	r.device_mtu = 9001;
	r.told_mtu = 0;
	r.tried = r.proven = 2076;
	JUDGE(reach_judge_mtu, r, OK, "longer ones cannot be tried");
	r.proven = 0;
	JUDGE(reach_judge_mtu, r, SKIP, "nothing answers");
	r.path = &tls;
	r.tcp_up = true;
	r.tcp_segment = 1448;
	JUDGE(reach_judge_mtu, r, SKIP, "segments of 1448 bytes");
	/* TCP was told to keep below. */
	r.tried = 1500;
	r.proven = 1400;
	r.tcp_segment = 1360;
	JUDGE(reach_judge_mtu, r, OK, "1400 bytes");
	r.tcp_segment = 1460;
	JUDGE(reach_judge_mtu, r, FAIL, "vanish");
}
END_TEST

/* ---- the capture ---- */

START_TEST(merging)
{
	struct offload_facts o = {.interface = "eth0", .gro = true};

	JUDGE(judge_offload, o, OK, "GRO on");
	o.gro_list = true;
	JUDGE(judge_offload, o, FAIL, "rx-gro-list");
	o.udp_forwarding = true;
	JUDGE(judge_offload, o, FAIL, "rx-gro-list, rx-udp-gro-forwarding");
	o.gro = false;
	JUDGE(judge_offload, o, OK, "GRO off");
	o.lro = true;
	JUDGE(judge_offload, o, WARN, "LRO is on");
}
END_TEST

START_TEST(rings_and_filters)
{
	struct nic_ring ring = {.pending = 512, .most = 4096};
	struct finding f = {.cause = ""};

	judge_rx_ring(&f, "eth0", &ring);
	is(&f, FINDING_WARN, "512 descriptors of 4096");
	ck_assert_ptr_nonnull(strstr(f.remedy, "ethtool -G eth0 rx 4096"));
	f = (struct finding){.cause = ""};
	ring.pending = 4096;
	judge_rx_ring(&f, "eth0", &ring);
	is(&f, FINDING_OK, "4096");
	judge_rx_ring(&f, "eth0", NULL);
	is(&f, FINDING_SKIP, "does not tell");

	judge_rp_filter(&f, "eth0", 0, 0);
	is(&f, FINDING_OK, "off");
	judge_rp_filter(&f, "eth0", 2, 1);
	is(&f, FINDING_OK, "loose");
	judge_rp_filter(&f, "eth0", -1, -1);
	is(&f, FINDING_SKIP, "cannot be read");
	judge_rp_filter(&f, "eth0", 1, 0);
	is(&f, FINDING_FAIL, "strict");
	judge_rp_filter(&f, "eth0", 0, 1);
	is(&f, FINDING_FAIL, "strict");
}
END_TEST

START_TEST(limits)
{
	struct memberships_facts m = {.limit = 20, .sources = -1, .wanted = 100};

	JUDGE(judge_memberships, m, OK, "100, in sockets: 7, limit of one: 20");
	m.limit = 10;
	JUDGE(judge_memberships, m, WARN, "100 memberships, 10 of one socket");
	m.wanted = 10;
	JUDGE(judge_memberships, m, OK, "10, in sockets: 1");
	m.limit = 0;
	JUDGE(judge_memberships, m, FAIL, "igmp_max_memberships is 0");
	m.limit = 20;
	m.sources = 0;
	JUDGE(judge_memberships, m, FAIL, "igmp_max_msf is 0");
	m.sources = 10;
	m.wanted = 100000;
	m.files = 1024;
	JUDGE(judge_memberships, m, FAIL, "of 1024 descriptors");
	m.limit = -1;
	JUDGE(judge_memberships, m, SKIP, "cannot be read");
}
END_TEST

START_TEST(igmp_versions)
{
	struct igmp_facts i = {.interface = "eth0", .current = 3};
	struct joined_facts j = {.interface = "eth0", .wanted = 3};

	JUDGE(judge_igmp, i, OK, "not forced, now 3");
	i.forced = 2;
	JUDGE(judge_igmp, i, OK, "version 2, forced");
	i.with_source = 1;
	JUDGE(judge_igmp, i, FAIL, "version 2 is forced");
	i.forced_all = 3;
	JUDGE(judge_igmp, i, OK, "version 3, forced");
	i.forced_all = i.forced = 0;
	i.current = 2;
	JUDGE(judge_igmp, i, WARN, "version 2, 1 channels have a source");
	i.with_source = 0;
	i.forced = 1;
	JUDGE(judge_igmp, i, WARN, "version 1 is forced");

	JUDGE(judge_joined, j, OK, "all of 3");
	j.missing = 1;
	j.first = 0xef000001;
	JUDGE(judge_joined, j, FAIL, "1 of 3 are missing, first 239.0.0.1");
}
END_TEST

/* ---- the emission ---- */

START_TEST(routes)
{
	struct route_facts r = {.interface = "eth1",
				.group = 0xef000001,
				.source = 0x0a140001,
				.is_its_own = true};

	JUDGE(judge_multicast_route, r, OK, "from 10.20.0.1");
	r.is_its_own = false;
	JUDGE(judge_multicast_route, r, FAIL, "no IPv4 address");
	r.error = ENETUNREACH;
	JUDGE(judge_multicast_route, r, FAIL, "Network is unreachable");
}
END_TEST

START_TEST(sizes)
{
	struct size_facts s = {.interface = "eth1", .mtu = 1500};

	JUDGE(judge_emission_size, s, OK, "up to 1472 bytes; whether");
	s.running = true;
	JUDGE(judge_emission_size, s, OK, "none was longer");
	s.oversize = 4;
	JUDGE(judge_emission_size, s, FAIL, "4 datagrams were too long");
	s.oversize = 0;
	s.fragment = true;
	JUDGE(judge_emission_size, s, WARN, "emit.fragment is on");
	s.is_ec2 = true;
	JUDGE(judge_emission_size, s, FAIL, "emit.fragment is on");
	s.fragment = false;
	s.mtu = 9001;
	JUDGE(judge_emission_size, s, WARN, "MTU 9001");
	s.mtu = 8500;
	JUDGE(judge_emission_size, s, OK, "up to 8472");
}
END_TEST

START_TEST(quotas)
{
	struct emit_settings e = {.quota = {.flow_pps = 75000, .flow_bps = 1000000000}};
	struct quota_facts q = {.emit = &e, .flow = "a", .flow_pps = -1, .over = -1};

	JUDGE(judge_quota, q, SKIP, "while the daemon runs");
	q.running = true;
	JUDGE(judge_quota, q, OK, "0 % used");
	q.flow_pps = 30000;
	q.flow_bps = 1e8;
	JUDGE(judge_quota, q, OK, "40 % used");
	q.flow_bps = 9e8;
	JUDGE(judge_quota, q, WARN, "90 % used");
	q.over = 17;
	JUDGE(judge_quota, q, FAIL, "17 packets");
	e.over_quota = QUOTA_PACE; /* what is above was held back */
	JUDGE(judge_quota, q, WARN, "90 % used");
	e.quota.flow_pps = 0;
	q.flow_bps = 0;
	JUDGE(judge_quota, q, OK, "0 % used");
	q.is_ec2 = true;
	JUDGE(judge_quota, q, WARN, "above what a Transit Gateway takes");
}
END_TEST

START_TEST(allowances)
{
	struct allowance_facts a = {.interface = "ens5"};

	JUDGE(judge_allowances, a, SKIP, "does not count");
	a.count = 5;
	JUDGE(judge_allowances, a, OK, "none of 5");
	a.exceeded_count = JUDGE_ALLOWANCES_MAX;
	for (int i = 0; i < JUDGE_ALLOWANCES_MAX; i++) {
		strcpy(a.exceeded[i].name, "conntrack_allowance_exceeded_xxx");
		a.exceeded[i].value = UINT64_MAX;
	}
	strcpy(a.exceeded[0].name, "pps_allowance_exceeded");
	a.exceeded[0].value = 12;
	JUDGE(judge_allowances, a, WARN, "pps_allowance_exceeded=12 ");
}
END_TEST

/* ---- the cloud ---- */

START_TEST(access_keys)
{
	static const struct {
		int error;
		enum finding_result result;
	} cases[] = {{0, FINDING_OK},
		     {-EACCES, FINDING_OK},
		     {-EINVAL, FINDING_SKIP},
		     {-ENOENT, FINDING_OK},
		     {-EKEYREJECTED, FINDING_FAIL},
		     {-ETIMEDOUT, FINDING_FAIL},
		     {-EHOSTUNREACH, FINDING_FAIL},
		     {-EBUSY, FINDING_WARN},
		     {-EIO, FINDING_WARN},
		     {-EPROTO, FINDING_WARN}};
	const struct keys keys = {.from = "somewhere"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cloud_answer a = {.error = cases[i].error, .text = "told"};
		struct finding f = {.cause = ""};

		cloud_judge_access(&f, &a, &keys, "eu-west-1");
		is(&f, cases[i].result,
		   cases[i].result == FINDING_OK ? "answers" : "told");
	}
}
END_TEST

START_TEST(groups)
{
	struct reply_member list[12] = {
		{.group = 1, .is_source = true, .interface = "eni-1"},
		{.group = 1, .is_member = true}};
	struct reply_members members = {.list = list, .count = 2};
	static const uint32_t wanted[] = {1, 2};
	struct cloud_groups g = {.members = &members,
				 .groups = wanted,
				 .group_count = 1,
				 .flow_pps = 75000};
	struct finding f = {.cause = ""};

	JUDGE(cloud_judge_members, g, OK, "in each of 1 groups, 1 at most");
	cloud_judge_sources(&f, &g, 1, "eni-1");
	is(&f, FINDING_OK, "eni-1 is registered");
	cloud_judge_sources(&f, &g, 1, "eni-2");
	is(&f, FINDING_FAIL, "eni-2 is no source of 1 of 1");
	f = (struct finding){.cause = ""};
	cloud_judge_sources(&f, &g, 0, "eni-2");
	is(&f, FINDING_OK, "any interface");
	cloud_judge_sources(&f, &g, -1, "eni-2");
	is(&f, FINDING_SKIP, "check 53");
	cloud_judge_sources(&f, &g, 1, "");
	is(&f, FINDING_SKIP, "check 51");
	g.group_count = 2;
	JUDGE(cloud_judge_members, g, WARN,
	      "nobody is in 1 of 2 groups, first 0.0.0.2");
	g.group_count = 0;
	JUDGE(cloud_judge_members, g, SKIP, "2 in the domain");
	for (members.count = 0; members.count < 12; members.count++)
		list[members.count] =
			(struct reply_member){.group = 1, .is_member = true};
	g.group_count = 1;
	JUDGE(cloud_judge_members, g, WARN, "12 in 0.0.0.1");
	g.flow_pps = 15000;
	JUDGE(cloud_judge_members, g, OK, "12 at most");
	g.answer.error = -EACCES;
	JUDGE(cloud_judge_members, g, SKIP, "");
}
END_TEST

static TCase *
host_cases(void)
{
	TCase *t = tcase_create("host");

	tcase_add_checked_fixture(t, make_root, remove_root);
	tcase_add_test(t, read_below_a_root);
	return t;
}

static TCase *
pure_cases(void)
{
	TCase *t = tcase_create("pure");

	tcase_add_test(t, printed);
	tcase_add_test(t, as_json);
	tcase_add_test(t, papers);
	tcase_add_test(t, memberships_of_the_kernel);
	tcase_add_test(t, who_listens);
	tcase_add_test(t, figures_of_the_daemon);
	tcase_add_test(t, clocks);
	tcase_add_test(t, listeners);
	tcase_add_test(t, interfaces);
	tcase_add_test(t, certificates);
	tcase_add_test(t, greetings);
	tcase_add_test(t, reaching);
	tcase_add_test(t, lengths);
	tcase_add_test(t, merging);
	tcase_add_test(t, rings_and_filters);
	tcase_add_test(t, limits);
	tcase_add_test(t, igmp_versions);
	tcase_add_test(t, routes);
	tcase_add_test(t, sizes);
	tcase_add_test(t, quotas);
	tcase_add_test(t, allowances);
	tcase_add_test(t, access_keys);
	tcase_add_test(t, groups);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("preflight");

	suite_add_tcase(s, host_cases());
	suite_add_tcase(s, pure_cases());
	return suite_run(s);
}
