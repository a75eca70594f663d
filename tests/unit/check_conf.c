/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files, whole: the golden files of tests/conf, the samples of etc,
 * and the limits. A golden file is NN-half-what.yaml; beside it stands the error
 * line (.err) or the effective configuration (.out). TOMBOLO_SRCDIR is the top of
 * the source tree.
 */
#include "ops/conf.h"

#include <check.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ops/conf_suggest.h"
#include "ops/conf_tree.h"
#include "path/feed.h"
#include "suite.h"

#define ERROR_BYTES 2048

static char error[ERROR_BYTES];

/* Either half, behind one pair of functions. */
struct half {
	const char *name;
	void *(*load)(const char *file);
	void *(*parse)(const char *text, size_t bytes);
	void (*print)(const void *s, FILE *out);
	void (*release)(void *s);
};

static void *
load_relay(const char *file)
{
	return relay_conf_load(file, error, sizeof(error));
}

static void *
load_peer(const char *file)
{
	return peer_conf_load(file, error, sizeof(error));
}

static void *
parse_relay(const char *text, size_t bytes)
{
	return relay_conf_parse("memory", text, bytes, error, sizeof(error));
}

static void *
parse_peer(const char *text, size_t bytes)
{
	return peer_conf_parse("memory", text, bytes, error, sizeof(error));
}

static void
print_relay(const void *s, FILE *out)
{
	relay_conf_print(s, out);
}

static void
print_peer(const void *s, FILE *out)
{
	peer_conf_print(s, out);
}

static void
release_relay(void *s)
{
	relay_conf_free(s);
}

static void
release_peer(void *s)
{
	peer_conf_free(s);
}

static const struct half halves[] = {
	{"relay", load_relay, parse_relay, print_relay, release_relay},
	{"peer", load_peer, parse_peer, print_peer, release_peer},
};
static const struct half *const relay_half = &halves[0];

/* Tests change directory, and with CK_FORK=no one after the other in one process. */
static void
settle_source(void)
{
	const char *given = getenv("TOMBOLO_SRCDIR");
	char *top = realpath(given != NULL ? given : ".", NULL);

	if (top != NULL)
		setenv("TOMBOLO_SRCDIR", top, 1);
	free(top);
}

/* Of "NN-half-what.yaml". */
static const struct half *
half_of(const char *file)
{
	const char *p = file + strspn(file, "0123456789") + 1;

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(halves[i].name);

		if (strncmp(p, halves[i].name, len) == 0 && p[len] == '-')
			return &halves[i];
	}
	ck_abort_msg("%s is of neither half", file);
	return NULL;
}

static void
enter_source(const char *below)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", getenv("TOMBOLO_SRCDIR"), below);
	ck_assert_msg(chdir(path) == 0, "no directory %s; set TOMBOLO_SRCDIR", path);
}

static char *
read_text(const char *file)
{
	char *text = calloc(1, CONF_FILE_BYTES_MAX);
	FILE *in = fopen(file, "r");

	ck_assert_msg(in != NULL, "%s is missing", file);
	ck_assert_uint_lt(fread(text, 1, CONF_FILE_BYTES_MAX, in), CONF_FILE_BYTES_MAX);
	fclose(in);
	return text;
}

static char *
print_text(const struct half *half, const void *settings)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	half->print(settings, out);
	fclose(out);
	return text;
}

/* The .err or .out file that belongs to a .yaml file. */
static char *
read_beside(const char *file, const char *ending)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s%s", (int)(strlen(file) - strlen(".yaml")),
		 file, ending);
	return read_text(path);
}

/* What is printed loads back, and is then printed the same. */
static void
check_round_trip(const struct half *half, const void *settings)
{
	char *first = print_text(half, settings), *second;
	void *again = half->parse(first, strlen(first));

	ck_assert_msg(again != NULL, "%s in:\n%s", error, first);
	second = print_text(half, again);
	ck_assert_str_eq(first, second);
	half->release(again);
	free(first);
	free(second);
}

