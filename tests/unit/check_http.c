/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the server, and how it answers. */
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_rig.h"
#include "ops/etag.h"
#include "suite.h"

START_TEST(get)
{
	struct client_answer a =
		http_rig_ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	http_rig_expect_status(&a, 200);
	http_rig_expect_header(&a, "Content-Type: text/plain; version=0.0.4");
	http_rig_expect_header(&a, "Content-Length: 5");
	http_rig_expect_header(&a, "Connection: close");
	ck_assert_str_eq(client_body(&a), "up 1\n");
	ck_assert(!a.reset);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->answered), 1);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->refused), 0);
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
	free(a.text);
}
END_TEST

START_TEST(get_with_query_and_http_1_0)
{
	struct client_answer a =
		http_rig_ask("GET /metrics?name=x HTTP/1.1\r\nHost: x\r\n\r\n");
	struct client_answer b = http_rig_ask("GET /metrics HTTP/1.0\r\n\r\n");

	http_rig_expect_status(&a, 200);
	ck_assert_int_eq(strncmp(b.text, "HTTP/1.0 200 ", 13), 0);
	ck_assert_str_eq(client_body(&b), "up 1\n");
	free(a.text);
	free(b.text);
}
END_TEST

START_TEST(keep_alive_is_declined)
{
	struct client_answer a =
		http_rig_ask("GET /metrics HTTP/1.1\r\nConnection: keep-alive\r\n\r\n"
			     "GET /metrics HTTP/1.1\r\n\r\n");

	http_rig_expect_status(&a, 200);
	http_rig_expect_header(&a, "Connection: close");
	ck_assert_uint_eq(http_rig.calls, 1);
	free(a.text);
	http_rig_expect_still_serving();
}
END_TEST

static void
expect_no_header(const struct client_answer *a, const char *name)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(a->text, line);
	ck_assert_msg(at == NULL || at > client_body(a), "%s in \"%.500s\"", name,
		      a->text);
}

/* Of an answer, in quotes. */
static void
copy_tag(const struct client_answer *a, char tag[ETAG_BYTES])
{
	const char *at = strstr(a->text, "ETag: \"");

	ck_assert_msg(at != NULL && at < client_body(a), "no tag in \"%.500s\"",
		      a->text);
	snprintf(tag, ETAG_BYTES, "%s", at + strlen("ETag: "));
	ck_assert_msg(tag[ETAG_BYTES - 2] == '"', "%s", tag);
}

static struct client_answer
ask_if_not(const char *method, const char *known)
{
	char request[512];

	snprintf(request, sizeof(request),
		 "%s /page HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n", method,
		 known);
	return http_rig_ask(request);
}

START_TEST(nothing_is_to_be_framed)
{
	static const char *const requests[] = {
		"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /page HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
	};

	http_document(http_rig.server, "/page", http_rig_serve_metrics, NULL);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct client_answer a = http_rig_ask(requests[i]);

		http_rig_expect_header(
			&a, "Content-Security-Policy: frame-ancestors 'none'");
		http_rig_expect_header(&a, "X-Content-Type-Options: nosniff");
		free(a.text);
	}
}
END_TEST

START_TEST(who_has_the_page_is_told_so)
{
	char tag[ETAG_BYTES], list[256];
	struct client_answer a;

	http_document(http_rig.server, "/page", http_rig_serve_metrics, NULL);
	a = http_rig_ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	http_rig_expect_status(&a, 200);
	http_rig_expect_header(&a, "Cache-Control: no-cache");
	ck_assert_str_eq(client_body(&a), "up 1\n");
	copy_tag(&a, tag);
	free(a.text);
	for (int i = 0; i < 4; i++) {
		const char *const forms[] = {"%s", "W/%s", "\"other\", W/%s , \"x\"",
					     "*"};

		snprintf(list, sizeof(list), forms[i], tag);
		a = ask_if_not(i == 1 ? "HEAD" : "GET", list);
		http_rig_expect_status(&a, 304);
		ck_assert_str_eq(client_body(&a), "");
		http_rig_expect_header(&a, "Cache-Control: no-cache");
		expect_no_header(&a, "Content-Length");
		expect_no_header(&a, "Content-Type");
		free(a.text);
	}
	HTTP_RIG_UNTIL(http_rig_connections() == 0);
}
END_TEST

START_TEST(who_has_another_page_gets_this_one)
{
	static const char *const others[] = {"\"00112233445566778899aabbccddeeff\"",
					     "W/\"\"", "", "up"};
	char tag[ETAG_BYTES], again[ETAG_BYTES];
	struct client_answer a;

	http_document(http_rig.server, "/page", http_rig_serve_metrics, NULL);
	a = ask_if_not("GET", "\"x\"");
	copy_tag(&a, tag);
	free(a.text);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		a = ask_if_not("GET", others[i]);
		http_rig_expect_status(&a, 200);
		ck_assert_str_eq(client_body(&a), "up 1\n");
		copy_tag(&a, again);
		ck_assert_str_eq(again, tag);
		free(a.text);
	}
}
END_TEST

