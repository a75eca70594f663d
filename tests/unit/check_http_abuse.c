/* SPDX-License-Identifier: Apache-2.0 */
/* What should not be asked, clients that take their time, and servers that go. */
#include "ops/http.c"

#include <sys/resource.h>
#include <unistd.h>

#include "http_rig.h"
#include "suite.h"

#define BIG_BYTES ((size_t)32 * 1024 * 1024)

static void
serve_big(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	(void)content_type;
	(void)status;
	evbuffer_add_reference(out, arg, BIG_BYTES, NULL, NULL);
}

/* Those who come next have little time. */
static void
hurry(void)
{
	http_rig.server->places.timeout = (struct timeval){.tv_usec = 100000};
}

/* ---- what should not be sent ---- */

/* The answer may be lost in a reset, for we close on data not read. */
static void
expect_refusal(struct client_answer *a)
{
	if (a->len)
		http_rig_expect_status(a, 400);
	else
		ck_assert(a->reset);
	ck_assert_uint_eq(http_rig.calls, 0);
	free(a->text);
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	http_rig_expect_still_serving();
}

START_TEST(huge_request_line)
{
	size_t len = 1024 * 1024;
	char *request = malloc(len);
	struct client_answer a;

	ck_assert_ptr_nonnull(request);
	memset(request, 'a', len);
	memcpy(request, "GET /", 5);
	a = http_rig_talk(http_rig_dial(), request, len);
	free(request);
	expect_refusal(&a);
}
END_TEST

START_TEST(huge_headers)
{
	size_t len = 0;
	char *request = malloc(100000);
	struct client_answer a;

	ck_assert_ptr_nonnull(request);
	len += (size_t)sprintf(request, "GET /metrics HTTP/1.1\r\n");
	for (int i = 0; len < 90000; i++)
		len += (size_t)sprintf(request + len, "X-%d: %0100d\r\n", i, i);
	len += (size_t)sprintf(request + len, "\r\n");
	a = http_rig_talk(http_rig_dial(), request, len);
	free(request);
	expect_refusal(&a);
}
END_TEST

static uint64_t
draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

START_TEST(garbage)
{
	static const char *const starts[] = {
		"",
		"GET ",
		"GET /metrics HTTP/1.1\r\n",
		"HEAD /\0/ HTTP/1.1\r\n",
		"POST / HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n",
		"\r\n\r\n",
		"GET http://[ HTTP/1.1\r\n"};
	const char *given = getenv("TOMBOLO_SEED");
	uint64_t seed =
		given ? strtoull(given, NULL, 0) : (uint64_t)clock_now().utc.ns | 1;
	uint64_t state = seed;

	printf("garbage: seed %llu\n", (unsigned long long)seed);
	hurry(); /* it may look like the beginning of something */
	for (size_t round = 0; round < 300; round++) {
		const char *start = starts[round % 8];
		size_t len = strlen(start), more = draw(&state) % 400;
		char request[512];

		memcpy(request, start, len);
		for (; more > 0; more--)
			request[len++] = (char)(draw(&state) % 8 ? draw(&state)
								 : (uint64_t)'\n');
		free(http_rig_talk(http_rig_dial(), request, len).text);
	}
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	http_rig_expect_still_serving();
}
END_TEST

/* ---- clients that take their time ---- */

START_TEST(silent_client)
{
	int fd;
	struct client_answer a = {0};

	hurry();
	fd = http_rig_dial();
	HTTP_RIG_UNTIL(http_rig_connections() == 1);
	HTTP_RIG_UNTIL(client_pull(fd, &a));
	ck_assert_uint_eq(a.len, 0);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->timeouts), 1);
	ck_assert_uint_eq(http_rig_connections(), 0);
	close(fd);
	http_rig_expect_still_serving();
}
END_TEST

