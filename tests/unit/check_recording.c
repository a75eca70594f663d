/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flight recorder, from a history to the file that an operator has: /history over
 * the control socket, read by libpcap and by tomboloctl's own eyes. Server and client
 * share this thread, so every test waits for a state.
 */
#include "ops/recording.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/reel.h"
#include "ops/http.h"
#include "ops/pcapng.h"
#include "path/capture.h"
#include "path/emitted.h"
#include "path/history.h"
#include "client.h"
#include "suite.h"

#define CHANNELS    3
#define FRAME_BYTES 42

/* AddressSanitizer, for a while. */
#ifdef __SANITIZE_ADDRESS__
#define KEEPS_WHAT_IS_FREED true
#elif defined(__has_feature)
#define KEEPS_WHAT_IS_FREED __has_feature(address_sanitizer)
#else
#define KEEPS_WHAT_IS_FREED false
#endif

static struct event_base *base;
static struct http *server;
static struct history *history;
static struct recordings recordings;
static struct endpoint tcp;
static char directory[64], path[96], error[512];

/* ---- a source: channels "one", "two" and "a/b c" in a relay's history ---- */

static const char *const names[CHANNELS + 1] = {"", "one", "two", "a/b c"};

static size_t
count_places(const void *view)
{
	(void)view;
	return CHANNELS + 1;
}

static bool
channel_at(const void *view, size_t n, struct recording_channel *c)
{
	(void)view;
	if (n == 0)
		return false;
	*c = (struct recording_channel){.group = 0xef010100 + (uint32_t)n,
					.source = n == 1 ? 0x0a000009 : 0,
					.port = (uint16_t)(30000 + n),
					.key = n,
					.ring = (uint16_t)n};
	strcpy(c->name, names[n]);
	return true;
}

static void
read_record(const void *view, struct history_record *rec, struct recorded *r)
{
	(void)view;
	*r = (struct recorded){.key = rec->channel,
			       .seq = rec->seq,
			       .group = 0xef010100u + rec->channel,
			       .port = (uint16_t)(30000 + rec->channel)};
}