START_TEST(what_changes_has_no_tag)
{
	struct client_answer a = http_rig_ask("GET /metrics HTTP/1.1\r\nHost: x\r\n"
					      "If-None-Match: *\r\n\r\n");

	http_rig_expect_status(&a, 200);
	http_rig_expect_header(&a, "Cache-Control: no-store");
	expect_no_header(&a, "ETag");
	free(a.text);
	http_document(http_rig.server, "/broken", http_rig_serve_failure,
		      (void *)"not now");
	a = http_rig_ask("GET /broken HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n");
	http_rig_expect_status(&a, 503);
	expect_no_header(&a, "ETag");
	ck_assert_str_eq(client_body(&a), "not now\n");
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
	struct client_answer a =
		http_rig_ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	http_rig_expect_status(&a, 200);
	http_rig_expect_header(&a, "Content-Length: 5");
	ck_assert_str_eq(client_body(&a), "");
	free(a.text);
}
END_TEST

START_TEST(status_of_the_handler)
{
	struct client_answer a =
		http_rig_ask("GET /failure HTTP/1.1\r\nHost: x\r\n\r\n");

	http_rig_expect_status(&a, 503);
	http_rig_expect_header(&a, "Content-Type: text/plain; charset=utf-8");
	ck_assert_str_eq(client_body(&a), "not now\n");
	free(a.text);
}
END_TEST

static const char *const unknown_paths[] = {"/", "/metrics/", "/Metrics", "*",
					    "//metrics"};

START_TEST(not_found_lists_the_routes)
{
	char request[128];
	struct client_answer a;

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
		 unknown_paths[_i]);
	a = http_rig_ask(request);
	http_rig_expect_status(&a, 404);
	ck_assert_str_eq(client_body(&a), "Not here. There are:\n/metrics\n/failure\n");
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->refused), 1);
	free(a.text);
}
END_TEST

static const char *const methods[] = {"POST",  "PUT",   "DELETE", "OPTIONS",
				      "TRACE", "PATCH", "BREW"};

START_TEST(other_methods)
{
	char request[128];
	struct client_answer a;

	snprintf(request, sizeof(request), "%s /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
		 methods[_i]);
	a = http_rig_ask(request);
	http_rig_expect_status(&a, 405);
	http_rig_expect_header(&a, "Allow: GET, HEAD");
	ck_assert_uint_eq(http_rig.calls, 0);
	free(a.text);
}
END_TEST

START_TEST(body_is_refused)
{
	struct client_answer a = http_rig_ask(
		"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello");
	struct client_answer b = http_rig_ask(
		"GET /metrics HTTP/1.1\r\n"
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");

	http_rig_expect_status(&a, 413);
	http_rig_expect_status(&b, 413);
	ck_assert_uint_eq(http_rig.calls, 0);
	free(a.text);
	free(b.text);
	http_rig_expect_still_serving();
}
END_TEST

/* ---- actions ---- */

static struct client_answer
ask_on_socket(const char *request)
{
	return http_rig_talk(client_dial_path(http_rig.path), request, strlen(request));
}

START_TEST(action_on_the_socket)
{
	struct client_answer a =
		ask_on_socket("POST /act?level=debug HTTP/1.1\r\nHost: x\r\n"
			      "Content-Length: 0\r\n\r\n");

	http_rig_expect_status(&a, 409);
	ck_assert_str_eq(client_body(&a), "query level=debug\n");
	ck_assert_uint_eq(http_rig.calls, 1);
	free(a.text);
	a = ask_on_socket("POST /act HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_str_eq(client_body(&a), "query none\n");
	ck_assert_uint_eq(http_rig.calls, 2);
	free(a.text);
}
END_TEST

START_TEST(action_is_not_read)
{
	struct client_answer a = ask_on_socket("GET /act HTTP/1.1\r\nHost: x\r\n\r\n");

	http_rig_expect_status(&a, 405);
	http_rig_expect_header(&a, "Allow: POST");
	free(a.text);
	a = ask_on_socket("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	http_rig_expect_status(&a, 405);
	http_rig_expect_header(&a, "Allow: GET, HEAD");
	free(a.text);
	ck_assert_uint_eq(http_rig.calls, 0);
}
END_TEST

static const char *const action_methods[] = {"POST", "GET", "HEAD", "PUT"};

START_TEST(no_action_over_tcp)
{
	char request[128];
	struct client_answer a;

	snprintf(request, sizeof(request), "%s /act HTTP/1.1\r\nHost: x\r\n\r\n",
		 action_methods[_i]);
	a = http_rig_ask(request);
	http_rig_expect_status(&a, 403);
	if (strcmp(action_methods[_i], "HEAD") != 0)
		ck_assert_str_eq(client_body(&a), "Only on the control socket.\n");
	ck_assert_uint_eq(http_rig.calls, 0);
	ck_assert_uint_eq(counter_get(&http_figures(http_rig.server)->refused), 1);
	free(a.text);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *t = http_rig_case(s, "requests");

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
	return suite_run(s);
}
