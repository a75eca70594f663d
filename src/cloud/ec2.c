/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/ec2.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cloud/domain.h"

#define API_VERSION "2016-11-15"
#define OK          200
#define UNAVAILABLE 503
#define PAUSE_NS    (200 * NS_PER_MS) /* twice as long the second time */
#define FORM_BYTES  (3 * REPLY_TOKEN_BYTES + 512)

/* ---- one request ---- */

static int
translate(const char *code)
{
	static const struct {
		const char *code;
		int error;
	} known[] = {
		{"UnauthorizedOperation", -EACCES},
		{"AccessDenied", -EACCES},
		{"AuthFailure", -EKEYREJECTED},
		{"SignatureDoesNotMatch", -EKEYREJECTED},
		{"InvalidClientTokenId", -EKEYREJECTED},
		{"RequestExpired", -EKEYREJECTED},
		{"ExpiredToken", -EKEYREJECTED},
		{"RequestLimitExceeded", -EBUSY},
		{"Throttling", -EBUSY},
		{"InvalidTransitGatewayMulticastDomainId.NotFound", -ENOENT},
		{"InvalidTransitGatewayMulticastDomainId.Malformed", -ENOENT},
		{"InvalidNetworkInterfaceID.NotFound", -ENOENT},
		{"InternalError", -EIO},
		{"Unavailable", -EIO},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(code, known[i].code) == 0)
			return known[i].error;
	return -EPROTO;
}

static int
judge_answer(const struct web_answer *a, char *error)
{
	struct reply_error refusal;

	if (a->status == OK)
		return 0;
	if (reply_error(a->body, a->len, &refusal)) {
		snprintf(error, WEB_ERROR_BYTES, "%s: %s", refusal.code,
			 refusal.message);
		return translate(refusal.code);
	}
	snprintf(error, WEB_ERROR_BYTES, "EC2 answers with status %ld", a->status);
	return a->status == UNAVAILABLE ? -EBUSY : a->status >= 500 ? -EIO : -EPROTO;
}

