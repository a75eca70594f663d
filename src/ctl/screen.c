/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/screen.h"

#include <inttypes.h>

#include "base/clock.h"
#include "ctl/doc.h"
#include "ctl/health.h"
#include "ctl/paths.h"
#include "ctl/unit.h"

#define DAY_S 86400

static struct unit_text
age(const json_t *doc, int64_t since_ns)
{
	return unit_duration(doc_integer(doc, "now_ns") - since_ns);
}

static int64_t
started_ns(const json_t *doc)
{
	return doc_integer(json_array_get(json_object_get(doc, "lanes"), 0),
			   "started_ns");
}

void
screen_title(const json_t *doc, FILE *out)
{
	fprintf(out, "tombolo-%s %s, version %s, up %s", doc_string(doc, "half"),
		doc_string(doc, "node"), doc_string(doc, "version"),
		age(doc, started_ns(doc)).text);
}

void
screen_session(const json_t *doc, const json_t *remote, FILE *out)
{
	fprintf(out, "%s: %s for %s", doc_string(remote, "name"),
		doc_string(remote, "state"),
		age(doc, doc_integer(remote, "state_since_ns")).text);
}

static void
print_sessions(const json_t *doc, const json_t *lane, FILE *out)
{
	json_t *remote, *path;
	size_t r, i;

	json_array_foreach(json_object_get(lane, "remotes"), r, remote)
	{
		fprintf(out, "session      ");
		screen_session(doc, remote, out);
		fputc('\n', out);
		json_array_foreach(json_object_get(remote, "paths"), i, path)
		{
			fprintf(out, "  path %-2" PRId64 "    %-5s",
				doc_integer(path, "path"),
				doc_string(path, "transport"));
			paths_describe(path, out);
			fputc('\n', out);
		}
	}
}

static void
print_capture(const json_t *lane, FILE *out)
{
	const json_t *capture = json_object_get(lane, "capture");
	const json_t *dropped = json_object_get(capture, "dropped");
	const json_t *history = json_object_get(lane, "history");
	const char *file = doc_string(capture, "file");

	if (capture == NULL)
		return;
	fprintf(out, "capture      %s %s, %" PRId64 " frames, dropped %" PRId64 "\n",
		file[0] != '\0' ? file : doc_string(capture, "interface"),
		doc_true(capture, "link_up") ? "up" : "DOWN",
		doc_integer(capture, "frames"), doc_sum(dropped, ""));
	fprintf(out, "history      %s of %s, at most %s old\n",
		unit_bytes(doc_integer(history, "used_bytes")).text,
		unit_bytes(doc_integer(history, "memory_bytes")).text,
		unit_duration(doc_integer(history, "age_ns")).text);
}

static void
print_emission(const json_t *lane, FILE *out)
{
	const json_t *emit = json_object_get(lane, "emit");
	const json_t *pool = json_object_get(lane, "pool");

	if (emit == NULL)
		return;
	fprintf(out,
		"emission     %s, %" PRId64 " datagrams, too long %" PRId64
		", refused %" PRId64 ", interface down %" PRId64 " times\n",
		doc_string(emit, "interface"), doc_integer(emit, "sent"),
		doc_integer(emit, "oversize"), doc_integer(emit, "errors"),
		doc_integer(emit, "down"));
	fprintf(out, "held         %s of %s\n",
		unit_bytes(doc_integer(pool, "used_bytes")).text,
		unit_bytes(doc_integer(pool, "bytes")).text);
}

/* How late the datagrams of each relay were emitted. */
static void
print_latency(const json_t *lane, FILE *out)
{
	json_t *remote;
	size_t i;

	json_array_foreach(json_object_get(lane, "remotes"), i, remote)
	{
		const json_t *l = json_object_get(remote, "latency");

		if (doc_integer(l, "count") == 0)
			continue;
		fprintf(out, "latency      from %s: median %s, 99 %% below %s\n",
			doc_string(remote, "name"),
			unit_duration(doc_integer(l, "p50_ns")).text,
			unit_duration(doc_integer(l, "p99_ns")).text);
	}
}

static void
print_certificate(const json_t *doc, const json_t *lane, FILE *out)
{
	int64_t expires_s =
		doc_integer(json_object_get(lane, "tunnel"), "certificate_expires_s");
	int64_t rest_s = expires_s - doc_integer(doc, "now_ns") / NS_PER_S;

	/* 9999 is as far as a certificate can go, and beyond what 64 bits of ns hold */
	if (expires_s > INT64_MAX / NS_PER_S)
		fprintf(out, "certificate  does not expire\n");
	else if (expires_s != 0)
		fprintf(out, "certificate  until %s (%" PRId64 " days)\n",
			unit_time(expires_s * NS_PER_S).text, rest_s / DAY_S);
}

void
screen_print(const json_t *doc, FILE *out)
{
	json_t *lane;
	size_t i;

	screen_title(doc, out);
	fprintf(out, "\nstarted      %s, log level %s\n",
		unit_time(started_ns(doc)).text, doc_string(doc, "log_level"));
	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		if (json_array_size(json_object_get(doc, "lanes")) > 1)
			fprintf(out, "lane         %zu\n", i);
		print_sessions(doc, lane, out);
		print_capture(lane, out);
		print_emission(lane, out);
		print_latency(lane, out);
		print_certificate(doc, lane, out);
	}
	fprintf(out, "ledger       %s\n", doc_string(doc, "verdict"));
	if (health_tell(doc, out) == 0)
		fprintf(out, "all is well\n");
}