START_TEST(test_bad)
{
	glob_t files;

	enter_source("tests/conf/bad");
	ck_assert_int_eq(glob("*.yaml", 0, NULL, &files), 0);
	ck_assert_uint_ge(files.gl_pathc, 100);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *file = files.gl_pathv[i];
		char *expected = read_beside(file, ".err");
		void *settings = half_of(file)->load(file);

		ck_assert_msg(settings == NULL, "%s is taken", file);
		strncat(error, "\n", sizeof(error) - strlen(error) - 1);
		ck_assert_str_eq(error, expected);
		free(expected);
	}
	globfree(&files);
}
END_TEST

START_TEST(test_good)
{
	glob_t files;

	enter_source("tests/conf/good");
	ck_assert_int_eq(glob("*.yaml", 0, NULL, &files), 0);
	ck_assert_uint_ge(files.gl_pathc, 7);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *file = files.gl_pathv[i];
		const struct half *half = half_of(file);
		char *expected = read_beside(file, ".out"), *printed;
		void *settings = half->load(file);

		ck_assert_msg(settings != NULL, "%s", error);
		ck_assert_str_eq(error, "");
		printed = print_text(half, settings);
		ck_assert_str_eq(printed, expected);
		check_round_trip(half, settings);
		half->release(settings);
		free(printed);
		free(expected);
	}
	globfree(&files);
}
END_TEST

START_TEST(test_samples)
{
	enter_source("etc");
	for (int i = 0; i < 2; i++) {
		char file[32];
		void *settings;

		snprintf(file, sizeof(file), "%s.yaml", halves[i].name);
		settings = halves[i].load(file);
		ck_assert_msg(settings != NULL, "%s", error);
		check_round_trip(&halves[i], settings);
		halves[i].release(settings);
	}
}
END_TEST

/* The fields themselves, in host byte order and the units of settings.h. */
START_TEST(test_relay_settings)
{
	struct relay_settings *s;

	enter_source("tests/conf/good");
	s = relay_conf_load("02-relay-full.yaml", error, sizeof(error));
	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s->node, "colo-a");
	ck_assert_str_eq(s->capture.interface, "ens1f0");
	ck_assert_ptr_null(s->capture.file);
	ck_assert_int_eq(s->capture.join, JOIN_NONE);
	ck_assert_uint_eq(s->capture.buffer_bytes, 1000000000);
	ck_assert(!s->capture.immediate && s->capture.promiscuous);
	ck_assert_double_eq(s->capture.pace, 1.0);
	ck_assert_uint_eq(s->capture.fragment_datagrams, 1);
	ck_assert_int_eq(s->capture.fragment_timeout_ns, 1500000000);
	ck_assert_uint_eq(s->channel_count, 3);
	ck_assert_uint_eq(s->channels[0].group, 0xe9253601);
	ck_assert_uint_eq(s->channels[0].port, 30001);
	ck_assert_uint_eq(s->channels[0].source, 0x0a000009);
	ck_assert_int_eq(s->channels[0].feed, feed_find("moldudp64"));
	ck_assert_int_eq(s->channels[1].feed, 0);
	ck_assert_uint_eq(s->history.memory_bytes, 1099511627776);
	ck_assert_int_eq(s->history.age_ns, 3600000000000);
	ck_assert_uint_eq(s->tls.rekey_records, 64);
	ck_assert_uint_eq(s->listen_count, 3);
	ck_assert_uint_eq(s->listen[1].address.addr, 0x7f000001);
	ck_assert_int_eq(s->listen[1].transport, TRANSPORT_TLS);
	ck_assert_int_eq(s->listen[2].transport, TRANSPORT_DTLS);
	ck_assert_uint_eq(s->remote_count, 2);
	ck_assert_uint_eq(s->remotes[0].path_count, 2);
	ck_assert_uint_eq(s->remotes[0].paths[0].connect.addr, 0x0a090005);
	ck_assert_uint_eq(s->remotes[0].paths[0].connect.port, 7443);
	ck_assert_uint_eq(s->remotes[0].paths[0].bind, 0x0a080002);
	ck_assert_int_eq(s->remotes[0].paths[0].use, PATH_STANDBY);
	ck_assert_int_eq(s->remotes[0].paths[0].transport, TRANSPORT_TLS);
	ck_assert_uint_eq(s->remotes[0].paths[0].mtu, 0);
	ck_assert_uint_eq(s->remotes[0].paths[0].max_rate_bps, 500000000);
	ck_assert_int_eq(s->remotes[0].paths[1].transport, TRANSPORT_DTLS);
	ck_assert_uint_eq(s->remotes[0].paths[1].mtu, 576);
	ck_assert_uint_eq(s->remotes[0].paths[1].max_rate_bps, 64000);
	ck_assert_int_eq(s->remotes[0].shed_age_ns, 500000000);
	ck_assert_uint_eq(s->remotes[0].shed_bytes, 65536);
	ck_assert_uint_eq(s->remotes[0].repair_rate, 5000);
	ck_assert_uint_eq(s->remotes[1].path_count, 0);
	ck_assert_int_eq(s->session.path_timeout_ns, 2000000);
	ck_assert_uint_eq(s->service.metrics.port, 9464);
	ck_assert_str_eq(s->service.control_socket, "/run/tombolo/relay.sock");
	ck_assert_int_eq(s->service.log_level, LOG_LEVEL_DEBUG);
	relay_conf_free(s);
}
END_TEST

