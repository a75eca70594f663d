/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/live.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/channels.h"
#include "ctl/doc.h"
#include "ctl/health.h"
#include "ctl/screen.h"
#include "ctl/spark.h"
#include "ctl/unit.h"

void
live_fini(struct live *l)
{
	free(l->tracks);
	json_decref(l->doc);
	json_decref(l->rows);
}

/* ---- rates ---- */

static void
make_key(const json_t *row, char key[LIVE_KEY_BYTES])
{
	snprintf(key, LIVE_KEY_BYTES, "%" PRId64 "/%s/%s", doc_integer(row, "lane"),
		 doc_string(row, "remote"), doc_string(row, "name"));
}

static struct live_track *
find(const struct live *l, const char *key, size_t hint)
{
	if (hint < l->count && strcmp(l->tracks[hint].key, key) == 0)
		return &l->tracks[hint];
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->tracks[i].key, key) == 0)
			return &l->tracks[i];
	return NULL;
}

const struct live_track *
live_find(const struct live *l, const json_t *row)
{
	char key[LIVE_KEY_BYTES];

	make_key(row, key);
	return find(l, key, SIZE_MAX);
}

/* NULL when there are too many. Channels come in the same order each time. */
static struct live_track *
track_of(struct live *l, const json_t *row, size_t hint)
{
	char key[LIVE_KEY_BYTES];
	struct live_track *t;

	make_key(row, key);
	t = find(l, key, hint);
	if (t == NULL && l->count < LIVE_TRACKS) {
		t = &l->tracks[l->count++];
		memset(t, 0, sizeof(*t));
		memcpy(t->key, key, sizeof(key));
		t->total = doc_integer(row, "total");
	}
	return t;
}

static void
push(struct live_track *t, int64_t total, int64_t passed_ns)
{
	double rate = 0;

	if (passed_ns > 0 && total > t->total)
		rate = (double)(total - t->total) * (double)NS_PER_S /
		       (double)passed_ns;
	memmove(t->rates, t->rates + 1, sizeof(t->rates) - sizeof(t->rates[0]));
	t->rates[LIVE_TICKS - 1] = rate;
	t->total = total;
}

/* Many channels are silent for a living: only one that was not is quiet. */
static void
judge_silence(struct live_track *t, int64_t silent_ns)
{
	if (t->rates[LIVE_TICKS - 1] > 0) {
		t->steady = t->quiet ? 1 : t->steady + 1;
		t->quiet = false;
	} else if (silent_ns >= LIVE_QUIET_NS) {
		t->quiet = t->steady >= LIVE_STEADY;
		t->steady = t->quiet ? t->steady : 0;
	}
}

static void
follow(struct live_track *t, json_t *row, int64_t now_ns, int64_t passed_ns)
{
	push(t, doc_integer(row, "total"), passed_ns);
	judge_silence(t, now_ns - doc_integer(row, "last_ns"));
	json_object_set_new(row, "rate", json_real(t->rates[LIVE_TICKS - 1]));
	if (t->quiet && doc_integer(row, "trouble") == CHANNELS_FINE)
		json_object_set_new(row, "trouble", json_integer(CHANNELS_QUIET));
}

static int64_t
started_ns(const json_t *doc)
{
	return doc_integer(json_array_get(json_object_get(doc, "lanes"), 0),
			   "started_ns");
}

bool
live_take(struct live *l, json_t *doc)
{
	int64_t now_ns = doc_integer(doc, "now_ns");
	int64_t passed_ns = l->now_ns != 0 ? now_ns - l->now_ns : 0;
	json_t *row;
	size_t i;

	if (l->tracks == NULL)
		l->tracks = calloc(LIVE_TRACKS, sizeof(*l->tracks));
	if (l->tracks == NULL) {
		json_decref(doc);
		return false;
	}
	if (started_ns(doc) != l->started_ns)
		l->count = 0;
	json_decref(l->doc);
	json_decref(l->rows);
	l->doc = doc;
	l->rows = channels_rows(doc);
	l->now_ns = now_ns;
	l->started_ns = started_ns(doc);
	json_array_foreach(l->rows, i, row)
	{
		struct live_track *t = track_of(l, row, i);

		if (t != NULL)
			follow(t, row, now_ns, passed_ns);
	}
	return true;
}

/* ---- lines ---- */

static bool
is_in_trouble(const json_t *remote)
{
	json_t *path;
	size_t i;

	json_array_foreach(json_object_get(remote, "paths"), i, path)
	{
		if (!doc_true(path, "up"))
			return true;
	}
	return strcmp(doc_string(remote, "state"), "open") != 0;
}