/* Slow loris: there is always another byte, and never the end. */
START_TEST(trickling_client)
{
	const char *start = "GET /metrics HTTP/1.1\r\nX: ";
	size_t len = strlen(start), sent = 0;
	mono_t last = clock_now().mono;
	struct client_answer a = {0};
	int fd;

	hurry();
	fd = http_rig_dial();
	ck_assert(client_push(fd, start, &len));
	while (!client_pull(fd, &a)) {
		size_t one = 1;

		http_rig_turn();
		if (mono_sub(clock_now().mono, last) < NS_PER_MS)
			continue;
		last = clock_now().mono;
		client_push(fd, "a", &one);
		sent += one;
		ck_assert_uint_lt(sent, HTTP_HEADER_BYTES_MAX / 2);
	}
	ck_assert_uint_gt(sent, 10);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->timeouts), 1);
	ck_assert_uint_eq(http_rig.calls, 0);
	close(fd);
	http_rig_expect_still_serving();
}
END_TEST

START_TEST(default_timeout)
{
	ck_assert_int_eq(http_rig.server->places.timeout.tv_sec, HTTP_TIMEOUT_S);
	ck_assert_int_eq(http_rig.server->places.timeout.tv_usec, 0);
}
END_TEST

START_TEST(many_connections)
{
	enum { CLIENTS = HTTP_CONNECTIONS_MAX + 40 };
	const char *request = "GET /metrics HTTP/1.1\r\n\r\n";
	size_t len = strlen(request);
	struct client_answer a = {0};
	int fds[CLIENTS], fd;

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = http_rig_dial();
		http_rig_turn();
	}
	HTTP_RIG_UNTIL(http_rig_connections() == HTTP_CONNECTIONS_MAX);
	fd = client_dial_path(
		http_rig.path); /* one who asks, behind those who do not */
	ck_assert(client_push(fd, request, &len));
	for (int i = 0; i < 10; i++)
		http_rig_turn();
	ck_assert_uint_eq(http_rig.calls, 0);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->accepted),
			  HTTP_CONNECTIONS_MAX);
	hurry(); /* those who come next */
	close(fds[0]);
	HTTP_RIG_UNTIL(client_pull(fd, &a));
	http_rig_expect_status(&a, 200);
	for (int i = 1; i < HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	HTTP_RIG_UNTIL(counter_get(&http_figures(http_rig.server)->timeouts) == 40);
	for (int i = HTTP_CONNECTIONS_MAX; i < CLIENTS; i++)
		close(fds[i]);
	close(fd);
	free(a.text);
	http_rig_expect_still_serving();
}
END_TEST

static int
ask_big(void)
{
	const char *request = "GET /big HTTP/1.1\r\n\r\n";
	size_t len = strlen(request);
	uint64_t before = counter_get(&http_figures(http_rig.server)->answered) +
			  counter_get(&http_figures(http_rig.server)->refused);
	int fd = http_rig_dial();

	ck_assert(client_push(fd, request, &len));
	HTTP_RIG_UNTIL(counter_get(&http_figures(http_rig.server)->answered) +
			       counter_get(&http_figures(http_rig.server)->refused) ==
		       before + 1);
	return fd;
}

START_TEST(big_answer_is_whole)
{
	char *big = calloc(1, BIG_BYTES);
	struct client_answer a = {0};
	int fd;

	ck_assert_ptr_nonnull(big);
	memset(big, 'b', BIG_BYTES);
	http_route(http_rig.server, "/big", serve_big, big);
	fd = ask_big();
	HTTP_RIG_UNTIL(client_pull(fd, &a));
	http_rig_expect_status(&a, 200);
	ck_assert_uint_eq(a.len - (size_t)(client_body(&a) - a.text), BIG_BYTES);
	ck_assert_int_eq(memcmp(client_body(&a), big, BIG_BYTES), 0);
	close(fd);
	free(a.text);
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	http_rig_free_server(); /* it refers to big */
	free(big);
}
END_TEST

/* Who asks and does not read costs no more than the bound, nor longer than the rest. */
START_TEST(answers_nobody_reads)
{
	char *big = calloc(1, BIG_BYTES);
	struct client_answer a = {0};
	int fds[4];

	ck_assert_ptr_nonnull(big);
	http_route(http_rig.server, "/big", serve_big, big);
	for (int i = 0; i < 4; i++)
		fds[i] = ask_big();
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->answered), 3);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->refused), 1);
	HTTP_RIG_UNTIL(client_pull(fds[3], &a));
	http_rig_expect_status(&a, 503);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	free(a.text);
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	hurry();
	fds[0] = ask_big();
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->timeouts), 1);
	close(fds[0]);
	http_rig_free_server();
	free(big);
}
END_TEST

