/* SPDX-License-Identifier: Apache-2.0 */
/* From one configuration to another: what may change, what is refused, how it is said. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/conf.h"
#include "ops/conf_change.h"
#include "suite.h"

#define RELAY                                                             \
	"node: colo-a\n"                                                  \
	"capture: {interface: feed}\n"                                    \
	"channels:\n"                                                     \
	"  - {name: a, group: 239.1.1.1, port: 1000}\n"                   \
	"  - {name: b, group: 239.1.1.2, port: 1000, source: 10.0.0.1}\n" \
	"tls: {certificate: c.crt, key: c.key, ca: ca.crt}\n"             \
	"peers:\n"                                                        \
	"  - {name: vpc-a, shed_age: 1s, paths: [{connect: \"10.9.0.5:7443\"}]}\n"

#define PEER                                                  \
	"node: vpc-a\n"                                       \
	"listen: [{address: \"0.0.0.0:7443\"}]\n"             \
	"tls: {certificate: c.crt, key: c.key, ca: ca.crt}\n" \
	"relays: [{name: colo-a}]\n"                          \
	"emit: {interface: out}\n"                            \
	"channels:\n"                                         \
	"  - {name: a, group: 239.9.9.9, port: 9, max_age: 2s}\n"

/* text with the first `from` in it replaced; the caller frees it. */
static char *
edit(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out = NULL;

	ck_assert_msg(at != NULL, "%s", from);
	ck_assert_int_gt(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
				  at + strlen(from)),
			 0);
	return out;
}

static struct relay_settings *
relay(const char *text)
{
	char error[1024];
	struct relay_settings *s = relay_conf_parse("relay.yaml", text, strlen(text),
						    error, sizeof(error));

	ck_assert_msg(s != NULL, "%s", error);
	return s;
}

static struct peer_settings *
peer(const char *text)
{
	char error[1024];
	struct peer_settings *s =
		peer_conf_parse("peer.yaml", text, strlen(text), error, sizeof(error));

	ck_assert_msg(s != NULL, "%s", error);
	return s;
}

struct edit {
	const char *from, *to;
	const char *live, *fixed; /* as it is told */
};

static const struct edit relay_edits[] = {
	{"node", "node", "", ""},
	{"peers:", "history: {age: 20s}\npeers:", "history.age: 10s -> 20s", ""},
	{"shed_age: 1s", "shed_age: 2s", "peers[0].shed_age: 1s -> 2s", ""},
	{"shed_age: 1s, ", "", "peers[0].shed_age: 1s -> 0", ""},
	{"peers:", "log: {level: debug}\npeers:", "log.level: info -> debug", ""},
	{"peers:", "session: {heartbeat: 100ms}\npeers:",
	 "session.heartbeat: 200ms -> 100ms, session.path_timeout: 600ms -> 300ms", ""},
	{"c.crt", "d.crt", "tls.certificate: \"c.crt\" -> \"d.crt\"", ""},
	{"ca: ca.crt", "ca: ca.crt, crl: ca.crl", "tls.crl: none -> \"ca.crl\"", ""},
	{"port: 1000}", "port: 1001}", "channels", ""},
	{", source: 10.0.0.1", "", "channels", ""},
	{"  - {name: a, group: 239.1.1.1, port: 1000}\n", "",
	 "channels: 2 -> 1 entries", ""},
	{"node: colo-a", "node: colo-b", "", "node: \"colo-a\" -> \"colo-b\""},
	{"interface: feed", "interface: feed, buffer: 8MiB", "",
	 "capture.buffer: 64MiB -> 8MiB"},
	{"interface: feed", "interface: eth1", "",
	 "capture.interface: \"feed\" -> \"eth1\""},
	{"interface: feed", "file: x.pcap", "",
	 "capture.interface: \"feed\" -> none, capture.file: none -> \"x.pcap\""},
	{"peers:", "history: {memory: 1MiB, age: 5s}\npeers:", "history.age: 10s -> 5s",
	 "history.memory: 256MiB -> 1MiB"},
	{"10.9.0.5:7443\"}", "10.9.0.6:7443\"}", "",
	 "peers[0].paths[0].connect: \"10.9.0.5:7443\" -> \"10.9.0.6:7443\""},
	{"10.9.0.5:7443\"}", "10.9.0.5:7443\"}, {connect: \"10.9.0.6:7443\"}", "",
	 "peers[0].paths: 1 -> 2 entries"},
	{"vpc-a, shed", "vpc-b, shed", "", "peers[0].name: \"vpc-a\" -> \"vpc-b\""},
	{"peers:", "metrics: {listen: \"127.0.0.1:9464\"}\npeers:", "",
	 "metrics.listen: none -> \"127.0.0.1:9464\""},
};

