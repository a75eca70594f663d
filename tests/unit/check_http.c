/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server and clients share this thread: turn() lets the server do what it can, so
 * every test waits for a state and none for a time.
 */
#include "ops/http.c"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

#define PATIENCE_NS (20 * NS_PER_S)
#define BIG_BYTES   ((size_t)32 * 1024 * 1024)

static struct event_base *base;
static struct http *server;
static struct endpoint tcp;
static char directory[64], path[96], error[512];
static struct {
	size_t calls;
} handled;

/* ---- the server's side ---- */

static void
serve_metrics(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	(void)arg;
	(void)status;
	handled.calls++;
	*content_type = "text/plain; version=0.0.4";
	evbuffer_add_printf(out, "up 1\n");
}

static void
serve_big(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	(void)content_type;
	(void)status;
	evbuffer_add_reference(out, arg, BIG_BYTES, NULL, NULL);
}

static void
serve_failure(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	(void)content_type;
	*status = HTTP_SERVUNAVAIL;
	evbuffer_add_printf(out, "%s\n", (const char *)arg);
}

static void
act(void *arg, const char *query, struct evbuffer *out, int *status)
{
	(void)arg;
	handled.calls++;
	*status = 409;
	evbuffer_add_printf(out, "query %s\n", query ? query : "none");
}

