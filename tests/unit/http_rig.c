/* SPDX-License-Identifier: Apache-2.0 */
#include "http_rig.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct http_rig http_rig;

/* ---- the server's side ---- */

void
http_rig_serve_metrics(void *arg, struct evbuffer *out, const char **content_type,
		       int *status)
{
	(void)arg;
	(void)status;
	http_rig.calls++;
	*content_type = "text/plain; version=0.0.4";
	evbuffer_add_printf(out, "up 1\n");
}

void
http_rig_serve_failure(void *arg, struct evbuffer *out, const char **content_type,
		       int *status)
{
	(void)content_type;
	*status = HTTP_SERVUNAVAIL;
	evbuffer_add_printf(out, "%s\n", (const char *)arg);
}

static void
act(void *arg, const char *query, struct evbuffer *out, int *status)
{
	(void)arg;
	http_rig.calls++;
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
set_up(void)
{
	strcpy(http_rig.directory, P_tmpdir "/tmb-http-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(http_rig.directory));
	snprintf(http_rig.path, sizeof(http_rig.path), "%s/socket", http_rig.directory);
	http_rig.base = event_base_new();
	ck_assert_ptr_nonnull(http_rig.base);
	http_rig.tcp = (struct endpoint){INADDR_LOOPBACK, free_port()};
	http_rig.server = http_new(http_rig.base, &http_rig.tcp, http_rig.path,
				   http_rig.error, sizeof(http_rig.error));
	ck_assert_msg(http_rig.server != NULL, "%s", http_rig.error);
	http_route(http_rig.server, "/metrics", http_rig_serve_metrics, NULL);
	http_route(http_rig.server, "/failure", http_rig_serve_failure,
		   (void *)"not now");
	http_action(http_rig.server, "/act", act, NULL);
	http_rig.calls = 0;
}

static void
tear_down(void)
{
	http_free(http_rig.server);
	event_base_free(http_rig.base);
	unlink(http_rig.path);
	rmdir(http_rig.directory);
}

void
http_rig_free_server(void)
{
	http_free(http_rig.server);
	http_rig.server = NULL;
}

TCase *
http_rig_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	suite_add_tcase(s, tc);
	return tc;
}

void
http_rig_turn(void)
{
	ck_assert_int_ge(event_base_loop(http_rig.base, EVLOOP_NONBLOCK), 0);
	ck_assert_int_le(gauge_get(&http_figures(http_rig.server)->connections),
			 HTTP_CONNECTIONS_MAX);
}

size_t
http_rig_connections(void)
{
	return (size_t)gauge_get(&http_figures(http_rig.server)->connections);
}

/* ---- the client's side ---- */

int
http_rig_dial(void)
{
	return client_dial(http_rig.tcp.port);
}

struct client_answer
http_rig_talk(int fd, const char *data, size_t len)
{
	mono_t give_up = mono_add(clock_now().mono, CLIENT_PATIENCE_NS);
	struct client_answer a = {.text = calloc(1, 1), .room = 1};
	bool open = true;
	size_t n;

	do {
		n = len;
		if (open && len)
			open = client_push(fd, data, &n);
		data += n;
		len -= n;
		http_rig_turn();
		ck_assert(mono_before(clock_now().mono, give_up));
	} while (!client_pull(fd, &a));
	close(fd);
	return a;
}

struct client_answer
http_rig_ask(const char *request)
{
	return http_rig_talk(http_rig_dial(), request, strlen(request));
}

void
http_rig_expect_status(const struct client_answer *a, int status)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", status);
	ck_assert_msg(strncmp(a->text, wanted, strlen(wanted)) == 0,
		      "wanted %d, got \"%.200s\"", status, a->text);
}

void
http_rig_expect_header(const struct client_answer *a, const char *line)
{
	const char *at = strstr(a->text, line);

	ck_assert_msg(at && at < client_body(a) &&
			      strncmp(at + strlen(line), "\r\n", 2) == 0,
		      "no \"%s\" in \"%.500s\"", line, a->text);
}

void
http_rig_expect_still_serving(void)
{
	size_t calls = http_rig.calls;
	struct client_answer a =
		http_rig_ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	http_rig_expect_status(&a, 200);
	ck_assert_str_eq(client_body(&a), "up 1\n");
	ck_assert_uint_eq(http_rig.calls, calls + 1);
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	free(a.text);
}