static const struct edit peer_edits[] = {
	{"interface: out", "interface: out, quota: {flow_pps: 15000}",
	 "emit.quota.flow_pps: 75000/s -> 15000/s", ""},
	{"max_age: 2s", "delivery: immediate", "channels", ""},
	{"group: 239.9.9.9, ", "", "channels", ""},
	{"channels:", "recovery: {give_up: 300ms}\nchannels:",
	 "recovery.give_up: 200ms -> 300ms", ""},
	{"channels:", "recovery: {window: 4096}\nchannels:", "",
	 "recovery.window: 16384 -> 4096"},
	{"interface: out", "interface: out, ttl: 3", "emit.ttl: 8 -> 3", ""},
	{"interface: out", "interface: out, dscp: 46", "emit.dscp: 0 -> 46", ""},
	{"interface: out", "interface: out, over_quota: pace",
	 "emit.over_quota: warn -> pace", ""},
	{"interface: out", "interface: out, loop: true", "",
	 "emit.loop: false -> true"},
	{"0.0.0.0:7443", "0.0.0.0:7444", "",
	 "listen[0].address: \"0.0.0.0:7443\" -> \"0.0.0.0:7444\""},
};

static char *
print(void (*how)(const void *settings, FILE *out), const void *settings)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	how(settings, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void
print_relay(const void *settings, FILE *out)
{
	relay_conf_print(settings, out);
}

static void
print_peer(const void *settings, FILE *out)
{
	peer_conf_print(settings, out);
}

/* What is told is what is; and exchanged are the live keys, all of them and no other. */
static void
judge(const struct conf_record *record, void *a, void *b,
      void (*how)(const void *, FILE *), const struct edit *e)
{
	char *before = print(how, a), *after = print(how, b), *now;
	struct conf_change change;

	conf_compare(record, a, b, &change);
	ck_assert_str_eq(change.live, e->live);
	ck_assert_str_eq(change.fixed, e->fixed);
	if (e->fixed[0] != '\0')
		goto done;
	conf_exchange(record, a, b);
	now = print(how, a);
	ck_assert_str_eq(now, after);
	free(now);
	now = print(how, b);
	ck_assert_str_eq(now, before);
	free(now);
	conf_compare(record, a, b, &change);
	ck_assert((change.live[0] == '\0') == (e->live[0] == '\0'));
done:
	free(before);
	free(after);
}

START_TEST(of_a_relay)
{
	const struct edit *e = &relay_edits[_i];
	char *text = edit(RELAY, e->from, e->to);
	struct relay_settings *a = relay(RELAY), *b = relay(text);

	judge(relay_conf_record(), a, b, print_relay, e);
	relay_conf_free(a);
	relay_conf_free(b);
	free(text);
}
END_TEST

START_TEST(of_a_peer)
{
	const struct edit *e = &peer_edits[_i];
	char *text = edit(PEER, e->from, e->to);
	struct peer_settings *a = peer(PEER), *b = peer(text);

	judge(peer_conf_record(), a, b, print_peer, e);
	peer_conf_free(a);
	peer_conf_free(b);
	free(text);
}
END_TEST

/* Exchanged are the live keys only, even where others differ. */
START_TEST(the_rest_stays)
{
	char *one = edit(RELAY, "node: colo-a", "node: colo-b");
	char *text = edit(one, "shed_age: 1s", "shed_age: 3s");
	struct relay_settings *a = relay(RELAY), *b = relay(text);

	conf_exchange(relay_conf_record(), a, b);
	ck_assert_str_eq(a->node, "colo-a");
	ck_assert_int_eq(a->remotes[0].shed_age_ns, 3000000000LL);
	ck_assert_int_eq(b->remotes[0].shed_age_ns, 1000000000LL);
	relay_conf_free(a);
	relay_conf_free(b);
	free(text);
	free(one);
}
END_TEST

/* More than one can say: the rest is dots, and nothing is written past the end. */
START_TEST(too_much_to_say)
{
	struct relay_settings *a, *b;
	struct conf_change change;
	char *one = NULL, *two = NULL;
	size_t bytes;
	FILE *f = open_memstream(&one, &bytes), *g = open_memstream(&two, &bytes);

	fputs(RELAY, f);
	fputs(RELAY, g);
	for (int i = 0; i < 31; i++) {
		fprintf(f,
			"  - {name: n%d, shed_age: 1s, paths: "
			"[{connect: \"10.9.1.%d:1\"}]}\n",
			i, i + 1);
		fprintf(g,
			"  - {name: n%d, shed_age: 2s, paths: "
			"[{connect: \"10.9.2.%d:1\"}]}\n",
			i, i + 1);
	}
	fclose(f);
	fclose(g);
	a = relay(one);
	b = relay(two);
	conf_compare(relay_conf_record(), a, b, &change);
	ck_assert_uint_lt(strlen(change.fixed), CONF_CHANGE_BYTES);
	ck_assert_str_eq(change.fixed + strlen(change.fixed) - 5, ", ...");
	ck_assert_ptr_nonnull(
		strstr(change.live, "peers[1].shed_age: 1s -> 2s, peers["));
	relay_conf_free(a);
	relay_conf_free(b);
	free(one);
	free(two);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_change");
	TCase *t = tcase_create("conf_change");

	tcase_add_loop_test(t, of_a_relay, 0,
			    (int)(sizeof(relay_edits) / sizeof(relay_edits[0])));
	tcase_add_loop_test(t, of_a_peer, 0,
			    (int)(sizeof(peer_edits) / sizeof(peer_edits[0])));
	tcase_add_test(t, the_rest_stays);
	tcase_add_test(t, too_much_to_say);
	suite_add_tcase(s, t);
	return suite_run(s);
}