START_TEST(test_peer_settings)
{
	struct peer_settings *s;

	enter_source("tests/conf/good");
	s = peer_conf_load("07-peer-full.yaml", error, sizeof(error));
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->emit.ttl, 255);
	ck_assert_uint_eq(s->emit.dscp, 46);
	ck_assert(s->emit.fragment && s->emit.loop);
	ck_assert_uint_eq(s->emit.quota.flow_pps, 15000);
	ck_assert_uint_eq(s->emit.quota.flow_bps, 500000000);
	ck_assert_uint_eq(s->emit.quota.total_pps, 500000);
	ck_assert_uint_eq(s->emit.quota.total_bps, 20000000000);
	ck_assert_int_eq(s->emit.over_quota, QUOTA_WARN);
	ck_assert_uint_eq(s->output_count, 4);
	ck_assert_str_eq(s->outputs[0].relay, "colo-a");
	ck_assert_uint_eq(s->outputs[0].group, 0xef253601);
	ck_assert_int_eq(s->outputs[0].delivery, DELIVERY_IMMEDIATE);
	ck_assert_int_eq(s->outputs[0].max_age_ns, 2000000000);
	ck_assert_uint_eq(s->outputs[1].group, 0);
	ck_assert_uint_eq(s->outputs[1].port, 30002);
	ck_assert_str_eq(s->outputs[3].relay, "");
	ck_assert_int_eq(s->recovery.give_up_ns, 50000000);
	ck_assert_int_eq(s->recovery.reorder_ns, 500000);
	ck_assert_uint_eq(s->recovery.window_datagrams, 1048576);
	ck_assert_uint_eq(s->recovery.memory_bytes, 1073741824);
	ck_assert_uint_eq(s->recovery.channels, 4096);
	ck_assert_int_eq(s->session.drain_timeout_ns, 300000000000);
	peer_conf_free(s);
}
END_TEST

START_TEST(test_unreadable)
{
	enter_source("tests/conf");
	ck_assert_ptr_null(relay_conf_load("none.yaml", error, sizeof(error)));
	ck_assert_str_eq(error, "none.yaml: cannot be read: No such file or directory");
	ck_assert_ptr_null(peer_conf_load("good", error, sizeof(error)));
	ck_assert_str_eq(error, "good: cannot be read: Is a directory");
}
END_TEST

/* However little room the caller has, the line fits and ends. */
START_TEST(test_short_error)
{
	char small[8] = "xxxxxxx";

	ck_assert_ptr_null(relay_conf_parse("file", "x: 1", 4, small, 5));
	ck_assert_str_eq(small, "file");
	ck_assert_str_eq(small + 5, "xx");
}
END_TEST

