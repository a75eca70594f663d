/* SPDX-License-Identifier: Apache-2.0 */
/* What tomboloctl makes of the /status of a relay and of a peer. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/books.h"
#include "ctl/channels.h"
#include "ctl/doc.h"
#include "ctl/gaps.h"
#include "ctl/health.h"
#include "ctl/live.h"
#include "ctl/paths.h"
#include "ctl/screen.h"
#include "ops/ledger.h"
#include "suite.h"

#define PATH                                                          \
	"{'path':0,'transport':'tls','dialled':true,'up':true,"       \
	"'rtt_ns':4210000,'loss_ppm':120,'data_bytes_per_s':1250000," \
	"'data_frames_per_s':5000,'data_bytes':67108864}"
#define PROCESS(half, node, verdict)                                          \
	"'half':'" half "','node':'" node "','version':'0.1.0',"              \
	"'now_ns':1790000000000000000,'log_level':'info','verdict':'" verdict \
	"','lanes':[{'lane':0,'started_ns':1789988480000000000,"              \
	"'tunnel':{'certificate_expires_s':1790864000},"

static const char relay_text[] = "{" PROCESS(
	"relay", "colo-a",
	"nothing lost; under way: 5 unsent") "'capture':{'interface':'ens1f0','link_up':true,'frames':1005,"
					     " 'dropped':{'kernel_ring':0,'interface':0}},"
					     "'history':{'memory_bytes':268435456,'used_bytes':1048576,'age_ns':10000000000},"
					     "'figures':{'requested':7},"
					     "'channels':[{'name':'kospi200','group':'233.37.54.1','port':30001,"
					     "  'captured':1005,'upstream_missing':3,'captured_last_ns':1789999999800000000},"
					     " {'name':'quiet','group':'233.37.54.2','port':30002,'captured':0}],"
					     "'remotes':[{'name':'vpc-a','state':'open','state_since_ns':1789999940000000000,"
					     " 'paths':[" PATH "],"
					     " 'channels':[{'name':'kospi200','owed':1005,'sent':1000,'shed_age':0,"
					     "   'unsent':5,'repaired':7,'residual':0,'verdict':'nothing lost',"
					     "   'peer':{'expected':1000,'received':1000,'emitted':1000,'missing':0}},"
					     "  {'name':'quiet','residual':0,'verdict':'nothing lost','peer':{}}]}]}]}";

static const char peer_text[] = "{" PROCESS(
	"peer", "vpc-a",
	"on the line: 2 lost (give_up 2)") "'emit':{'interface':'ens6','sent':998,'oversize':0,'errors':0,'down':0},"
					   "'pool':{'bytes':1048576,'used_bytes':0},"
					   "'remotes':[{'name':'colo-a','state':'open','state_since_ns':1789999940000000000,"
					   " 'paths':[" PATH
					   "],'latency':{'count':998,'p50_ns':1000000,'p99_ns':2000000},"
					   " 'figures':{'requested':9,'repaired':4},"
					   " 'channels':[{'name':'kospi200','active':true,'group':'239.1.1.1','port':30001,"
					   "   'emitted':998,'emitted_last_ns':1789999998000000000,'expected':1001,"
					   "   'received':998,'missing':1,'lost_give_up':2,'held':0,"
					   "   'residual':{'received':0,'expected':0},"
					   "   'relay':{'owed':1001,'sent':1001},"
					   "   'verdict':'on the line: 2 lost (give_up 2)'}]}]}]}";

static char *said; /* by the last say() */

/* With ' for ", and `from` replaced by `to`, which must be there. */
static json_t *
load(const char *document, const char *from, const char *to)
{
	char text[8192], *at;
	const char *place = from != NULL ? strstr(document, from) : NULL;
	json_t *doc;

	ck_assert(from == NULL || place != NULL);
	if (place == NULL)
		snprintf(text, sizeof(text), "%s", document);
	else
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - document),
			 document, to, place + strlen(from));
	for (at = text; *at != '\0'; at++)
		if (*at == '\'')
			*at = '"';
	doc = doc_parse(text, strlen(text));
	ck_assert_msg(doc != NULL, "%s", text);
	return doc;
}