static void
setup_with(size_t memory_bytes)
{
	strcpy(directory, P_tmpdir "/tmb-rec-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	base = event_base_new();
	history = history_new(memory_bytes, 3600 * NS_PER_S, CHANNELS + 1, false);
	ck_assert(base != NULL && history != NULL);
	tcp = (struct endpoint){INADDR_LOOPBACK, 0};
	server = http_new(base, NULL, path, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	recordings = (struct recordings){.source = {.half = "relay",
						    .count = count_places,
						    .channel = channel_at,
						    .read = read_record,
						    .history = history,
						    .node = "colo-a",
						    .version = "1.2.3"}};
	recording_routes(server, &recordings);
}

static void
setup(void)
{
	setup_with(64 << 20);
}

static void
teardown(void)
{
	http_free(server);
	ck_assert_uint_eq(recordings.active, 0);
	event_base_free(base);
	history_free(history);
	rmdir(directory);
}

/* Byte i of the n-th datagram. */
static uint8_t
byte_of(uint64_t n, size_t i)
{
	return (uint8_t)(n * 31 + i * 7);
}

static size_t
length_of(uint64_t n)
{
	return n % 97 == 0 ? 0 : 1 + n * 13 % 1400;
}

/* The n-th datagram of all, ago before now. */
static void
put(uint16_t channel, uint64_t n, int64_t ago_ns)
{
	uint8_t payload[1500];
	mono_t arrived = mono_add(clock_now().mono, -ago_ns);

	for (size_t i = 0; i < length_of(n); i++)
		payload[i] = byte_of(n, i);
	ck_assert(seq_cmp(history_put(history, arrived, channel, HISTORY_DATA,
				      (utc_t){1790000000 * NS_PER_S + (int64_t)n},
				      payload, length_of(n)),
			  SEQ_NONE) != 0);
}

static void
put_mark(enum drop_point point, uint64_t n)
{
	uint8_t bytes[9];
	struct wr w = wr_init(bytes, sizeof(bytes));

	wr_u8(&w, (uint8_t)point);
	wr_u64(&w, n);
	history_put(history, clock_now().mono, 0, HISTORY_MARK, (utc_t){1}, bytes,
		    sizeof(bytes));
}

/* ---- the client ---- */

struct answer {
	uint8_t *bytes;
	size_t len, body;
	int status;
};

static void
say(int fd, const char *target)
{
	char request[8192];
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", target);

	ck_assert_int_eq(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
}

static void
turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

static struct answer
hear(int fd)
{
	mono_t give_up = mono_add(clock_now().mono, CLIENT_PATIENCE_NS);
	struct client_answer all = {.text = NULL};
	struct answer a;

	do {
		ck_assert(mono_before(clock_now().mono, give_up));
		turn();
	} while (!client_pull(fd, &all));
	close(fd);
	a.bytes = (uint8_t *)all.text;
	a.len = all.len;
	a.body = (size_t)(client_body(&all) - all.text);
	ck_assert_int_eq(sscanf(all.text, "HTTP/1.%*d %d", &a.status), 1);
	return a;
}

static struct answer
ask(const char *target)
{
	int fd = client_dial_path(path);

	say(fd, target);
	return hear(fd);
}

/* In pieces of odd sizes, as a socket may bring them. */
static struct reel
look(const struct answer *a)
{
	struct reel r = {.packets = 0};
	size_t piece = 1;

	for (size_t at = a->body; at < a->len; at += piece, piece = piece % 777 + 3) {
		size_t n = a->len - at < piece ? a->len - at : piece;

		ck_assert(reel_feed(&r, a->bytes + at, n));
		piece = n;
	}
	return r;
}

static pcap_t *
open_capture(const struct answer *a)
{
	FILE *f = fmemopen(a->bytes + a->body, a->len - a->body, "r");
	pcap_t *p = pcap_fopen_offline_with_tstamp_precision(
		f, PCAP_TSTAMP_PRECISION_NANO, error);

	ck_assert_msg(p != NULL, "%s", error);
	ck_assert_int_eq(pcap_datalink(p), DLT_EN10MB);
	return p;
}

static uint32_t
be(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

/* The next packet is the n-th datagram, of the channel. */
static void
expect(pcap_t *p, uint16_t channel, uint64_t n)
{
	struct pcap_pkthdr *head;
	const uint8_t *frame;
	uint32_t sum = 0;

	ck_assert_int_eq(pcap_next_ex(p, &head, &frame), 1);
	ck_assert_uint_eq(head->caplen, FRAME_BYTES + length_of(n));
	ck_assert_uint_eq(head->len, head->caplen);
	ck_assert_int_eq(head->ts.tv_sec, 1790000000);
	ck_assert_int_eq(head->ts.tv_usec, (long)n); /* nanoseconds */
	ck_assert_uint_eq(be(frame, 4), 0x01005e01);
	ck_assert_uint_eq(be(frame + 4, 2), 0x0100u + channel);
	ck_assert_uint_eq(be(frame + 12, 2), 0x0800);
	for (size_t i = 14; i < 34; i += 2)
		sum += be(frame + i, 2);
	ck_assert_uint_eq(sum % 0xffff, 0); /* of the IP header */
	ck_assert_uint_eq(be(frame + 16, 2), 28 + length_of(n));
	ck_assert_uint_eq(be(frame + 26, 4), channel == 1 ? 0x0a000009 : 0);
	ck_assert_uint_eq(be(frame + 30, 4), 0xef010100u + channel);
	ck_assert_uint_eq(be(frame + 36, 2), 30000u + channel);
	ck_assert_uint_eq(be(frame + 38, 2), 8 + length_of(n));
	for (size_t i = 0; i < length_of(n); i++)
		ck_assert_uint_eq(frame[FRAME_BYTES + i], byte_of(n, i));
}

static void
expect_end(pcap_t *p)
{
	struct pcap_pkthdr *head;
	const uint8_t *frame;

	ck_assert_int_eq(pcap_next_ex(p, &head, &frame), PCAP_ERROR_BREAK);
	pcap_close(p);
}

static bool
says(const struct answer *a, const char *text)
{
	return memmem(a->bytes, a->len, text, strlen(text)) != NULL;
}

/* ---- what is in it ---- */

START_TEST(every_byte_of_every_channel)
{
	struct answer a;
	struct reel r;
	pcap_t *p;

	for (uint64_t n = 0; n < 5000; n++)
		put((uint16_t)(1 + n % CHANNELS), n, NS_PER_S);
	a = ask("/history?since=10s");
	ck_assert_int_eq(a.status, 200);
	ck_assert(says(&a, "Content-Type: application/x-pcapng\r\n"));
	p = open_capture(&a);
	for (uint64_t n = 0; n < 5000; n++)
		expect(p, (uint16_t)(1 + n % CHANNELS), n);
	expect_end(p);
	r = look(&a);
	ck_assert(reel_is_whole(&r));
	ck_assert_uint_eq(r.packets, 5000);
	ck_assert_uint_eq(r.interfaces, CHANNELS);
	ck_assert_int_eq(r.first_ns, 1790000000 * NS_PER_S);
	ck_assert_int_eq(r.last_ns, 1790000000 * NS_PER_S + 4999);
	ck_assert_str_eq(r.note, "");
	ck_assert(says(&a, "channel two, sequence 1667"));
	ck_assert(says(&a, "tombolo-relay 1.2.3"));
	free(a.bytes);
}
END_TEST

START_TEST(only_the_channels_that_are_asked_for)
{
	struct answer a;
	pcap_t *p;

	for (uint64_t n = 0; n < 300; n++)
		put((uint16_t)(1 + n % CHANNELS), n, NS_PER_S);
	a = ask("/history?since=10s&channel=a%2Fb%20c&channel=one&channel=one");
	ck_assert_int_eq(a.status, 200);
	p = open_capture(&a);
	for (uint64_t n = 0; n < 300; n++)
		if (n % CHANNELS != 1)
			expect(p, (uint16_t)(1 + n % CHANNELS), n);
	expect_end(p);
	ck_assert_uint_eq(look(&a).interfaces, 2);
	free(a.bytes);
}
END_TEST

START_TEST(only_the_time_that_is_asked_for)
{
	struct answer a;
	pcap_t *p;

	for (uint64_t n = 0; n < 100; n++)
		put(1, n, (200 - (int64_t)n) * NS_PER_S);
	a = ask("/history?since=150500ms&until=120500ms");
	ck_assert_int_eq(a.status, 200);
	p = open_capture(&a);
	for (uint64_t n = 50; n < 80; n++)
		expect(p, 1, n);
	expect_end(p);
	free(a.bytes);
}
END_TEST

START_TEST(a_quiet_channel_is_there_and_empty)
{
	struct answer a;
	struct reel r;

	put(1, 1, NS_PER_S);
	a = ask("/history?since=10s&channel=two");
	ck_assert_int_eq(a.status, 200);
	expect_end(open_capture(&a));
	r = look(&a);
	ck_assert(reel_is_whole(&r));
	ck_assert_uint_eq(r.packets, 0);
	free(a.bytes);
}
END_TEST

START_TEST(marks_are_told)
{
	struct answer a;

	put(1, 1, 0);
	put_mark(DROP_KERNEL_RING, 17);
	put_mark(DROP_INTERFACE, 3);
	put(2, 2, 0);
	put_mark(DROP_KERNEL_RING, 4);
	a = ask("/history?since=10s");
	ck_assert(says(&a, "mark: lost before capture, of all channels: 17 at "
			   "kernel_ring, 3 at interface"));
	ck_assert(memmem(a.bytes, a.len, "\0\4\0\10\0\0\0\0\0\0\0\21", 12) != NULL);
	ck_assert_str_eq(look(&a).note, "mark: lost before capture, of all channels: 4 "
					"at kernel_ring");
	free(a.bytes);
}
END_TEST

START_TEST(the_longest_datagram_fits)
{
	static uint8_t payload[DATAGRAM_BYTES_MAX];
	struct answer a;
	struct pcap_pkthdr *head;
	const uint8_t *frame;
	pcap_t *p;

	memset(payload, 0xa5, sizeof(payload));
	for (int i = 0; i < 20; i++)
		history_put(history, clock_now().mono, 1, HISTORY_DATA,
			    (utc_t){NS_PER_S}, payload, sizeof(payload));
	a = ask("/history?since=10s");
	p = open_capture(&a);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(pcap_next_ex(p, &head, &frame), 1);
		ck_assert_uint_eq(head->caplen, FRAME_BYTES + sizeof(payload));
		ck_assert_int_eq(memcmp(frame + FRAME_BYTES, payload, sizeof(payload)),
				 0);
	}
	expect_end(p);
	free(a.bytes);
}
END_TEST

/* What leaves the history meanwhile is missing, and the file says so. */
START_TEST(what_is_overtaken_is_said)
{
	struct answer a;
	struct reel r;
	int fd = client_dial_path(path);

	for (uint64_t n = 0; n < 2000; n++)
		put(1, n, NS_PER_S);
	say(fd, "/history?since=1h");
	while (recordings.active == 0)
		turn();
	for (int i = 0; i < 20; i++) { /* some of it was read */
		usleep(2000);          /* the stream rests between two pieces */
		turn();
	}
	for (uint64_t n = 0; n < 20000; n++)
		put(1, n, 0);
	a = hear(fd);
	r = look(&a);
	ck_assert(reel_is_whole(&r));
	ck_assert_uint_gt(r.packets, 0);
	ck_assert_uint_lt(r.packets, 2000);
	ck_assert_ptr_nonnull(
		strstr(r.note, " bytes left the history while it was read"));
	free(a.bytes);
}
END_TEST

/* ---- who is refused ---- */

static const struct {
	const char *target;
	int status;
	const char *text;
} refusals[] = {
	{"/history", 400, "since when? as in since=5s"},
	{"/history?", 400, "since when?"},
	{"/history?until=5s", 400, "since when?"},
	{"/history?since=", 400, "since: is not a number"},
	{"/history?since=5", 400, "since: has no unit"},
	{"/history?since=-5s", 400, "since: is not a number"},
	{"/history?since=5parsecs", 400, "since: has an unknown unit"},
	{"/history?since=1e9s", 400, "since: "},
	{"/history?since=99999999999999999999h", 400, "since: is too large"},
	{"/history?since=9223372036854775808ns", 400, "since: is too large"},
	{"/history?since=5s&until=-1s", 400, "until: is not a number"},
	{"/history?since=5s&until=6s", 400, "until must not be before since"},
	{"/history?since=5s&channel=three", 404, "no such channel"},
	{"/history?since=5s&channel=one&channel=%00", 404, "no such channel"},
	{"/history?since=5s&channel=", 404, "no such channel"},
	{"/history?since=5s&shell=yes", 400, "channel=NAME, since=AGO and until=AGO"},
	{"/history?since=5s&&&=", 400, ""},
	{"/history?%", 400, ""},
};

START_TEST(refused)
{
	struct answer a = ask(refusals[_i].target);

	ck_assert_msg(a.status == refusals[_i].status, "%s: %d: %s",
		      refusals[_i].target, a.status, (char *)a.bytes + a.body);
	ck_assert_msg(says(&a, refusals[_i].text), "%s: %s", refusals[_i].target,
		      (char *)a.bytes + a.body);
	free(a.bytes);
}
END_TEST

START_TEST(as_long_ago_as_can_be)
{
	struct answer a;

	put(1, 1, NS_PER_S);
	a = ask("/history?since=9223372036854775807ns&until=0ns");
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(look(&a).packets, 1);
	free(a.bytes);
}
END_TEST

START_TEST(nothing_is_remembered)
{
	struct answer a;

	recordings.source.history = NULL;
	a = ask("/history?since=5s");
	ck_assert_int_eq(a.status, 404);
	ck_assert(says(&a, "history.memory"));
	free(a.bytes);
}
END_TEST

/* ---- clients who do not read ---- */

static size_t
resident_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (size_t)u.ru_maxrss;
}

START_TEST(those_who_stall_are_closed_and_cost_little)
{
	mono_t give_up = mono_add(clock_now().mono, CLIENT_PATIENCE_NS);
	int fds[RECORDINGS_MAX + 1];
	struct answer a;
	size_t before;

	for (uint64_t n = 1; n < 60000; n++)
		put(1, n, NS_PER_S);
	before = resident_kib();
	for (int i = 0; i < RECORDINGS_MAX; i++) {
		fds[i] = client_dial_path(path);
		say(fds[i], "/history?since=10s");
	}
	while (recordings.active < RECORDINGS_MAX)
		turn();
	a = ask("/history?since=10s"); /* one too many */
	ck_assert_int_eq(a.status, 503);
	free(a.bytes);
	while (recordings.active > 0) {
		ck_assert(mono_before(clock_now().mono, give_up));
		turn();
	}
	ck_assert_uint_eq(counter_get(&http_figures(server)->timeouts), RECORDINGS_MAX);
	if (!KEEPS_WHAT_IS_FREED)
		ck_assert_msg(resident_kib() < before + 8192, "%zu KiB more",
			      resident_kib() - before);
	for (int i = 0; i < RECORDINGS_MAX; i++)
		close(fds[i]);
	a = ask("/history?since=10s"); /* and others are served again */
	ck_assert_uint_eq(look(&a).packets, 59999);
	free(a.bytes);
}
END_TEST

START_TEST(those_who_go_away_are_let_go)
{
	for (uint64_t n = 1; n < 20000; n++)
		put(1, n, NS_PER_S);
	for (int i = 0; i < 50; i++) {
		int fd = client_dial_path(path);

		say(fd, "/history?since=10s");
		for (int k = 0; k < i; k++)
			turn();
		close(fd);
	}
	while (recordings.active > 0 || gauge_get(&http_figures(server)->connections))
		turn();
	ck_assert_uint_eq(counter_get(&http_figures(server)->timeouts), 0);
}
END_TEST

START_TEST(the_server_may_end_amid_it)
{
	int fd = client_dial_path(path);

	for (uint64_t n = 1; n < 20000; n++)
		put(1, n, NS_PER_S);
	say(fd, "/history?since=10s");
	while (recordings.active == 0)
		turn();
	close(fd);
} /* teardown */
END_TEST

/* ---- what tomboloctl sees ---- */

START_TEST(a_cut_is_seen)
{
	struct answer a;
	struct reel r;

	for (uint64_t n = 1; n < 100; n++)
		put(1, n, NS_PER_S);
	a = ask("/history?since=10s");
	for (size_t cut = 1; cut < a.len - a.body; cut += 7) {
		a.len -= cut;
		r = look(&a);
		ck_assert(!reel_is_whole(&r));
		a.len += cut;
	}
	free(a.bytes);
}
END_TEST

START_TEST(garbage_is_no_recording)
{
	struct reel r = {.packets = 0};
	uint8_t bytes[4096];

	srandom((unsigned int)_i);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)random();
	reel_feed(&r, bytes, sizeof(bytes));
	ck_assert(!reel_is_whole(&r));
}
END_TEST

/* ---- a peer's ring ---- */

START_TEST(emitted_is_remembered_as_it_was)
{
	const struct history_settings settings = {.memory_bytes = 1 << 20,
						  .age_ns = NS_PER_S};
	struct history *h = emitted_new(&settings);
	struct emitted e = {.remote = 2,
			    .channel = 7,
			    .seq = {99},
			    .emitted = {5},
			    .group = 0xef000001,
			    .port = 4242,
			    .repaired = true};
	char one[] = "first", two[] = "second";
	struct iovec iov[2] = {{one, 5}, {two, 6}};
	struct history_record rec;
	uint64_t pos = 0;
	struct emitted f;

	ck_assert_ptr_nonnull(h);
	emitted_put(h, (mono_t){1000}, &e, (utc_t){3}, iov, 2);
	emitted_put_mark(h, (mono_t){2000}, 1, (utc_t){4}, iov);
	ck_assert_uint_eq(history_since(h, EMITTED_CHANNEL, (mono_t){0}), pos);
	ck_assert(history_at(h, &pos, &rec));
	ck_assert_int_eq(rec.kind, HISTORY_DATA);
	f = emitted_read(&rec);
	ck_assert(f.remote == 2 && f.channel == 7 && f.seq.n == 99 && f.repaired &&
		  f.emitted.ns == 5 && f.group == e.group && f.port == 4242);
	ck_assert_uint_eq(rec.len, 11);
	ck_assert_int_eq(memcmp(rec.payload, "firstsecond", 11), 0);
	pos = history_after(h, pos);
	ck_assert_uint_eq(history_since(h, EMITTED_CHANNEL, (mono_t){1001}), pos);
	ck_assert(history_at(h, &pos, &rec));
	ck_assert_int_eq(rec.kind, HISTORY_MARK);
	ck_assert_uint_eq(emitted_read(&rec).remote, 1);
	ck_assert_uint_eq(rec.len, 5);
	ck_assert_uint_eq(history_since(h, EMITTED_CHANNEL, (mono_t){2001}),
			  history_head(h));
	history_free(h);
}
END_TEST

static void
add_single(TCase *t)
{
	tcase_add_test(t, every_byte_of_every_channel);
	tcase_add_test(t, only_the_channels_that_are_asked_for);
	tcase_add_test(t, only_the_time_that_is_asked_for);
	tcase_add_test(t, a_quiet_channel_is_there_and_empty);
	tcase_add_test(t, marks_are_told);
	tcase_add_test(t, the_longest_datagram_fits);
	tcase_add_loop_test(t, refused, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(t, as_long_ago_as_can_be);
	tcase_add_test(t, nothing_is_remembered);
	tcase_add_test(t, those_who_stall_are_closed_and_cost_little);
	tcase_add_test(t, those_who_go_away_are_let_go);
	tcase_add_test(t, the_server_may_end_amid_it);
	tcase_add_test(t, a_cut_is_seen);
	tcase_add_loop_test(t, garbage_is_no_recording, 0, 50);
}

static void
setup_small(void)
{
	setup_with(2 << 20);
}

int
main(void)
{
	Suite *suite = suite_create("recording");
	TCase *large = tcase_create("large"), *small = tcase_create("small");
	TCase *ring = tcase_create("ring");

	signal(SIGPIPE, SIG_IGN); /* as the daemons do */
	tcase_set_timeout(large, 90);
	tcase_add_checked_fixture(large, setup, teardown);
	add_single(large);
	suite_add_tcase(suite, large);
	tcase_set_timeout(small, 60);
	tcase_add_checked_fixture(small, setup_small, teardown);
	tcase_add_test(small, what_is_overtaken_is_said);
	suite_add_tcase(suite, small);
	tcase_add_test(ring, emitted_is_remembered_as_it_was);
	suite_add_tcase(suite, ring);
	return suite_run(suite);
}
