/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_WEB_H
#define TOMBOLO_WEB_H
/* One request over HTTP or HTTPS, by libcurl: blocks, within a time-out; follows no
 * redirect; takes an answer up to a bound. Shell. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_BODY_BYTES_MAX ((size_t)8 << 20)
#define WEB_HEADERS_MAX    6
#define WEB_ERROR_BYTES    512

struct web_request {
	const char *method; /* GET, PUT or POST */
	const char *url;
	const char *headers[WEB_HEADERS_MAX]; /* "Name: value"; NULL after the last */
	const char *body;                     /* of a POST; NULL: none */
	bool direct;                          /* through no proxy */
	int64_t timeout_ns;
	/* AWS signature version 4, when sign is not NULL: "aws:amz:REGION:SERVICE". */
	const char *sign, *key_id, *secret;
};

struct web_answer {
	long status;
	char *body; /* NUL-terminated; to be released with free() */
	size_t len;
};

/* 0; -ETIMEDOUT, -EHOSTUNREACH (no name, no way, nobody there), -E2BIG, -EPROTO or
 * -ENOMEM, with a line in error. The answer is to be released only when 0. */
int web_ask(const struct web_request *r, struct web_answer *a,
	    char error[WEB_ERROR_BYTES]);

#endif