static void
teardown(void)
{
	free(said);
	said = NULL;
}

static FILE *
begin(void)
{
	static size_t bytes;

	teardown();
	return open_memstream(&said, &bytes);
}

static void
expect(const char *wanted)
{
	ck_assert_msg(strstr(said, wanted) != NULL, "no \"%s\" in:\n%s", wanted, said);
}

static size_t
trouble(json_t *doc)
{
	FILE *out = begin();
	size_t n = health_tell(doc, out);

	fclose(out);
	ck_assert_uint_eq(health_count(doc), n);
	json_decref(doc);
	return n;
}

/* ---- what needs a person ---- */

START_TEST(healthy)
{
	ck_assert_uint_eq(trouble(load(relay_text, NULL, NULL)), 0);
	ck_assert_str_eq(said, "");
}
END_TEST

static const struct {
	const char *document, *from, *to, *line;
} troubles[] = {
	{relay_text, "'open'", "'down'", "trouble: session vpc-a is down\n"},
	{relay_text, "'up':true", "'up':false", "trouble: path 0 of vpc-a is down\n"},
	{relay_text, "'up':true", "'up':true,'narrow_bytes':1200",
	 "trouble: path 0 of vpc-a takes short datagrams only (its MTU)\n"},
	{relay_text, "'link_up':true", "'link_up':false",
	 "trouble: the capture ens1f0 is down\n"},
	{relay_text, "'captured':0", "'captured':0,'expect':{'state':'silent'}",
	 "trouble: channel quiet is silent\n"},
	{relay_text, "1790864000", "1790000000",
	 "trouble: our certificate has expired\n"},
	{relay_text, "nothing lost;", "in the relay: 3 lost (restart 3);",
	 "trouble: the ledger tells of a loss\n"},
	{peer_text, NULL, NULL, "trouble: the ledger tells of a loss\n"},
};

START_TEST(in_trouble)
{
	ck_assert_uint_eq(trouble(load(troubles[_i].document, troubles[_i].from,
				       troubles[_i].to)),
			  1);
	ck_assert_str_eq(said, troubles[_i].line);
}
END_TEST

/* The words are the ledger's own. */
START_TEST(verdicts)
{
	struct ledger_page page = {.residual = 0};
	char text[LEDGER_VERDICT_BYTES];

	ledger_verdict(&page, text);
	ck_assert(health_verdict_is_fine(text));
	page.sent.unsent = 4;
	ledger_verdict(&page, text);
	ck_assert_msg(health_verdict_is_fine(text), "%s", text);
	page.residual = 1;
	ledger_verdict(&page, text);
	ck_assert_msg(!health_verdict_is_fine(text), "%s", text);
	page.residual = 0;
	page.peer.lost_aged = 1;
	ledger_verdict(&page, text);
	ck_assert_msg(!health_verdict_is_fine(text), "%s", text);
	ck_assert(!health_verdict_is_fine("")); /* not told */
}
END_TEST

/* ---- documents ---- */

