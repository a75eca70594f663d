/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict, in every case, and the final lines. */
#include "ops/ledger.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "core_pair.h"
#include "ops/interfaces.h"
#include "suite.h"

/* ---- sentences ---- */

static const struct {
	struct ledger_page page;
	const char *verdict;
} cases[] = {
	{{.sent.owed = 9}, "nothing lost"},
	{{.capture.upstream_gaps = 2, .capture.upstream_missing = 17},
	 "before capture (exchange or network): 17 messages in 2 upstream gaps"},
	{{.dropped = {[DROP_KERNEL_RING] = 5}},
	 "in capture: 5 datagrams dropped by the kernel ring"},
	{{.dropped = {[DROP_INTERFACE] = 6}, .one_channel = true},
	 "in capture: 6 datagrams of any channel dropped by the interface"},
	{{.dropped = {1, 2}, .capture.refused = 3},
	 "in capture: 1 datagrams dropped by the kernel ring, 2 datagrams dropped by the "
	 "interface, 3 refused by the history"},
	{{.capture.refused = 3}, "in capture: 3 refused by the history"},
	{{.peer.lost_restart = 4}, "in the relay: 4 lost (restart 4)"},
	{{.peer.lost_never = 1, .unoffered = 2},
	 "in the relay: 3 lost (never 1, aged unsent 2)"},
	{{.peer.lost_give_up = 3}, "on the line: 3 lost (give_up 3)"},
	{{.peer.lost_give_up = 3, .peer.lost_aged = 4},
	 "on the line: 7 lost (give_up 3, aged 4)"},
	{{.peer.lost_window = 1}, "in the peer: 1 lost (window 1)"},
	{{.peer.lost_drain = 2, .peer.lost_window = 1},
	 "in the peer: 3 lost (window 1, drain 2)"},
	{{.sent.abandoned = 8}, "at a restart of the peer: up to 8 not emitted"},
	{{.peer.refused_oversize = 2}, "at emission: 2 refused as oversize"},
	{{.peer.refused_error = 2, .peer.stale = 3},
	 "at emission: 2 refused by the kernel, 3 stale (max_age)"},
	/* What is asked for again, or was sent late, is no loss. */
	{{.peer.refused_memory = 2,
	  .peer.refused_window = 3,
	  .peer.duplicate = 4,
	  .peer.late = 5,
	  .sent.shed_age = 6,
	  .sent.shed_bytes = 7,
	  .sent.resent = 8},
	 "nothing lost"},
	{{.sent.unsent = 1, .peer.missing = 2, .peer.held = 3},
	 "nothing lost; under way: 1 unsent, 2 missing, 3 held"},
	{{.sent.owed = 10, .unreported = 4},
	 "nothing lost; not in the peer's books: 4 of 10"},
	/* What the network did with it nobody here knows. */
	{{.over_quota = 7, .peer.held = 1},
	 "nothing lost; after emission: 7 emitted above emit.quota, which the network may "
	 "have dropped; under way: 1 held"},
	{{.sent.owed = 9, .exceeded = {[ALLOWANCE_pps] = 4, [ALLOWANCE_bw_in] = 2}},
	 "nothing lost; beside the books: the instance's allowance was exceeded "
	 "(bw_in 2, pps 4)"},
	{{.peer.lost_give_up = 3, .not_emitted = 5, .peer.held = 1},
	 "on the line: 3 lost (give_up 3); beside the books: 5 frames dropped by the "
	 "interface that is emitted on; under way: 1 held"},
	{{.residual = 2},
	 "nothing lost; the books do not balance: 2 datagrams are not explained"},
	{{.capture.upstream_gaps = 1,
	  .capture.upstream_missing = 1,
	  .dropped = {1, 0},
	  .peer.lost_restart = 1,
	  .peer.lost_aged = 1,
	  .peer.lost_window = 1,
	  .peer.stale = 1,
	  .peer.held = 1,
	  .residual = 1},
	 "before capture (exchange or network): 1 messages in 1 upstream gaps; "
	 "in capture: 1 datagrams dropped by the kernel ring; "
	 "in the relay: 1 lost (restart 1); on the line: 1 lost (aged 1); "
	 "in the peer: 1 lost (window 1); at emission: 1 stale (max_age); "
	 "under way: 1 held; the books do not balance: 1 datagrams are not explained"},
};