static uint16_t
free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static void
setup(void)
{
	strcpy(directory, P_tmpdir "/tmb-http-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	tcp = (struct endpoint){INADDR_LOOPBACK, free_port()};
	server = http_new(base, &tcp, path, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	http_route(server, "/metrics", serve_metrics, NULL);
	http_route(server, "/failure", serve_failure, (void *)"not now");
	http_action(server, "/act", act, NULL);
	handled.calls = 0;
}

static void
teardown(void)
{
	http_free(server);
	event_base_free(base);
	unlink(path);
	rmdir(directory);
}

static void
turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	ck_assert_int_le(gauge_get(&server->figures.connections), HTTP_CONNECTIONS_MAX);
}

static void
hurry(void)
{
	server->places.timeout = (struct timeval){.tv_usec = 100000};
}

static size_t
connections(void)
{
	return (size_t)gauge_get(&server->figures.connections);
}

#define TURN_UNTIL(condition)                                                  \
	do {                                                                   \
		mono_t give_up_ = mono_add(clock_now().mono, PATIENCE_NS);     \
		while (!(condition)) {                                         \
			ck_assert_msg(mono_before(clock_now().mono, give_up_), \
				      "never came: " #condition);              \
			turn();                                                \
		}                                                              \
	} while (0)

/* ---- the client's side ---- */

struct answer {
	char *text; /* head and body, NUL-terminated */
	size_t len, room;
	bool reset;
};

static int
connect_tcp(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
				 .sin_port = htons(tcp.port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int
connect_path(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Sends what can be sent now; false when the server has closed. */
static bool
push(int fd, const char *data, size_t *len)
{
	ssize_t n = send(fd, data, *len, MSG_DONTWAIT | MSG_NOSIGNAL);

	*len = n > 0 ? (size_t)n : 0;
	return n >= 0 || errno == EAGAIN;
}

/* True at the end of the answer. */
static bool
pull(int fd, struct answer *a)
{
	char chunk[65536];
	ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		a->reset = n < 0;
		return true;
	}
	if (a->len + (size_t)n >= a->room) {
		a->room = 2 * (a->len + sizeof(chunk));
		a->text = realloc(a->text, a->room);
		ck_assert_ptr_nonnull(a->text);
	}
	memcpy(a->text + a->len, chunk, (size_t)n);
	a->len += (size_t)n;
	a->text[a->len] = '\0';
	return false;
}

/* Sends all, reads to the end, closes. */
static struct answer
talk(int fd, const char *data, size_t len)
{
	mono_t give_up = mono_add(clock_now().mono, PATIENCE_NS);
	struct answer a = {.text = calloc(1, 1), .room = 1};
	bool open = true;
	size_t n;

	do {
		n = len;
		if (open && len)
			open = push(fd, data, &n);
		data += n;
		len -= n;
		turn();
		ck_assert(mono_before(clock_now().mono, give_up));
	} while (!pull(fd, &a));
	close(fd);
	return a;
}

static struct answer
ask(const char *request)
{
	return talk(connect_tcp(), request, strlen(request));
}

static const char *
body(const struct answer *a)
{
	const char *end = strstr(a->text, "\r\n\r\n");

	ck_assert_msg(end != NULL, "no head in \"%s\"", a->text);
	return end + 4;
}

static void
expect_status(const struct answer *a, int status)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", status);
	ck_assert_msg(strncmp(a->text, wanted, strlen(wanted)) == 0,
		      "wanted %d, got \"%.200s\"", status, a->text);
}

static void
expect_header(const struct answer *a, const char *line)
{
	const char *at = strstr(a->text, line);

	ck_assert_msg(at && at < body(a) && strncmp(at + strlen(line), "\r\n", 2) == 0,
		      "no \"%s\" in \"%.500s\"", line, a->text);
}

static void
expect_still_serving(void)
{
	size_t calls = handled.calls;
	struct answer a = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	expect_status(&a, 200);
	ck_assert_str_eq(body(&a), "up 1\n");
	ck_assert_uint_eq(handled.calls, calls + 1);
	TURN_UNTIL(connections() == 0);
	free(a.text);
}

/* ---- requests ---- */

START_TEST(get)
{
	struct answer a = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	expect_status(&a, 200);
	expect_header(&a, "Content-Type: text/plain; version=0.0.4");
	expect_header(&a, "Content-Length: 5");
	expect_header(&a, "Connection: close");
	ck_assert_str_eq(body(&a), "up 1\n");
	ck_assert(!a.reset);
	ck_assert_uint_eq(counter_get(&http_figures(server)->answered), 1);
	ck_assert_uint_eq(counter_get(&http_figures(server)->refused), 0);
	TURN_UNTIL(connections() == 0);
	free(a.text);
}
END_TEST

START_TEST(get_with_query_and_http_1_0)
{
	struct answer a = ask("GET /metrics?name=x HTTP/1.1\r\nHost: x\r\n\r\n");
	struct answer b = ask("GET /metrics HTTP/1.0\r\n\r\n");

	expect_status(&a, 200);
	ck_assert_int_eq(strncmp(b.text, "HTTP/1.0 200 ", 13), 0);
	ck_assert_str_eq(body(&b), "up 1\n");
	free(a.text);
	free(b.text);
}
END_TEST

START_TEST(keep_alive_is_declined)
{
	struct answer a = ask("GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"
			      "GET /metrics HTTP/1.1\r\n\r\n");

	expect_status(&a, 200);
	expect_header(&a, "Connection: close");
	ck_assert_uint_eq(handled.calls, 1);
	free(a.text);
	expect_still_serving();
}
END_TEST

static void
expect_no_header(const struct answer *a, const char *name)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(a->text, line);
	ck_assert_msg(at == NULL || at > body(a), "%s in \"%.500s\"", name, a->text);
}

/* Of an answer, in quotes. */
static void
copy_tag(const struct answer *a, char tag[ETAG_BYTES])
{
	const char *at = strstr(a->text, "ETag: \"");

	ck_assert_msg(at != NULL && at < body(a), "no tag in \"%.500s\"", a->text);
	snprintf(tag, ETAG_BYTES, "%s", at + strlen("ETag: "));
	ck_assert_msg(tag[ETAG_BYTES - 2] == '"', "%s", tag);
}

static struct answer
ask_if_not(const char *method, const char *known)
{
	char request[512];

	snprintf(request, sizeof(request),
		 "%s /page HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n", method,
		 known);
	return ask(request);
}

START_TEST(nothing_is_to_be_framed)
{
	static const char *const requests[] = {
		"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
	};

	http_document(server, "/page", serve_metrics, NULL);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct answer a = ask(requests[i]);

		expect_header(&a, "Content-Security-Policy: frame-ancestors 'none'");
		expect_header(&a, "X-Content-Type-Options: nosniff");
		free(a.text);
	}
}
END_TEST

START_TEST(who_has_the_page_is_told_so)
{
	char tag[ETAG_BYTES], list[256];
	struct answer a;

	http_document(server, "/page", serve_metrics, NULL);
	a = ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_status(&a, 200);
	expect_header(&a, "Cache-Control: no-cache");
	ck_assert_str_eq(body(&a), "up 1\n");
	copy_tag(&a, tag);
	free(a.text);
	for (int i = 0; i < 4; i++) {
		const char *const forms[] = {"%s", "W/%s", "\"other\", W/%s , \"x\"",
					     "*"};

		snprintf(list, sizeof(list), forms[i], tag);
		a = ask_if_not(i == 1 ? "HEAD" : "GET", list);
		expect_status(&a, 304);
		ck_assert_str_eq(body(&a), "");
		expect_header(&a, "Cache-Control: no-cache");
		expect_no_header(&a, "Content-Length");
		expect_no_header(&a, "Content-Type");
		free(a.text);
	}
	TURN_UNTIL(connections() == 0);
}
END_TEST

START_TEST(who_has_another_page_gets_this_one)
{
	static const char *const others[] = {"\"00112233445566778899aabbccddeeff\"",
					     "W/\"\"", "", "up"};
	char tag[ETAG_BYTES], again[ETAG_BYTES];
	struct answer a;

	http_document(server, "/page", serve_metrics, NULL);
	a = ask_if_not("GET", "\"x\"");
	copy_tag(&a, tag);
	free(a.text);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a = ask_if_not("GET", others[i]);
		expect_status(&a, 200);
		ck_assert_str_eq(body(&a), "up 1\n");
		copy_tag(&a, again);
		ck_assert_str_eq(again, tag);
		free(a.text);
	}
}
END_TEST