static void
put_head(FILE *out)
{
	fputs("node: colo-a\n"
	      "capture: {interface: eth0}\n"
	      "tls: {certificate: a.crt, key: a.key, ca: ca.crt}\n"
	      "listen: [{address: \"0.0.0.0:7443\"}]\n"
	      "peers: [{name: vpc-a}]\n",
	      out);
}

static void *
parse_channels(size_t count)
{
	size_t bytes = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);
	void *settings;

	put_head(out);
	fputs("channels:\n", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out,
			"  - name: %063zu\n    group: 239.255.%zu.%zu\n    port: 65535\n"
			"    source: 192.168.100.100\n    feed: moldudp64\n",
			i, i / 256, i % 256);
	fclose(out);
	settings = relay_half->parse(text, bytes);
	free(text);
	return settings;
}

START_TEST(test_most_channels)
{
	struct relay_settings *s = parse_channels(CHANNELS_MAX);

	ck_assert_msg(s != NULL, "%s", error);
	ck_assert_uint_eq(s->channel_count, CHANNELS_MAX);
	check_round_trip(relay_half, s);
	relay_conf_free(s);
	ck_assert_ptr_null(parse_channels(CHANNELS_MAX + 1));
	ck_assert_str_eq(error, "memory:20487:5: channels: has too many entries; "
				"allowed: at most 4096");
}
END_TEST

static void
check_padded(const char *piece, size_t times, const char *expected)
{
	size_t bytes = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &bytes);
	void *settings;

	put_head(out);
	fputs("channels: [{name: a, group: 239.1.1.1, port: 1}]\n", out);
	for (size_t i = 0; i < times; i++)
		fputs(piece, out);
	fclose(out);
	settings = relay_half->parse(text, bytes);
	ck_assert_str_eq(error, expected);
	ck_assert(settings == NULL || expected[0] == '\0');
	relay_half->release(settings);
	free(text);
}

START_TEST(test_large_files)
{
	check_padded("#\n", 500000, "");
	check_padded("#\n", 530000,
		     "memory: the file is too large, at most 1 MiB is allowed");
	check_padded("a: [[],[],[],[],[],[],[],[],[],[],[],[]]\n", 20000,
		     "memory:5046:32: the file has too many values, at most 65536 are "
		     "allowed");
}
END_TEST

START_TEST(test_suggestions)
{
	struct conf_suggestion s = {.wrong = "hisotry"};

	ck_assert_uint_eq(conf_suggest_distance("", ""), 0);
	ck_assert_uint_eq(conf_suggest_distance("abc", ""), 3);
	ck_assert_uint_eq(conf_suggest_distance("", "abc"), 3);
	ck_assert_uint_eq(conf_suggest_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(conf_suggest_distance("ab", "ba"), 1);
	ck_assert_uint_eq(conf_suggest_distance("ca", "abc"), 3);
	ck_assert_uint_eq(
		conf_suggest_distance("a", "12345678901234567890123456789012"), -1U);
	conf_suggest_offer(&s, "listen");
	ck_assert_ptr_null(s.best);
	conf_suggest_offer(&s, "hiftory");
	ck_assert_str_eq(s.best, "hiftory");
	conf_suggest_offer(&s, "history");
	ck_assert_str_eq(s.best, "history");
	s = (struct conf_suggestion){.wrong = "tl"};
	conf_suggest_offer(&s, "tls");
	ck_assert_ptr_null(s.best);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *golden = tcase_create("golden"), *limits = tcase_create("limits");

	settle_source();
	tcase_add_test(golden, test_bad);
	tcase_add_test(golden, test_good);
	tcase_add_test(golden, test_samples);
	tcase_add_test(golden, test_relay_settings);
	tcase_add_test(golden, test_peer_settings);
	suite_add_tcase(s, golden);
	tcase_set_timeout(limits, 60);
	tcase_add_test(limits, test_unreadable);
	tcase_add_test(limits, test_short_error);
	tcase_add_test(limits, test_most_channels);
	tcase_add_test(limits, test_large_files);
	tcase_add_test(limits, test_suggestions);
	suite_add_tcase(s, limits);
	return suite_run(s);
}
