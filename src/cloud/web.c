/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/web.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct body {
	struct web_answer *answer;
	size_t room;
	bool too_long;
};

static size_t
take(char *bytes, size_t one, size_t count, void *arg)
{
	struct body *b = arg;
	struct web_answer *a = b->answer;
	size_t len = one * count, room = b->room;
	char *more;

	if (len > WEB_BODY_BYTES_MAX - a->len) {
		b->too_long = true;
		return 0;
	}
	while (room < a->len + len + 1)
		room = room > 0 ? 2 * room : 4096;
	if (room > b->room) {
		more = realloc(a->body, room);
		if (more == NULL)
			return 0;
		a->body = more;
		b->room = room;
	}
	memcpy(a->body + a->len, bytes, len);
	a->len += len;
	a->body[a->len] = '\0';
	return len;
}

static struct curl_slist *
list_headers(const struct web_request *r)
{
	struct curl_slist *list = NULL, *more;

	for (size_t i = 0; i < WEB_HEADERS_MAX && r->headers[i] != NULL; i++) {
		more = curl_slist_append(list, r->headers[i]);
		if (more == NULL)
			break;
		list = more;
	}
	return list;
}

static void
sign(CURL *c, const struct web_request *r)
{
	if (r->sign == NULL)
		return;
	curl_easy_setopt(c, CURLOPT_AWS_SIGV4, r->sign);
	curl_easy_setopt(c, CURLOPT_USERNAME, r->key_id);
	curl_easy_setopt(c, CURLOPT_PASSWORD, r->secret);
}

static void
prepare(CURL *c, const struct web_request *r, struct body *b, char *text)
{
	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(r->timeout_ns / NS_PER_MS));
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, b);
	if (r->direct)
		curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (r->body != NULL)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
	else
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	sign(c, r);
}

static int
translate(CURLcode code, const struct body *b)
{
	switch ((int)code) {
	case CURLE_OK: return 0;
	case CURLE_OPERATION_TIMEDOUT: return -ETIMEDOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT: return -EHOSTUNREACH;
	case CURLE_OUT_OF_MEMORY: return -ENOMEM;
	case CURLE_WRITE_ERROR: return b->too_long ? -E2BIG : -ENOMEM;
	default: return -EPROTO;
	}
}

static int
perform(CURL *c, const struct web_request *r, struct web_answer *a, char *error)
{
	char text[CURL_ERROR_SIZE] = "";
	struct body b = {.answer = a};
	struct curl_slist *headers = list_headers(r);
	CURLcode code;
	int rc;

	prepare(c, r, &b, text);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(c);
	rc = translate(code, &b);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
	curl_slist_free_all(headers);
	if (rc != 0)
		snprintf(error, WEB_ERROR_BYTES, "%s: %s", r->url,
			 b.too_long        ? "the answer is too long"
			 : text[0] != '\0' ? text
					   : curl_easy_strerror(code));
	return rc;
}

int
web_ask(const struct web_request *r, struct web_answer *a, char error[WEB_ERROR_BYTES])
{
	CURL *c;
	int rc;

	*a = (struct web_answer){0};
	if (strncmp(r->url, "http://", 7) != 0 && strncmp(r->url, "https://", 8) != 0) {
		snprintf(error, WEB_ERROR_BYTES, "%s: neither http nor https", r->url);
		return -EPROTO;
	}
	c = curl_easy_init();
	a->body = c != NULL ? calloc(1, 1) : NULL;
	if (a->body == NULL) {
		curl_easy_cleanup(c);
		snprintf(error, WEB_ERROR_BYTES, "out of memory");
		return -ENOMEM;
	}
	rc = perform(c, r, a, error);
	curl_easy_cleanup(c);
	if (rc != 0) {
		free(a->body);
		a->body = NULL;
	}
	return rc;
}
