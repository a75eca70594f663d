/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/page.h"
#include "suite.h"

#include <check.h>
#include <event2/buffer.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *document;

static void
setup(void)
{
	struct evbuffer *out = evbuffer_new();
	const char *type = "unset";
	int status = 200;

	page_serve(NULL, out, &type, &status);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(type, "text/html; charset=utf-8");
	evbuffer_add(out, "", 1);
	document = strdup((const char *)evbuffer_pullup(out, -1));
	evbuffer_free(out);
}

static void
teardown(void)
{
	free(document);
}

static size_t
count_text(const char *text)
{
	size_t n = 0;

	for (const char *p = document; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* What stands between two tags, of which there is one each. */
static char *
cut(const char *open, const char *close)
{
	char *begin = strstr(document, open), *end;

	ck_assert_ptr_nonnull(begin);
	ck_assert_uint_eq(count_text(open), 1);
	ck_assert_uint_eq(count_text(close), 1);
	begin += strlen(open);
	end = strstr(begin, close);
	ck_assert_ptr_nonnull(end);
	return strndup(begin, (size_t)(end - begin));
}

START_TEST(test_complete)
{
	static const char end[] = "</script>\n</body>\n</html>\n";
	static const char *const ids[] = {"verdict",  "stale",     "picture",
					  "paths",    "rate-plot", "delay-plot",
					  "channels", "filter"};

	ck_assert_int_eq(strncmp(document, "<!DOCTYPE html>\n", 16), 0);
	ck_assert_str_eq(document + strlen(document) - strlen(end), end);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[32];

		snprintf(text, sizeof(text), " id=\"%s\"", ids[i]);
		ck_assert_uint_eq(count_text(text), 1);
	}
}
END_TEST

static void
assert_allowed(const char *directive, const char *open, const char *close)
{
	char *held = cut(open, close), expected[128], base64[64];
	unsigned char hash[EVP_MAX_MD_SIZE];

	ck_assert_uint_gt(strlen(held), 1000);
	EVP_Digest(held, strlen(held), hash, NULL, EVP_sha256(), NULL);
	EVP_EncodeBlock((unsigned char *)base64, hash, 32);
	snprintf(expected, sizeof(expected), "%s 'sha256-%s'", directive, base64);
	ck_assert_uint_eq(count_text(expected), 1);
	free(held);
}

START_TEST(test_policy)
{
	char *policy = cut("http-equiv=\"Content-Security-Policy\" content=\"",
			   "\">\n<meta name=\"viewport\"");

	ck_assert_int_eq(strncmp(policy, "default-src 'none'; ", 20), 0);
	ck_assert_ptr_null(strstr(policy, "unsafe"));
	ck_assert_ptr_null(strstr(policy, "http"));
	ck_assert_ptr_null(strchr(policy, '*'));
	free(policy);
	assert_allowed("style-src", "<style>", "</style>");
	assert_allowed("script-src", "<script>", "</script>");
}
END_TEST

/* Nothing from elsewhere, and nothing that makes markup of what the daemon says. */
START_TEST(test_self_contained)
{
	ck_assert_uint_eq(count_text("http://"), 1);
	ck_assert_uint_eq(count_text("\"http://www.w3.org/2000/svg\""), 1);
	ck_assert_uint_eq(count_text("https://"), 0);
	ck_assert_uint_eq(count_text(" src="), 0);
	ck_assert_uint_eq(count_text("@import"), 0);
	ck_assert_uint_eq(count_text("url("), 0);
	ck_assert_uint_eq(count_text("innerHTML"), 0);
	ck_assert_uint_eq(count_text("outerHTML"), 0);
	ck_assert_uint_eq(count_text("insertAdjacentHTML"), 0);
	ck_assert_uint_eq(count_text("document.write"), 0);
	ck_assert_uint_eq(count_text("eval("), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("page");
	TCase *tc = tcase_create("page");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_complete);
	tcase_add_test(tc, test_policy);
	tcase_add_test(tc, test_self_contained);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