START_TEST(flood_during_the_answer)
{
	char *big = calloc(1, BIG_BYTES);
	static const char flood[65536];
	size_t most = 0, total = 0;
	mono_t give_up = mono_add(clock_now().mono, CLIENT_PATIENCE_NS);
	int fd;

	ck_assert_ptr_nonnull(big);
	http_route(http_rig.server, "/big", serve_big, big);
	hurry();
	fd = ask_big();
	for (size_t n = sizeof(flood); http_rig_connections() == 1; n = sizeof(flood)) {
		size_t held;

		ck_assert(mono_before(clock_now().mono, give_up));
		client_push(fd, flood, &n);
		total += n;
		http_rig_turn();
		if (http_rig_connections() == 0)
			break;
		held = evbuffer_get_length(
			bufferevent_get_input(http_rig.server->places.all[0].bev));
		most = held > most ? held : most;
	}
	ck_assert_uint_gt(total, HTTP_INPUT_BYTES);
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_le(most, HTTP_INPUT_BYTES);
	close(fd);
	http_rig_free_server();
	free(big);
}
END_TEST

START_TEST(freed_with_connections_open)
{
	const char *request = "GET /metrics HTTP/1.1\r\n";
	size_t len = strlen(request);
	int fds[3] = {http_rig_dial(), client_dial_path(http_rig.path), -1};

	HTTP_RIG_UNTIL(http_rig_connections() == 2);
	ck_assert(client_push(fds[0], request, &len));
	http_rig_turn();
	fds[2] = http_rig_dial();
	http_rig_free_server();
	for (int i = 0; i < 3; i++) {
		struct client_answer a = {0};

		ck_assert(client_pull(fds[i], &a));
		ck_assert_uint_eq(a.len, 0);
		close(fds[i]);
	}
}
END_TEST

static void
free_from_the_loop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	http_rig_free_server();
	event_base_loopbreak(http_rig.base);
}

/* Between the accept and the adoption: the place is taken, the connection unknown. And
 * evhttp gave up on it: the bufferevent is freed, but for our hold on it. */
START_TEST(freed_in_the_turn_of_the_accept)
{
	struct event *stop = event_new(http_rig.base, -1, 0, free_from_the_loop, NULL);
	bool adopted_first = _i == 0;

	if (!adopted_first)
		event_active(stop, EV_TIMEOUT, 0);
	http_places_take(http_rig.base, &http_rig.server->places);
	ck_assert_uint_eq(http_rig_connections(), 1);
	ck_assert_ptr_null(http_rig.server->places.all[0].evcon);
	bufferevent_free(http_rig.server->places.all[0].bev);
	if (adopted_first)
		event_active(stop, EV_TIMEOUT, 0);
	while (http_rig.server)
		ck_assert_int_ge(event_base_loop(http_rig.base, EVLOOP_ONCE), 0);
	event_free(stop);
}
END_TEST

/* The listener rests until the timer wakes it, and then takes who has waited. */
START_TEST(out_of_descriptors)
{
	struct rlimit all, none;
	int fd = http_rig_dial();

	ck_assert(event_pending(http_rig.server->places.resume, EV_TIMEOUT, NULL));
	event_del(http_rig.server->places.resume);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	http_rig_turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	http_rig_turn();
	ck_assert_uint_eq(http_rig_connections(), 0);
	event_active(http_rig.server->places.resume, EV_TIMEOUT, 0);
	HTTP_RIG_UNTIL(http_rig_connections() == 1);
	close(fd);
	http_rig_expect_still_serving();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *t = http_rig_case(s, "abuse");

	tcase_add_test(t, huge_request_line);
	tcase_add_test(t, huge_headers);
	tcase_add_test(t, garbage);
	tcase_add_test(t, silent_client);
	tcase_add_test(t, trickling_client);
	tcase_add_test(t, default_timeout);
	tcase_add_test(t, many_connections);
	tcase_add_test(t, big_answer_is_whole);
	tcase_add_test(t, answers_nobody_reads);
	tcase_add_test(t, flood_during_the_answer);
	tcase_add_test(t, freed_with_connections_open);
	tcase_add_loop_test(t, freed_in_the_turn_of_the_accept, 0, 2);
	tcase_add_test(t, out_of_descriptors);
	return suite_run(s);
}