static bool
is_region(const char *region)
{
	return region != NULL && region[0] != '\0' && strlen(region) < 33 &&
	       region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static void
put_url(const struct ec2 *e, char *url, size_t bytes)
{
	bool china = strncmp(e->region, "cn-", 3) == 0;

	if (e->endpoint != NULL)
		snprintf(url, bytes, "%s", e->endpoint);
	else
		snprintf(url, bytes, "https://ec2.%s.amazonaws.com%s/", e->region,
			 china ? ".cn" : "");
}

static int
ask_once(const struct ec2 *e, const char *form, struct web_answer *a, char *error)
{
	char url[512], scope[64], token[sizeof(e->keys->token) + 32];
	struct web_request r = {
		.method = "POST",
		.url = url,
		.headers = {"Content-Type: application/x-www-form-urlencoded; "
			    "charset=utf-8"},
		.body = form,
		.timeout_ns = e->timeout_ns,
		.sign = scope,
		.key_id = e->keys->id,
		.secret = e->keys->secret,
	};
	int rc;

	put_url(e, url, sizeof(url));
	snprintf(scope, sizeof(scope), "aws:amz:%s:ec2", e->region);
	snprintf(token, sizeof(token), "X-Amz-Security-Token: %s", e->keys->token);
	if (e->keys->token[0] != '\0')
		r.headers[1] = token;
	rc = web_ask(&r, a, error);
	if (rc != 0)
		return rc;
	rc = judge_answer(a, error);
	if (rc != 0)
		free(a->body);
	return rc;
}

static void
pause_before(int attempt)
{
	struct timespec ts = {.tv_nsec = PAUSE_NS << attempt};

	(void)nanosleep(&ts, NULL);
}

/* The body is to be released when 0. */
static int
ask(const struct ec2 *e, const char *form, struct web_answer *a, char *error)
{
	int rc = -EINVAL;

	if (!is_region(e->region)) {
		snprintf(error, WEB_ERROR_BYTES, "the region is not known: AWS_REGION");
		return rc;
	}
	for (int i = 0; i < EC2_TRIES; i++) {
		if (i > 0)
			pause_before(i - 1);
		rc = ask_once(e, form, a, error);
		if (rc != -EBUSY)
			break;
	}
	return rc;
}

/* ---- page by page ---- */

typedef int read_page(const char *text, size_t len, void *into,
		      char next[REPLY_TOKEN_BYTES]);

static void
put_form(char form[FORM_BYTES], const char *action, const char *next)
{
	char *escaped = next[0] != '\0' ? curl_easy_escape(NULL, next, 0) : NULL;

	snprintf(form, FORM_BYTES, "Action=%s&Version=" API_VERSION "%s%s", action,
		 escaped != NULL ? "&NextToken=" : "", escaped != NULL ? escaped : "");
	curl_free(escaped);
}

static int
ask_page(const struct ec2 *e, const char *form, read_page *read, void *into, char *next,
	 char *error)
{
	struct web_answer a;
	int rc = ask(e, form, &a, error);

	if (rc != 0)
		return rc;
	rc = read(a.body, a.len, into, next);
	free(a.body);
	if (rc != 0)
		snprintf(error, WEB_ERROR_BYTES, "the answer of EC2: %s",
			 rc == -EPROTO ? "makes no sense" : strerror(-rc));
	return rc;
}

/* action: with its own parameters. */
static int
ask_pages(const struct ec2 *e, const char *action, read_page *read, void *into,
	  char error[WEB_ERROR_BYTES])
{
	char *form = malloc(FORM_BYTES), *next = calloc(1, REPLY_TOKEN_BYTES);
	int rc = form != NULL && next != NULL ? 0 : -ENOMEM;

	if (rc != 0)
		snprintf(error, WEB_ERROR_BYTES, "out of memory");
	for (int page = 0; rc == 0; page++) {
		if (page == EC2_PAGES_MAX) {
			snprintf(error, WEB_ERROR_BYTES, "EC2 has no last page");
			rc = -E2BIG;
			break;
		}
		put_form(form, action, next);
		rc = ask_page(e, form, read, into, next, error);
		if (next[0] == '\0')
			break;
	}
	free(form);
	free(next);
	return rc;
}

static int
check_domain(const char *domain, char *error)
{
	if (domain_is_one(domain))
		return 0;
	snprintf(error, WEB_ERROR_BYTES, "no identifier of a multicast domain");
	return -EINVAL;
}

/* ---- what is asked ---- */

static int
read_members(const char *text, size_t len, void *into, char next[REPLY_TOKEN_BYTES])
{
	return reply_members(text, len, into, next);
}

static int
read_domains(const char *text, size_t len, void *into, char next[REPLY_TOKEN_BYTES])
{
	return reply_domains(text, len, into, next);
}

static int
read_association(const char *text, size_t len, void *into, char next[REPLY_TOKEN_BYTES])
{
	return reply_association(text, len, into, next);
}

static int
read_interface(const char *text, size_t len, void *into, char next[REPLY_TOKEN_BYTES])
{
	next[0] = '\0';
	return reply_interface(text, len, into);
}

int
ec2_members(const struct ec2 *e, const char *domain, struct reply_members *members,
	    char error[WEB_ERROR_BYTES])
{
	char action[256];
	int rc = check_domain(domain, error);

	snprintf(action, sizeof(action),
		 "SearchTransitGatewayMulticastGroups&MaxResults=1000"
		 "&TransitGatewayMulticastDomainId=%s",
		 domain);
	return rc != 0 ? rc : ask_pages(e, action, read_members, members, error);
}

int
ec2_domains(const struct ec2 *e, const char *domain, struct reply_domains *domains,
	    char error[WEB_ERROR_BYTES])
{
	char action[256] = "DescribeTransitGatewayMulticastDomains";
	int rc = domain != NULL ? check_domain(domain, error) : 0;

	if (domain != NULL)
		snprintf(action, sizeof(action),
			 "DescribeTransitGatewayMulticastDomains"
			 "&TransitGatewayMulticastDomainIds.1=%s",
			 domain);
	return rc != 0 ? rc : ask_pages(e, action, read_domains, domains, error);
}

int
ec2_association(const struct ec2 *e, const char *domain, struct reply_association *a,
		char error[WEB_ERROR_BYTES])
{
	char action[256];
	int rc = check_domain(domain, error);

	snprintf(action, sizeof(action),
		 "GetTransitGatewayMulticastDomainAssociations"
		 "&TransitGatewayMulticastDomainId=%s",
		 domain);
	return rc != 0 ? rc : ask_pages(e, action, read_association, a, error);
}

int
ec2_interface(const struct ec2 *e, const char *id, struct reply_interface *i,
	      char error[WEB_ERROR_BYTES])
{
	char action[256];

	if (strncmp(id, "eni-", 4) != 0 || strlen(id) >= REPLY_ID_BYTES ||
	    id[4 + strspn(id + 4, "0123456789abcdef")] != '\0') {
		snprintf(error, WEB_ERROR_BYTES, "no identifier of an interface");
		return -EINVAL;
	}
	snprintf(action, sizeof(action),
		 "DescribeNetworkInterfaces&NetworkInterfaceId.1=%s", id);
	return ask_pages(e, action, read_interface, i, error);
}