START_TEST(not_a_status)
{
	static const char *const texts[] = {"", "ok\n", "[]", "{\"half\": 1}",
					    "{\"half\": \"relay\"}"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_ptr_null(doc_parse(texts[i], strlen(texts[i])));
}
END_TEST

/* A name from the other side of the line cannot drive the terminal. */
START_TEST(names_are_harmless)
{
	json_t *doc = load(relay_text, "'kospi200'", "'\\u001b[2Jko\\u00e9'");
	json_t *rows = channels_rows(doc);

	ck_assert_str_eq(doc_string(json_array_get(rows, 0), "name"), "?[2Jko??");
	json_decref(rows);
	json_decref(doc);
}
END_TEST

/* ---- screens and tables ---- */

static void
say_document(const char *document, void (*print)(const json_t *doc, FILE *out))
{
	json_t *doc = load(document, NULL, NULL);
	FILE *out = begin();

	print(doc, out);
	fclose(out);
	json_decref(doc);
}

START_TEST(relay_screen)
{
	say_document(relay_text, screen_print);
	ck_assert_str_eq(
		said,
		"tombolo-relay colo-a, version 0.1.0, up 3 h 12 min\n"
		"started      2026-09-21 11:01:20 UTC, log level info\n"
		"session      vpc-a: open for 1 min 0 s\n"
		"  path 0     tls  up, rtt 4.21 ms, loss 0.012 %, 10.0 Mbit/s, 5.00k/s\n"
		"capture      ens1f0 up, 1005 frames, dropped 0\n"
		"history      1.0 MiB of 256.0 MiB, at most 10 s old\n"
		"certificate  until 2026-10-01 14:13:20 UTC (10 days)\n"
		"ledger       nothing lost; under way: 5 unsent\n"
		"all is well\n");
}
END_TEST

START_TEST(peer_screen)
{
	say_document(peer_text, screen_print);
	expect("emission     ens6, 998 datagrams, too long 0, refused 0, ");
	expect("latency      from colo-a: median 1.00 ms, 99 % below 2.00 ms\n");
	expect("ledger       on the line: 2 lost (give_up 2)\ntrouble: the ledger ");
	ck_assert_ptr_null(strstr(said, "all is well"));
}
END_TEST

static void
say_channels_of(json_t *doc, const char *sort, bool all)
{
	json_t *rows = channels_rows(doc), *sorted = channels_sort(rows, sort);
	FILE *out = begin();

	channels_print(doc, sorted, all, out);
	fclose(out);
	json_decref(sorted);
	json_decref(rows);
	json_decref(doc);
}

static void
say_channels(const char *document, const char *sort, bool all)
{
	say_channels_of(load(document, NULL, NULL), sort, all);
}

START_TEST(relay_channels)
{
	say_channels(relay_text, "total", false);
	ck_assert_str_eq(
		said,
		"CHANNEL   GROUP:PORT         CAPTURED  WAITING  MISSING  LOST  UPSTREAM"
		"        LAST\n"
		"kospi200  233.37.54.1:30001      1005        5        0     0         3"
		"  200 ms ago\n"
		"1 that never had a datagram: see --all\n");
	say_channels(relay_text, "name", true);
	expect("\nquiet     233.37.54.2:30002         0 ");
	expect("  never\n");
}
END_TEST

START_TEST(silent_channels)
{
	say_channels_of(load(relay_text, "'captured':0",
			     "'captured':0,'expect':{'state':'silent'}"),
			"total", false);
	expect("UPSTREAM        LAST  EXPECT\n");
	expect("     3  200 ms ago\n"); /* nothing is expected of it */
	expect("  never  silent\n");
	ck_assert_ptr_null(strstr(said, "--all"));
	say_channels_of(load(relay_text, "'captured':0",
			     "'captured':0,'expect':{'state':'off hours'}"),
			"total", false);
	expect("1 that never had a datagram: see --all\n");
}
END_TEST

START_TEST(peer_channels)
{
	say_channels(peer_text, "lost", false);
	expect("kospi200  239.1.1.1:30001      998        0        1     2  2.0 s ago"
	       "  colo-a\n");
}
END_TEST

START_TEST(sorting)
{
	json_t *rows = json_pack("[{s:s,s:i},{s:s,s:i},{s:s,s:i}]", "name", "b", "lost",
				 1, "name", "a", "lost", 1, "name", "c", "lost", 2);
	json_t *by_name = channels_sort(rows, "name");
	json_t *by_lost = channels_sort(rows, "lost");

	ck_assert_str_eq(doc_string(json_array_get(by_name, 0), "name"), "a");
	ck_assert_str_eq(doc_string(json_array_get(by_name, 2), "name"), "c");
	ck_assert_str_eq(doc_string(json_array_get(by_lost, 0), "name"), "c");
	ck_assert_str_eq(doc_string(json_array_get(by_lost, 1), "name"), "b");
	ck_assert_str_eq(doc_string(json_array_get(by_lost, 2), "name"), "a");
	json_decref(by_name);
	json_decref(by_lost);
	json_decref(rows);
}
END_TEST

START_TEST(path_table)
{
	json_t *doc = load(relay_text, NULL, NULL), *rows = paths_rows(doc);
	FILE *out = begin();

	paths_print(rows, out);
	fclose(out);
	expect("vpc-a      0  tls        we dial  up     4.21 ms  0.012 %  10.0 Mbit/s");
	json_object_set_new(json_array_get(rows, 0), "up", json_false());
	out = begin();
	paths_print(rows, out);
	fclose(out);
	expect("  DOWN   ");
	ck_assert_ptr_null(strstr(said, "4.21")); /* it says nothing of now */
	json_decref(rows);
	json_decref(doc);
}
END_TEST

START_TEST(ledgers)
{
	say_document(relay_text, books_print);
	expect("relay colo-a\n");
	expect("  kospi200      1005  1000     0       5         7       0          0"
	       "         0\n");
	expect("peer vpc-a, as it last told\n");
	expect("verdict: nothing lost; under way: 5 unsent\n");
	ck_assert_ptr_null(strstr(said, "channel kospi200: "));
	expect("beside the books: nothing\n");
	say_document(peer_text, books_print);
	expect("relay colo-a, as it last told\n");
	expect("\nchannel kospi200: on the line: 2 lost (give_up 2)\n");
	/* 998, and not the instant of the last one besides */
	expect("  kospi200      1001       998      998      0     0      0        0"
	       "     0        1     2         0\n");
}
END_TEST

/* ---- top ---- */

static void
say_books_of(json_t *doc)
{
	FILE *out = begin();

	books_print(doc, out);
	fclose(out);
	json_decref(doc);
}

START_TEST(beside_the_books)
{
	say_books_of(load(relay_text, "'kernel_ring':0", "'kernel_ring':12"));
	expect("beside the books\n"
	       "  PLACE    COUNTER      COUNT\n"
	       "  capture  kernel_ring     12\n"
	       "verdict: ");
	say_books_of(load(relay_text, "'lanes':",
			  "'interfaces':[{'name':'ens5','errors':{'rx_errors':0,"
			  "'tx_dropped':4},'allowance_exceeded':{'pps':5}}],'lanes':"));
	expect("  ens5   tx_dropped                   4\n"
	       "  ens5   allowance exceeded: pps      5\n");
	say_books_of(load(peer_text, "'certificate_expires_s'",
			  "'dtls_overflowed':6,'certificate_expires_s'"));
	expect("  sockets  dtls_overflowed      6\n");
}
END_TEST

static json_t *
first_channel(json_t *doc)
{
	json_t *lane = json_array_get(json_object_get(doc, "lanes"), 0);

	return json_array_get(json_object_get(lane, "channels"), 0);
}

static void
say_row(const struct live *l, const json_t *row, bool utf8)
{
	FILE *out = begin();

	live_row(l, row, 80, utf8, out);
	fclose(out);
}

START_TEST(live_rates)
{
	struct live l = {.count = 0};
	json_t *row;

	ck_assert(live_take(&l, load(relay_text, NULL, NULL)));
	ck_assert(live_take(
		&l, load(relay_text, "1790000000000000000", "1790000002000000000")));
	row = json_array_get(l.rows, 0);
	ck_assert_double_eq(live_find(&l, row)->rates[LIVE_TICKS - 1], 0);
	/* 1000 more in two seconds */
	json_object_set_new(first_channel(l.doc), "captured", json_integer(2005));
	json_object_set_new(l.doc, "now_ns", json_integer(1790000004000000000));
	ck_assert(live_take(&l, json_deep_copy(l.doc)));
	row = json_array_get(l.rows, 0);
	ck_assert_double_eq_tol(live_find(&l, row)->rates[LIVE_TICKS - 1], 500, 1e-6);
	ck_assert_uint_eq(l.count, 2);
	say_row(&l, row, false);
	ck_assert_uint_eq(strlen(said), 80);
	expect(" kospi200                500/s ");
	expect("@        5       0       0     4s");
	live_fini(&l);
}
END_TEST

/* A daemon that was started anew counts from 0: that is no rate. */
START_TEST(live_restart)
{
	struct live l = {.count = 0};
	json_t *row;

	ck_assert(live_take(&l, load(relay_text, NULL, NULL)));
	ck_assert(live_take(
		&l, load(relay_text, "1789988480000000000", "1789999999000000000")));
	row = json_array_get(l.rows, 0);
	ck_assert_double_eq(live_find(&l, row)->rates[LIVE_TICKS - 1], 0);
	ck_assert_uint_eq(l.count, 2);
	live_fini(&l);
}
END_TEST

/* n times a second later, when rate more datagrams of the first channel have come. */
static void
pass_seconds(struct live *l, unsigned int n, int64_t rate)
{
	for (; n > 0; n--) {
		json_t *doc = json_deep_copy(l->doc), *channel = first_channel(doc);
		int64_t now_ns = doc_integer(doc, "now_ns") + NS_PER_S;

		json_object_set_new(doc, "now_ns", json_integer(now_ns));
		json_object_set_new(
			channel, "captured",
			json_integer(doc_integer(channel, "captured") + rate));
		if (rate > 0)
			json_object_set_new(channel, "captured_last_ns",
					    json_integer(now_ns));
		ck_assert(live_take(l, doc));
	}
}

static int64_t
trouble_of_first(const struct live *l)
{
	return doc_integer(json_array_get(l->rows, 0), "trouble");
}

/* Quiet is who was steady, and first of those that lose nothing. */
START_TEST(live_quiet)
{
	struct live l = {.count = 0};
	json_t *sorted;

	ck_assert(live_take(&l, load(relay_text, NULL, NULL)));
	pass_seconds(&l, LIVE_STEADY - 1, 3);
	pass_seconds(&l, 6, 0);
	ck_assert_int_eq(trouble_of_first(&l), CHANNELS_FINE);
	pass_seconds(&l, LIVE_STEADY, 3);
	pass_seconds(&l, 4, 0);
	ck_assert_int_eq(trouble_of_first(&l), CHANNELS_FINE);
	pass_seconds(&l, 100, 0);
	ck_assert_int_eq(trouble_of_first(&l), CHANNELS_QUIET);
	sorted = channels_sort(l.rows, "trouble");
	ck_assert_ptr_eq(json_array_get(sorted, 0), json_array_get(l.rows, 0));
	json_decref(sorted);
	say_row(&l, json_array_get(l.rows, 0), true);
	expect("?kospi200 ");
	pass_seconds(&l, 1, 3);
	ck_assert_int_eq(trouble_of_first(&l), CHANNELS_FINE);
	live_fini(&l);
}
END_TEST

/* Each thing that is the matter now has a line. */
START_TEST(live_verdict)
{
	struct live l = {.count = 0};
	FILE *out;

	ck_assert(live_take(&l, load(relay_text, NULL, NULL)));
	json_object_set_new(
		l.doc, "verdict",
		json_string("nothing lost; under way: 5 unsent; now on the "
			    "line: path 0 is down; now channel x is silent"));
	out = begin();
	live_head(&l, out);
	fclose(out);
	expect("\nnothing lost; under way: 5 unsent\n! now on the line: path 0 is down\n"
	       "! now channel x is silent\n");
	live_fini(&l);
}
END_TEST

START_TEST(live_lines)
{
	struct live l = {.count = 0};
	FILE *out;

	ck_assert(live_take(&l, load(peer_text, NULL, NULL)));
	out = begin();
	live_head(&l, out);
	live_columns(&l, 80, out);
	fputc('\n', out);
	live_row(&l, json_array_get(l.rows, 0), 80, true, out);
	fclose(out);
	expect("tombolo-peer vpc-a, version 0.1.0, up 3 h 12 min\n");
	expect("colo-a: open for 1 min 0 s, 1 of 1 paths up, rtt 4.21 ms, loss 0.012 %\n"
	       "  requested 9, repaired 4\n");
	expect("\n! on the line: 2 lost (give_up 2)\n");
	expect("EMITTED");
	expect("\n!kospi200 "); /* also without colours */
	live_fini(&l);
}
END_TEST

/* ---- gaps ---- */

static const char peer_gaps_text[] =
	"{'half':'peer','lanes':[{'lane':0,'remotes':["
	"{'name':'colo-a','gaps':["
	" {'channel':'kospi200','first':90,'datagrams':5,'found_ns':1790000003000000000,"
	"  'lasted_ns':200000000,'cause':'path','requests':4,'repaired':3,'late':0,"
	"  'lost_give_up':2,'open':0},"
	" {'channel':'quiet','first':7,'datagrams':1,'found_ns':1790000001000000000,"
	"  'lasted_ns':0,'cause':'path_or_shed','requests':0,'open':1}]},"
	"{'name':'colo-b','gaps':["
	" {'channel':'kospi200','first':1,'datagrams':1000,'found_ns':1790000002000456000,"
	"  'lasted_ns':0,'cause':'outage','requests':0,'lost_aged':1000,'open':0}]}]}]}";

static const char relay_gaps_text[] =
	"{'half':'relay','lanes':[{'lane':0,'upstream_gaps':["
	" {'channel':'kospi200','first':4711,'missing':3,'captured_ns':1790000001000000000}],"
	" 'recent_marks':[{'point':'kernel_ring','datagrams':17,"
	"  'told_ns':1790000002000000000}]}]}";

static void
print_gaps(const char *text, const char *channel, size_t most)
{
	json_t *doc = load(text, NULL, NULL);
	json_t *lists = gaps_lists(doc, channel, most);
	FILE *out = begin();

	gaps_print(doc, lists, out);
	fclose(out);
	json_decref(lists);
	json_decref(doc);
}

START_TEST(gaps_of_a_peer)
{
	print_gaps(peer_gaps_text, NULL, 0);
	ck_assert_str_eq(
		said,
		"FOUND (UTC)                 CHANNEL   FIRST  COUNT  LASTED  CAUSE    "
		"     ASKED  OUTCOME                       FROM\n"
		"2026-09-21 14:13:21.000000  quiet         7      1    0 ns  "
		"path_or_shed      0  1 open                        colo-a\n"
		"2026-09-21 14:13:22.000456  kospi200      1   1000    0 ns  outage   "
		"         0  1000 lost (aged)              colo-b\n"
		"2026-09-21 14:13:23.000000  kospi200     90      5  200 ms  path     "
		"         4  3 repaired, 2 lost (give_up)  colo-a\n");
	print_gaps(peer_gaps_text, "kospi200", 1);
	expect("3 repaired, 2 lost (give_up)");
	ck_assert_ptr_null(strstr(said, "outage"));
	ck_assert_ptr_null(strstr(said, "quiet"));
	print_gaps(peer_gaps_text, "nobody", 0);
	ck_assert_str_eq(said, "no gaps\n");
}
END_TEST

START_TEST(gaps_of_a_relay)
{
	print_gaps(relay_gaps_text, NULL, 0);
	ck_assert_str_eq(said,
			 "upstream gaps\n"
			 "CAPTURED (UTC)              CHANNEL   EXPECTED  MISSING\n"
			 "2026-09-21 14:13:21.000000  kospi200      4711        3\n"
			 "marks\n"
			 "TOLD (UTC)                  POINT        DATAGRAMS\n"
			 "2026-09-21 14:13:22.000000  kernel_ring         17\n");
	print_gaps(relay_gaps_text, "quiet", 0);
	expect("no upstream gaps\n");
	expect("kernel_ring"); /* of all channels */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ctl_status");
	TCase *t = tcase_create("ctl_status");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, healthy);
	tcase_add_test(t, gaps_of_a_peer);
	tcase_add_test(t, gaps_of_a_relay);
	tcase_add_loop_test(t, in_trouble, 0,
			    (int)(sizeof(troubles) / sizeof(troubles[0])));
	tcase_add_test(t, verdicts);
	tcase_add_test(t, not_a_status);
	tcase_add_test(t, names_are_harmless);
	tcase_add_test(t, relay_screen);
	tcase_add_test(t, peer_screen);
	tcase_add_test(t, relay_channels);
	tcase_add_test(t, silent_channels);
	tcase_add_test(t, peer_channels);
	tcase_add_test(t, sorting);
	tcase_add_test(t, path_table);
	tcase_add_test(t, ledgers);
	tcase_add_test(t, beside_the_books);
	tcase_add_test(t, live_rates);
	tcase_add_test(t, live_restart);
	tcase_add_test(t, live_verdict);
	tcase_add_test(t, live_quiet);
	tcase_add_test(t, live_lines);
	suite_add_tcase(s, t);
	return suite_run(s);
}