START_TEST(what_changes_has_no_tag)
{
	struct answer a = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n"
			      "If-None-Match: *\r\n\r\n");

	expect_status(&a, 200);
	expect_header(&a, "Cache-Control: no-store");
	expect_no_header(&a, "ETag");
	free(a.text);
	http_document(server, "/broken", serve_failure, (void *)"not now");
	a = ask("GET /broken HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n");
	expect_status(&a, 503);
	expect_no_header(&a, "ETag");
	ck_assert_str_eq(body(&a), "not now\n");
	free(a.text);
}
END_TEST

START_TEST(tags_are_of_the_text)
{
	char one[ETAG_BYTES], two[ETAG_BYTES];

	ck_assert(etag_make("a", 1, one));
	/* SHA-256 of "a", its first half */
	ck_assert_str_eq(one, "\"ca978112ca1bbdcafac231b39a23dc4d\"");
	ck_assert(etag_make("b", 1, two));
	ck_assert_str_ne(one, two);
	ck_assert(!etag_is_known(one, NULL));
	ck_assert(!etag_is_known(one, two));
	ck_assert(etag_is_known(one, one));
}
END_TEST

START_TEST(head)
{
	struct answer a = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	expect_status(&a, 200);
	expect_header(&a, "Content-Length: 5");
	ck_assert_str_eq(body(&a), "");
	free(a.text);
}
END_TEST

START_TEST(status_of_the_handler)
{
	struct answer a = ask("GET /failure HTTP/1.1\r\nHost: x\r\n\r\n");

	expect_status(&a, 503);
	expect_header(&a, "Content-Type: text/plain; charset=utf-8");
	ck_assert_str_eq(body(&a), "not now\n");
	free(a.text);
}
END_TEST

static const char *const unknown_paths[] = {"/", "/metrics/", "/Metrics", "*",
					    "//metrics"};

START_TEST(not_found_lists_the_routes)
{
	char request[128];
	struct answer a;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
		 unknown_paths[_i]);
	a = ask(request);
	expect_status(&a, 404);
	ck_assert_str_eq(body(&a), "Not here. There are:\n/metrics\n/failure\n");
	ck_assert_uint_eq(counter_get(&http_figures(server)->refused), 1);
	free(a.text);
}
END_TEST

static const char *const methods[] = {"POST",  "PUT",   "DELETE", "OPTIONS",
				      "TRACE", "PATCH", "BREW"};

START_TEST(other_methods)
{
	char request[128];
	struct answer a;

	snprintf(request, sizeof(request), "%s /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
		 methods[_i]);
	a = ask(request);
	expect_status(&a, 405);
	expect_header(&a, "Allow: GET, HEAD");
	ck_assert_uint_eq(handled.calls, 0);
	free(a.text);
}
END_TEST

