/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/imds.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK        200
#define NOT_FOUND 404
#define ROLES     "iam/security-credentials/"

/* -ENOENT and -EACCES by what HTTP says. */
static int
judge_status(const struct web_answer *a, const char *url, char *error)
{
	if (a->status == OK)
		return 0;
	snprintf(error, WEB_ERROR_BYTES, "%.400s: status %ld", url, a->status);
	return a->status == NOT_FOUND ? -ENOENT : -EACCES;
}

/* The body to be released when 0. */
static int
ask(const struct imds *m, const char *method, const char *path, const char *header,
    struct web_answer *a, char *error)
{
	char url[512];
	const struct web_request r = {.method = method,
				      .url = url,
				      .headers = {header},
				      .direct = true,
				      .timeout_ns = m->timeout_ns};
	int rc;

	snprintf(url, sizeof(url), "%s/latest/%s", m->endpoint, path);
	rc = web_ask(&r, a, error);
	if (rc != 0)
		return rc;
	rc = judge_status(a, url, error);
	if (rc != 0)
		free(a->body);
	return rc;
}

int
imds_open(struct imds *m, const char *endpoint, int64_t timeout_ns,
	  char error[WEB_ERROR_BYTES])
{
	struct web_answer a;
	int rc;

	*m = (struct imds){.timeout_ns = timeout_ns};
	if (!keys_copy(m->endpoint, sizeof(m->endpoint),
		       endpoint != NULL ? endpoint : IMDS_ENDPOINT)) {
		snprintf(error, WEB_ERROR_BYTES, "the metadata endpoint is no address");
		return -EINVAL;
	}
	if (m->endpoint[strlen(m->endpoint) - 1] == '/')
		m->endpoint[strlen(m->endpoint) - 1] = '\0';
	rc = ask(m, "PUT", "api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60", &a,
		 error);
	if (rc != 0)
		return rc;
	if (!keys_copy(m->token, sizeof(m->token), a.body)) {
		snprintf(error, WEB_ERROR_BYTES, "%.300s: what it gave is no token",
			 m->endpoint);
		rc = -EPROTO;
	}
	free(a.body);
	return rc;
}

static int
get(const struct imds *m, const char *path, struct web_answer *a, char *error)
{
	char header[sizeof(m->token) + 32], full[256];

	snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %s", m->token);
	snprintf(full, sizeof(full), "meta-data/%s", path);
	return ask(m, "GET", full, header, a, error);
}

int
imds_get(const struct imds *m, const char *path, char value[IMDS_VALUE_BYTES],
	 char error[WEB_ERROR_BYTES])
{
	struct web_answer a;
	int rc = get(m, path, &a, error);

	if (rc != 0)
		return rc;
	a.body[strcspn(a.body, "\n")] = '\0';
	if (!keys_copy(value, IMDS_VALUE_BYTES, a.body)) {
		snprintf(error, WEB_ERROR_BYTES,
			 "%.300s: the value of %.100s makes no sense", m->endpoint,
			 path);
		rc = -EPROTO;
	}
	free(a.body);
	return rc;
}

/* {"Code": "Success", "AccessKeyId": …, "SecretAccessKey": …, "Token": …} */
static bool
read_keys(struct keys *k, const struct web_answer *a)
{
	json_t *doc = json_loadb(a->body, a->len, 0, NULL);
	const char *id = json_string_value(json_object_get(doc, "AccessKeyId"));
	const char *secret = json_string_value(json_object_get(doc, "SecretAccessKey"));
	const char *token = json_string_value(json_object_get(doc, "Token"));
	bool good = keys_copy(k->id, sizeof(k->id), id) &&
		    keys_copy(k->secret, sizeof(k->secret), secret) &&
		    keys_copy(k->token, sizeof(k->token), token);

	json_decref(doc);
	return good;
}

int
imds_keys(const struct imds *m, struct keys *keys, char error[WEB_ERROR_BYTES])
{
	char role[IMDS_VALUE_BYTES], path[sizeof(ROLES) + IMDS_VALUE_BYTES];
	struct web_answer a;
	int rc;

	*keys = (struct keys){0};
	rc = imds_get(m, ROLES, role, error);
	if (rc != 0)
		return rc;
	snprintf(keys->from, sizeof(keys->from), "the instance's role %s", role);
	snprintf(path, sizeof(path), ROLES "%s", role);
	rc = get(m, path, &a, error);
	if (rc != 0)
		return rc;
	if (!read_keys(keys, &a)) {
		snprintf(error, WEB_ERROR_BYTES,
			 "%.300s: the role %s has no usable keys", m->endpoint, role);
		rc = -EPROTO;
	}
	free(a.body);
	return rc;
}
