/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/health.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/doc.h"

/* As of ledger_verdict(). */
bool
health_verdict_is_fine(const char *verdict)
{
	static const char fine[] = "nothing lost";

	return strncmp(verdict, fine, sizeof(fine) - 1) == 0 &&
	       strstr(verdict, "the books do not balance") == NULL;
}

/* out may be NULL: only counted. */
__attribute__((format(printf, 2, 3))) static size_t
tell(FILE *out, const char *fmt, ...)
{
	va_list args;

	if (out == NULL)
		return 1;
	fputs("trouble: ", out);
	va_start(args, fmt);
	vfprintf(out, fmt, args);
	va_end(args);
	fputc('\n', out);
	return 1;
}

static size_t
tell_remote(const json_t *remote, FILE *out)
{
	const char *name = doc_string(remote, "name");
	const char *state = doc_string(remote, "state");
	size_t n = 0, i;
	json_t *path;

	if (strcmp(state, "open") != 0)
		n += tell(out, "session %s is %s", name, state);
	json_array_foreach(json_object_get(remote, "paths"), i, path)
	{
		if (!doc_true(path, "up"))
			n += tell(out, "path %" PRId64 " of %s is down",
				  doc_integer(path, "path"), name);
		if (doc_integer(path, "narrow_bytes") != 0)
			n += tell(out,
				  "path %" PRId64
				  " of %s takes short datagrams only (its MTU)",
				  doc_integer(path, "path"), name);
	}
	return n;
}

static size_t
tell_channels(const json_t *lane, FILE *out)
{
	json_t *channel;
	size_t n = 0, i;

	json_array_foreach(json_object_get(lane, "channels"), i, channel)
	{
		const json_t *expect = json_object_get(channel, "expect");

		if (strcmp(doc_string(expect, "state"), "silent") == 0)
			n += tell(out, "channel %s is silent",
				  doc_string(channel, "name"));
	}
	return n;
}

static size_t
tell_lane(const json_t *doc, const json_t *lane, FILE *out)
{
	const json_t *capture = json_object_get(lane, "capture");
	int64_t expires_s =
		doc_integer(json_object_get(lane, "tunnel"), "certificate_expires_s");
	json_t *remote;
	size_t n = 0, i;

	json_array_foreach(json_object_get(lane, "remotes"), i, remote) n +=
		tell_remote(remote, out);
	if (json_is_false(json_object_get(capture, "link_up")))
		n += tell(out, "the capture %s is down",
			  doc_string(capture, "interface"));
	n += tell_channels(lane, out);
	if (expires_s != 0 && expires_s <= doc_integer(doc, "now_ns") / NS_PER_S)
		n += tell(out, "our certificate has expired");
	return n;
}

size_t
health_tell(const json_t *doc, FILE *out)
{
	json_t *lane;
	size_t n = 0, i;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane) n +=
		tell_lane(doc, lane, out);
	if (!health_verdict_is_fine(doc_string(doc, "verdict")))
		n += tell(out, "the ledger tells of a loss");
	return n;
}

size_t
health_count(const json_t *doc)
{
	return health_tell(doc, NULL);
}