START_TEST(body_is_refused)
{
	struct answer a =
		ask("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
	struct answer b =
		ask("GET /metrics HTTP/1.1\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");

	expect_status(&a, 413);
	expect_status(&b, 413);
	ck_assert_uint_eq(handled.calls, 0);
	free(a.text);
	free(b.text);
	expect_still_serving();
}
END_TEST

/* ---- actions ---- */

static struct answer
ask_on_socket(const char *request)
{
	return talk(connect_path(), request, strlen(request));
}

START_TEST(action_on_the_socket)
{
	struct answer a = ask_on_socket("POST /act?level=debug HTTP/1.1\r\nHost: x\r\n"
					"Content-Length: 0\r\n\r\n");

	expect_status(&a, 409);
	ck_assert_str_eq(body(&a), "query level=debug\n");
	ck_assert_uint_eq(handled.calls, 1);
	free(a.text);
	a = ask_on_socket("POST /act HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_str_eq(body(&a), "query none\n");
	ck_assert_uint_eq(handled.calls, 2);
	free(a.text);
}
END_TEST

START_TEST(action_is_not_read)
{
	struct answer a = ask_on_socket("GET /act HTTP/1.1\r\nHost: x\r\n\r\n");

	expect_status(&a, 405);
	expect_header(&a, "Allow: POST");
	free(a.text);
	a = ask_on_socket("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_status(&a, 405);
	expect_header(&a, "Allow: GET, HEAD");
	free(a.text);
	ck_assert_uint_eq(handled.calls, 0);
}
END_TEST

static const char *const action_methods[] = {"POST", "GET", "HEAD", "PUT"};

START_TEST(no_action_over_tcp)
{
	char request[128];
	struct answer a;

	snprintf(request, sizeof(request), "%s /act HTTP/1.1\r\nHost: x\r\n\r\n",
		 action_methods[_i]);
	a = ask(request);
	expect_status(&a, 403);
	if (strcmp(action_methods[_i], "HEAD") != 0)
		ck_assert_str_eq(body(&a), "Only on the control socket.\n");
	ck_assert_uint_eq(handled.calls, 0);
	ck_assert_uint_eq(counter_get(&http_figures(server)->refused), 1);
	free(a.text);
}
END_TEST

/* ---- what should not be sent ---- */

/* The answer may be lost in a reset, for we close on data not read. */
static void
expect_refusal(struct answer *a)
{
	if (a->len)
		expect_status(a, 400);
	else
		ck_assert(a->reset);
	ck_assert_uint_eq(handled.calls, 0);
	free(a->text);
	TURN_UNTIL(connections() == 0);
	expect_still_serving();
}

START_TEST(huge_request_line)
{
	size_t len = 1024 * 1024;
	char *request = malloc(len);
	struct answer a;

	ck_assert_ptr_nonnull(request);
	memset(request, 'a', len);
	memcpy(request, "GET /", 5);
	a = talk(connect_tcp(), request, len);
	free(request);
	expect_refusal(&a);
}
END_TEST

START_TEST(huge_headers)
{
	size_t len = 0;
	char *request = malloc(100000);
	struct answer a;

	ck_assert_ptr_nonnull(request);
	len += (size_t)sprintf(request, "GET /metrics HTTP/1.1\r\n");
	for (int i = 0; len < 90000; i++)
		len += (size_t)sprintf(request + len, "X-%d: %0100d\r\n", i, i);
	len += (size_t)sprintf(request + len, "\r\n");
	a = talk(connect_tcp(), request, len);
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
		free(talk(connect_tcp(), request, len).text);
	}
	TURN_UNTIL(connections() == 0);
	expect_still_serving();
}
END_TEST

/* ---- clients that take their time ---- */

START_TEST(silent_client)
{
	int fd;
	struct answer a = {0};

	hurry();
	fd = connect_tcp();
	TURN_UNTIL(connections() == 1);
	TURN_UNTIL(pull(fd, &a));
	ck_assert_uint_eq(a.len, 0);
	ck_assert_uint_eq(counter_get(&http_figures(server)->timeouts), 1);
	ck_assert_uint_eq(connections(), 0);
	close(fd);
	expect_still_serving();
}
END_TEST

/* Slow loris: there is always another byte, and never the end. */
START_TEST(trickling_client)
{
	const char *start = "GET /metrics HTTP/1.1\r\nX: ";
	size_t len = strlen(start), sent = 0;
	mono_t last = clock_now().mono;
	struct answer a = {0};
	int fd;

	hurry();
	fd = connect_tcp();
	ck_assert(push(fd, start, &len));
	while (!pull(fd, &a)) {
		size_t one = 1;

		turn();
		if (mono_sub(clock_now().mono, last) < NS_PER_MS)
			continue;
		last = clock_now().mono;
		push(fd, "a", &one);
		sent += one;
		ck_assert_uint_lt(sent, HTTP_HEADER_BYTES_MAX / 2);
	}
	ck_assert_uint_gt(sent, 10);
	ck_assert_uint_eq(counter_get(&http_figures(server)->timeouts), 1);
	ck_assert_uint_eq(handled.calls, 0);
	close(fd);
	expect_still_serving();
}
END_TEST

START_TEST(default_timeout)
{
	ck_assert_int_eq(server->places.timeout.tv_sec, HTTP_TIMEOUT_S);
	ck_assert_int_eq(server->places.timeout.tv_usec, 0);
}
END_TEST

START_TEST(many_connections)
{
	enum { CLIENTS = HTTP_CONNECTIONS_MAX + 40 };
	const char *request = "GET /metrics HTTP/1.1\r\n\r\n";
	size_t len = strlen(request);
	struct answer a = {0};
	int fds[CLIENTS], fd;

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = connect_tcp();
		turn();
	}
	TURN_UNTIL(connections() == HTTP_CONNECTIONS_MAX);
	fd = connect_path(); /* one who asks, behind those who do not */
	ck_assert(push(fd, request, &len));
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(handled.calls, 0);
	ck_assert_uint_eq(counter_get(&http_figures(server)->accepted),
			  HTTP_CONNECTIONS_MAX);
	hurry(); /* those who come next */
	close(fds[0]);
	TURN_UNTIL(pull(fd, &a));
	expect_status(&a, 200);
	for (int i = 1; i < HTTP_CONNECTIONS_MAX; i++)
		close(fds[i]);
	TURN_UNTIL(counter_get(&http_figures(server)->timeouts) == 40);
	for (int i = HTTP_CONNECTIONS_MAX; i < CLIENTS; i++)
		close(fds[i]);
	close(fd);
	free(a.text);
	expect_still_serving();
}
END_TEST

static int
ask_big(void)
{
	const char *request = "GET /big HTTP/1.1\r\n\r\n";
	size_t len = strlen(request);
	uint64_t before = counter_get(&http_figures(server)->answered) +
			  counter_get(&http_figures(server)->refused);
	int fd = connect_tcp();

	ck_assert(push(fd, request, &len));
	TURN_UNTIL(counter_get(&http_figures(server)->answered) +
			   counter_get(&http_figures(server)->refused) ==
		   before + 1);
	return fd;
}

START_TEST(big_answer_is_whole)
{
	char *big = calloc(1, BIG_BYTES);
	struct answer a = {0};
	int fd;

	ck_assert_ptr_nonnull(big);
	memset(big, 'b', BIG_BYTES);
	http_route(server, "/big", serve_big, big);
	fd = ask_big();
	TURN_UNTIL(pull(fd, &a));
	expect_status(&a, 200);
	ck_assert_uint_eq(a.len - (size_t)(body(&a) - a.text), BIG_BYTES);
	ck_assert_int_eq(memcmp(body(&a), big, BIG_BYTES), 0);
	close(fd);
	free(a.text);
	TURN_UNTIL(connections() == 0);
	http_free(server); /* it refers to big */
	server = NULL;
	free(big);
}
END_TEST

/* Who asks and does not read costs no more than the bound, nor longer than the rest. */
START_TEST(answers_nobody_reads)
{
	char *big = calloc(1, BIG_BYTES);
	struct answer a = {0};
	int fds[4];

	ck_assert_ptr_nonnull(big);
	http_route(server, "/big", serve_big, big);
	for (int i = 0; i < 4; i++)
		fds[i] = ask_big();
	ck_assert_uint_eq(counter_get(&http_figures(server)->answered), 3);
	ck_assert_uint_eq(counter_get(&http_figures(server)->refused), 1);
	TURN_UNTIL(pull(fds[3], &a));
	expect_status(&a, 503);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	free(a.text);
	TURN_UNTIL(connections() == 0);
	hurry();
	fds[0] = ask_big();
	TURN_UNTIL(connections() == 0);
	ck_assert_uint_eq(counter_get(&http_figures(server)->timeouts), 1);
	close(fds[0]);
	http_free(server);
	server = NULL;
	free(big);
}
END_TEST

START_TEST(flood_during_the_answer)
{
	char *big = calloc(1, BIG_BYTES);
	static const char flood[65536];
	size_t most = 0, total = 0;
	mono_t give_up = mono_add(clock_now().mono, PATIENCE_NS);
	int fd;

	ck_assert_ptr_nonnull(big);
	http_route(server, "/big", serve_big, big);
	hurry();
	fd = ask_big();
	for (size_t n = sizeof(flood); connections() == 1; n = sizeof(flood)) {
		size_t held;

		ck_assert(mono_before(clock_now().mono, give_up));
		push(fd, flood, &n);
		total += n;
		turn();
		if (connections() == 0)
			break;
		held = evbuffer_get_length(
			bufferevent_get_input(server->places.all[0].bev));
		most = held > most ? held : most;
	}
	ck_assert_uint_gt(total, HTTP_INPUT_BYTES);
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_le(most, HTTP_INPUT_BYTES);
	close(fd);
	http_free(server);
	server = NULL;
	free(big);
}
END_TEST

START_TEST(freed_with_connections_open)
{
	const char *request = "GET /metrics HTTP/1.1\r\n";
	size_t len = strlen(request);
	int fds[3] = {connect_tcp(), connect_path(), -1};

	TURN_UNTIL(connections() == 2);
	ck_assert(push(fds[0], request, &len));
	turn();
	fds[2] = connect_tcp();
	http_free(server);
	server = NULL;
	for (int i = 0; i < 3; i++) {
		struct answer a = {0};

		ck_assert(pull(fds[i], &a));
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
	http_free(server);
	server = NULL;
	event_base_loopbreak(base);
}

/* Between the accept and the adoption: the place is taken, the connection unknown. And
 * evhttp gave up on it: the bufferevent is freed, but for our hold on it. */
START_TEST(freed_in_the_turn_of_the_accept)
{
	struct event *stop = event_new(base, -1, 0, free_from_the_loop, NULL);
	bool adopted_first = _i == 0;

	if (!adopted_first)
		event_active(stop, EV_TIMEOUT, 0);
	http_places_take(base, &server->places);
	ck_assert_uint_eq(connections(), 1);
	ck_assert_ptr_null(server->places.all[0].evcon);
	bufferevent_free(server->places.all[0].bev);
	if (adopted_first)
		event_active(stop, EV_TIMEOUT, 0);
	while (server)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(stop);
}
END_TEST

/* The listener rests until the timer wakes it, and then takes who has waited. */
START_TEST(out_of_descriptors)
{
	struct rlimit all, none;
	int fd = connect_tcp();

	ck_assert(event_pending(server->places.resume, EV_TIMEOUT, NULL));
	event_del(server->places.resume);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	turn();
	ck_assert_uint_eq(connections(), 0);
	event_active(server->places.resume, EV_TIMEOUT, 0);
	TURN_UNTIL(connections() == 1);
	close(fd);
	expect_still_serving();
}
END_TEST

/* ---- listening ---- */

START_TEST(unix_socket)
{
	const char *request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	struct answer a = talk(connect_path(), request, strlen(request));
	struct stat st;

	expect_status(&a, 200);
	ck_assert_str_eq(body(&a), "up 1\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	free(a.text);
	http_free(server);
	server = NULL;
	ck_assert_int_lt(stat(path, &st), 0);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(mode_whatever_the_umask)
{
	static const mode_t masks[] = {0, 0077, 0777};
	struct stat st;

	http_free(server);
	umask(masks[_i]);
	server = http_new(base, NULL, path, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
}
END_TEST

START_TEST(socket_in_use)
{
	struct http *second = http_new(base, NULL, path, error, sizeof(error));

	ck_assert_ptr_null(second);
	ck_assert_msg(strstr(error, path) && strstr(error, "in use"), "%s", error);
	connect_path(); /* still there, and still the first one's */
	TURN_UNTIL(connections() > 0);
}
END_TEST

/* What a killed process leaves behind. */
START_TEST(stale_socket_is_replaced)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	http_free(server);
	strcpy(sa.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	server = http_new(base, NULL, path, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	close(connect_path());
}
END_TEST

START_TEST(other_files_are_left_alone)
{
	struct stat st;
	int fd;

	http_free(server);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	server = http_new(base, NULL, path, error, sizeof(error));
	ck_assert_ptr_null(server);
	ck_assert_msg(strstr(error, "not a socket"), "%s", error);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(a_successors_socket_is_left_alone)
{
	struct http *first = server;
	struct stat st;

	ck_assert_int_eq(unlink(path), 0);
	server = http_new(base, NULL, path, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	http_free(first);
	ck_assert_int_eq(stat(path, &st), 0);
	close(connect_path());
}
END_TEST

START_TEST(start_errors)
{
	char longest[200];

	ck_assert_ptr_null(http_new(base, &tcp, NULL, error, sizeof(error)));
	ck_assert_msg(strstr(error, "127.0.0.1:") && strstr(error, "in use"), "%s",
		      error);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_ptr_null(http_new(base, NULL, longest, error, sizeof(error)));
	ck_assert_msg(strstr(error, "at most 107 bytes"), "%s", error);
	ck_assert_ptr_null(
		http_new(base, NULL, "/nowhere/at/all", error, sizeof(error)));
	ck_assert_msg(strstr(error, "No such file"), "%s", error);
}
END_TEST

START_TEST(port_0_is_no_listener)
{
	const struct endpoint none = {INADDR_LOOPBACK, 0};
	struct http *h = http_new(base, &none, NULL, error, sizeof(error));

	ck_assert_msg(h != NULL, "%s", error);
	ck_assert_uint_eq(h->places.listener_count, 0);
	http_free(h);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

static TCase *
requests(void)
{
	TCase *t = tcase_create("requests");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, get);
	tcase_add_test(t, get_with_query_and_http_1_0);
	tcase_add_test(t, keep_alive_is_declined);
	tcase_add_test(t, nothing_is_to_be_framed);
	tcase_add_test(t, who_has_the_page_is_told_so);
	tcase_add_test(t, who_has_another_page_gets_this_one);
	tcase_add_test(t, what_changes_has_no_tag);
	tcase_add_test(t, tags_are_of_the_text);
	tcase_add_test(t, head);
	tcase_add_test(t, status_of_the_handler);
	tcase_add_loop_test(t, not_found_lists_the_routes, 0, COUNT(unknown_paths));
	tcase_add_loop_test(t, other_methods, 0, COUNT(methods));
	tcase_add_test(t, body_is_refused);
	tcase_add_test(t, action_on_the_socket);
	tcase_add_test(t, action_is_not_read);
	tcase_add_loop_test(t, no_action_over_tcp, 0, COUNT(action_methods));
	return t;
}

static TCase *
abuse(void)
{
	TCase *t = tcase_create("abuse");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
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
	return t;
}

static TCase *
listening(void)
{
	TCase *t = tcase_create("listening");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, unix_socket);
	tcase_add_loop_test(t, mode_whatever_the_umask, 0, 3);
	tcase_add_test(t, socket_in_use);
	tcase_add_test(t, stale_socket_is_replaced);
	tcase_add_test(t, other_files_are_left_alone);
	tcase_add_test(t, a_successors_socket_is_left_alone);
	tcase_add_test(t, start_errors);
	tcase_add_test(t, port_0_is_no_listener);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("http");

	suite_add_tcase(s, requests());
	suite_add_tcase(s, abuse());
	suite_add_tcase(s, listening());
	return suite_run(s);
}