START_TEST(sentence)
{
	char text[LEDGER_VERDICT_BYTES];

	ledger_verdict(&cases[_i].page, text);
	ck_assert_str_eq(text, cases[_i].verdict);
}
END_TEST

/* Every figure as long as it can be still makes a whole sentence. */
START_TEST(longest_sentence_fits)
{
	struct ledger_page page;
	char text[LEDGER_VERDICT_BYTES];

	memset(&page, 0xff, sizeof(page));
	page.one_channel = true;
	ledger_verdict(&page, text);
	ck_assert_ptr_nonnull(strstr(text, "in capture: 18446744073709551615"));
	ck_assert_ptr_nonnull(strstr(text, "datagrams are not explained"));
}
END_TEST

/* ---- pages ---- */

START_TEST(interfaces_are_added)
{
	static struct interfaces all;
	struct ledger_page page = {0};

	all.count = 2;
	all.all[0].uses = 1u << USE_EMISSION;
	all.all[0].counters.total[IFSTAT_tx_dropped] = 3;
	all.all[0].counters.total[IFSTAT_rx_dropped] = 90;
	all.all[0].allowances.total[ALLOWANCE_pps] = 4;
	all.all[1].uses = 1u << USE_PATH;
	all.all[1].counters.total[IFSTAT_tx_dropped] = 80; /* that is repaired */
	all.all[1].allowances.total[ALLOWANCE_pps] = 5;
	ledger_add_interfaces(&page, &all);
	ck_assert_uint_eq(page.not_emitted, 3);
	ck_assert_uint_eq(page.exceeded[ALLOWANCE_pps], 9);
	ck_assert_uint_eq(page.exceeded[ALLOWANCE_bw_in], 0);
	ledger_add_interfaces(&page, NULL);
	ck_assert_uint_eq(page.exceeded[ALLOWANCE_pps], 9);
}
END_TEST

START_TEST(books_are_added)
{
	struct sent_book sent = {0};
	struct peer_book peer = {0};
	struct ledger_page page = {0};

	counter_set(&sent.owed, 10);
	counter_set(&sent.unsent, 2);
	counter_set(&sent.shed_aged, 3);
	counter_set(&peer.lost_aged, 1);
	counter_set(&peer.expected, 5);
	ledger_add_books(&page, &sent, &peer);
	ck_assert_uint_eq(page.unoffered, 2);
	ck_assert_uint_eq(page.unreported, 0); /* it may be on the way */
	/* Another channel, where it is the other way round, hides nothing. */
	counter_set(&sent.shed_aged, 0);
	counter_set(&peer.lost_aged, 7);
	counter_set(&peer.expected, 50);
	ledger_add_books(&page, &sent, &peer);
	ck_assert_uint_eq(page.unoffered, 2);
	ck_assert_uint_eq(page.sent.owed, 20);
	ck_assert_uint_eq(page.peer.lost_aged, 8);
	ledger_add_residual(&page, -4);
	ledger_add_residual(&page, 4);
	ck_assert_uint_eq(page.residual, 8);
}
END_TEST

/* ---- the cores ---- */

static struct pair pair;
static int reader, stderr_before;

static void
setup(void)
{
	int fds[2];

	pair_init(&pair);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	reader = fds[0];
	stderr_before = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(fds[1], STDERR_FILENO), 0);
	close(fds[1]);
	unsetenv("JOURNAL_STREAM");
	log_init("tombolo-test", LOG_LEVEL_INFO);
}

static void
teardown(void)
{
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(reader);
	pair_fini(&pair);
}

static const char *
written(void)
{
	static char text[65536];
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const char *
log_relay(void)
{
	struct relay_view lane = pair_relay_view(&pair);
	struct relay_views views = {.lanes = &lane, .count = 1};

	ledger_log_relay(&views);
	return written();
}

static const char *
log_peer(void)
{
	struct peer_view lane = pair_peer_view(&pair);
	struct peer_views views = {.lanes = &lane, .count = 1};

	ledger_log_peer(&views);
	return written();
}

#define EXPECT(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text)
#define REFUSE(text, part) \
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text)