static void
tell_paths(const json_t *remote, FILE *out)
{
	const json_t *paths = json_object_get(remote, "paths");
	int64_t rtt_ns = -1, loss_ppm = 0;
	size_t up = 0, i;
	json_t *path;

	json_array_foreach(paths, i, path)
	{
		int64_t rtt = doc_integer(path, "rtt_ns");

		up += doc_true(path, "up");
		if (rtt > 0 && (rtt_ns < 0 || rtt < rtt_ns))
			rtt_ns = rtt;
		if (doc_integer(path, "loss_ppm") > loss_ppm)
			loss_ppm = doc_integer(path, "loss_ppm");
	}
	fprintf(out, ", %zu of %zu paths up, rtt %s, loss %s", up,
		json_array_size(paths), unit_duration(rtt_ns).text,
		unit_percent(loss_ppm).text);
}

/* Of a relay by lane, of a peer by relay. */
static void
tell_repairs(const json_t *doc, const json_t *lane, const json_t *remote, FILE *out)
{
	const json_t *of =
		json_object_get(doc_is_relay(doc) ? lane : remote, "figures");
	int64_t repaired = doc_integer(of, "repaired");
	json_t *channel;
	size_t i;

	if (doc_is_relay(doc)) {
		json_array_foreach(json_object_get(remote, "channels"), i, channel)
			repaired += doc_integer(channel, "repaired");
	}
	fprintf(out, "  requested %s, repaired %s\n",
		unit_count(doc_integer(of, "requested")).text,
		unit_count(repaired).text);
}

/* What is the matter now has lines of its own: one line would be cut. */
static void
tell_verdict(const char *verdict, FILE *out)
{
	static const char now[] = "; now ";
	const char *next;

	fputs(health_verdict_is_fine(verdict) ? "" : "! ", out);
	while ((next = strstr(verdict, now)) != NULL) {
		fprintf(out, "%.*s\n! ", (int)(next - verdict), verdict);
		verdict = next + 2;
	}
	fprintf(out, "%s\n", verdict);
}

void
live_head(const struct live *l, FILE *out)
{
	json_t *lane, *remote;
	size_t i, r;

	screen_title(l->doc, out);
	fputc('\n', out);
	json_array_foreach(json_object_get(l->doc, "lanes"), i, lane)
	{
		json_array_foreach(json_object_get(lane, "remotes"), r, remote)
		{
			fputs(is_in_trouble(remote) ? "! " : "", out);
			screen_session(l->doc, remote, out);
			tell_paths(remote, out);
			fputc('\n', out);
			tell_repairs(l->doc, lane, remote, out);
		}
	}
	tell_verdict(doc_string(l->doc, "verdict"), out);
}

static size_t
ticks_in(size_t width)
{
	size_t room = width > LIVE_FIXED ? width - LIVE_FIXED : 0;

	return room < LIVE_TICKS ? room : LIVE_TICKS;
}

void
live_columns(const struct live *l, size_t width, FILE *out)
{
	fprintf(out, " %-*s %8s %-*s %8s %7s %7s %6s", LIVE_NAME, "CHANNEL", "RATE",
		(int)ticks_in(width), doc_is_relay(l->doc) ? "CAPTURED" : "EMITTED",
		"WAITING", "MISSING", "LOST", "LAG");
}

/* Since the last datagram, in a few letters: what is longer than an hour is silent. */
static const char *
lag_of(const struct live *l, const json_t *row, struct unit_text *text)
{
	int64_t last_ns = doc_integer(row, "last_ns");
	int64_t lag_ns = l->now_ns > last_ns ? l->now_ns - last_ns : 0;

	if (last_ns == 0)
		return "never";
	if (lag_ns >= 3600 * NS_PER_S)
		return ">1h";
	if (lag_ns < NS_PER_S)
		snprintf(text->text, sizeof(text->text), "%" PRId64 "ms",
			 lag_ns / (int64_t)NS_PER_MS);
	else
		snprintf(text->text, sizeof(text->text), "%" PRId64 "s",
			 lag_ns / (int64_t)NS_PER_S);
	return text->text;
}

void
live_row(const struct live *l, const json_t *row, size_t width, bool utf8, FILE *out)
{
	const struct live_track *t = live_find(l, row);
	size_t ticks = ticks_in(width);
	char spark[SPARK_BYTES(LIVE_TICKS)];
	struct unit_text lag;
	static const char signs[] = {
		[CHANNELS_FINE] = ' ', [CHANNELS_QUIET] = '?', [CHANNELS_LOSING] = '!'};
	static const double none[LIVE_TICKS];
	const double *rates = t != NULL ? t->rates : none;

	spark_draw(rates + LIVE_TICKS - ticks, ticks, utf8, spark);
	fprintf(out, "%c%-*.*s %8s %s %8s %7s %7s %6s",
		signs[doc_integer(row, "trouble")], LIVE_NAME, LIVE_NAME,
		doc_string(row, "name"), unit_per_s(rates[LIVE_TICKS - 1]).text, spark,
		unit_count(doc_integer(row, "waiting")).text,
		unit_count(doc_integer(row, "missing")).text,
		unit_count(doc_integer(row, "lost")).text, lag_of(l, row, &lag));
}