static void
run_clean(void)
{
	pair_connect(&pair, 0, PATH_STREAM);
	pair_run(&pair, 100 * NS_PER_MS);
	for (int i = 0; i < 6; i++)
		pair_feed(&pair, 0);
	pair_run(&pair, 2 * NS_PER_S);
}

START_TEST(clean_run)
{
	const char *text;

	pair.relay_settings.remote_count = 1; /* vpc-b is not looked at */
	run_clean();
	text = log_relay();
	EXPECT(text,
	       " info ledger: books lane=0 remote=vpc-a channel=kospi200 captured=6 "
	       "captured_bytes=600 owed=6 sent=6 received=6 emitted=6 expected=6 "
	       "residual=0\n");
	EXPECT(text, "books lane=0 remote=vpc-a channel=kosdaq150 residual=0\n");
	EXPECT(text, "books lane=0 remote=vpc-a channel=(marks) residual=0\n");
	EXPECT(text, " info ledger: verdict: nothing lost\n");
	text = log_peer();
	EXPECT(text,
	       "books lane=0 remote=colo-a channel=kospi200 owed=6 sent=6 received=6 "
	       "emitted=6 expected=6 residual_received=0 residual_expected=0\n");
	EXPECT(text, "channel=(marks) residual_received=0 residual_expected=0\n");
	EXPECT(text, " info ledger: verdict: nothing lost\n");
	REFUSE(text, " error ");
}
END_TEST

/* What is lost at emission, and drops before capture, as both halves tell it. */
START_TEST(losses_are_told_by_both)
{
	static const char verdict[] =
		"verdict: in capture: 2 datagrams dropped by the kernel ring; at emission: "
		"3 refused as oversize\n";

	pair.relay_settings.remote_count = 1;
	run_clean();
	relay_dropped(pair.relay, pair.now, DROP_KERNEL_RING, 2);
	pair.verdict = EMIT_OVERSIZE;
	for (int i = 0; i < 3; i++)
		pair_feed(&pair, 1);
	pair_run(&pair, 2 * NS_PER_S);
	EXPECT(log_relay(), verdict);
	EXPECT(log_peer(), verdict);
}
END_TEST

static void
lose_three(void)
{
	pair.relay_settings.remote_count = 1;
	pair_connect(&pair, 0, PATH_DATAGRAM);
	pair_run(&pair, 100 * NS_PER_MS);
	pair_feed(&pair, 0);
	pair_run(&pair, 100 * NS_PER_MS);
	pair.dark = true;
	for (int i = 0; i < 3; i++)
		pair_feed(&pair, 0);
	pair_run(&pair, 20 * NS_PER_MS);
	pair.dark = false;
	pair_feed(&pair, 0); /* shows the gap */
	pair_run(&pair, NS_PER_MS);
}

START_TEST(repaired)
{
	lose_three();
	EXPECT(log_peer(), "verdict: nothing lost; under way: 3 missing, 1 held\n");
	pair_run(&pair, 2 * NS_PER_S);
	EXPECT(log_peer(), "verdict: nothing lost\n");
	EXPECT(log_relay(), "verdict: nothing lost\n");
}
END_TEST

START_TEST(lost_on_the_line)
{
	lose_three();
	pair.dark = pair.deaf = true; /* for the repairs on the way */
	pair_run(&pair, 100 * NS_PER_MS);
	pair.dark = false; /* no repair comes, though the line is not dark */
	pair_run(&pair, 6 * NS_PER_S);
	EXPECT(log_peer(), "verdict: on the line: 3 lost (give_up 3)\n");
	pair.deaf = false;
	pair_run(&pair, 10 * NS_PER_S); /* until all books were asked for again */
	EXPECT(log_relay(), "verdict: on the line: 3 lost (give_up 3)\n");
}
END_TEST

/* A peer that never came: what the history let go of is lost in the relay. */
START_TEST(nobody_listens)
{
	const char *text;

	pair_feed(&pair, 0);
	pair_run(&pair, NS_PER_MS);
	text = log_relay();
	EXPECT(text, "verdict: nothing lost; under way: 2 unsent\n");
	pair_run(&pair, 11 * NS_PER_S);
	text = log_relay();
	EXPECT(text,
	       "channel=kospi200 captured=1 captured_bytes=100 owed=1 shed_aged=1 "
	       "residual=0\n");
	EXPECT(text, "verdict: in the relay: 2 lost (aged unsent 2)\n");
	relay_finish(pair.relay); /* nobody will come any more */
	EXPECT(log_relay(),
	       "verdict: in the relay: 2 lost (aged unsent 2); not in the peer's "
	       "books: 2 of 2\n");
}
END_TEST

/* Of what only a report more would tell nothing is said, of what many did not is. */
START_TEST(not_in_the_peers_books)
{
	pair.relay_settings.remote_count = 1;
	run_clean();
	pair.dark = true;
	for (int i = 0; i < 3; i++)
		pair_feed(&pair, 0);
	pair_run(&pair, 2 * NS_PER_S);
	EXPECT(log_relay(), "verdict: nothing lost\n");
	pair_run(&pair, 10 * NS_PER_S);
	EXPECT(log_relay(), "verdict: nothing lost; not in the peer's books: 3 of 9\n");
	pair.dark = false;
	pair_run(&pair, 5 * NS_PER_S);
	REFUSE(log_relay(), "not in the peer's books");
}
END_TEST

START_TEST(residual_is_an_error)
{
	const struct relay_session *s = relay_session(pair.relay, 0);
	struct peer_channel *c;
	const char *text;

	run_clean();
	gauge_set(&s->residuals[2], -3);
	text = log_relay();
	EXPECT(text, " error ledger: books lane=0 remote=vpc-a channel=kosdaq150 "
		     "residual=-3\n");
	EXPECT(text, " info ledger: books lane=0 remote=vpc-a channel=kospi200 ");
	EXPECT(text, " error ledger: verdict: ");
	EXPECT(text, "the books do not balance: 3 datagrams are not explained\n");
	c = (struct peer_channel *)(uintptr_t)peer_channel(pair.peer, 0, 1);
	gauge_set(&c->expected_residual, 5);
	text = log_peer();
	EXPECT(text, "residual_received=0 residual_expected=5\n");
	EXPECT(text,
	       " error ledger: verdict: nothing lost; the books do not balance: 5 ");
}
END_TEST

/* All figures at once do not fit a line of the log: then there are two. */
START_TEST(long_books_take_two_lines)
{
	const struct relay_session *s = relay_session(pair.relay, 0);
	counter_t *book = (counter_t *)&s->outlets[1].peer;
	const char *text;
	size_t lines = 0;

	for (size_t i = 0; i < PEER_FIGURES; i++)
		counter_set(&book[i], UINT64_MAX / 2);
	text = log_relay();
	for (const char *at = text; (at = strstr(at, "remote=vpc-a channel=kospi200 "));
	     at++)
		lines++;
	ck_assert_uint_eq(lines, 2);
	EXPECT(text, "received=9223372036854775807");
	EXPECT(text, "expected=9223372036854775807");
	REFUSE(text, "...");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ledger");
	TCase *pure = tcase_create("pure"), *cores = tcase_create("cores");

	tcase_add_loop_test(pure, sentence, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(pure, longest_sentence_fits);
	tcase_add_test(pure, interfaces_are_added);
	tcase_add_test(pure, books_are_added);
	tcase_add_checked_fixture(cores, setup, teardown);
	tcase_add_test(cores, clean_run);
	tcase_add_test(cores, losses_are_told_by_both);
	tcase_add_test(cores, repaired);
	tcase_add_test(cores, lost_on_the_line);
	tcase_add_test(cores, nobody_listens);
	tcase_add_test(cores, not_in_the_peers_books);
	tcase_add_test(cores, residual_is_an_error);
	tcase_add_test(cores, long_books_take_two_lines);
	suite_add_tcase(s, pure);
	suite_add_tcase(s, cores);
	return suite_run(s);
}
