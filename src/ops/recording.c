/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recording.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/quantity.h"
#include "ops/http.h"
#include "ops/recording_internal.h"
#include "ops/stream.h"
#include "path/lane.h"

#define BAD_REQUEST 400
#define NOT_FOUND   404
#define UNAVAILABLE 503

/* What one piece of the answer has of blocks that are no packets. */
#define BLOCKS_PER_PIECE 256

/* ---- the answer, piece by piece ---- */

static void
next_stage(struct recording *r)
{
	r->stage++;
	r->at = 0;
}

static void
on_lane(struct recording *r, void (*call)(void *arg))
{
	if (r->source->lane != NULL)
		lane_call(r->source->lane, call, r);
	else
		call(r);
}

static void
add_piece(struct recording *r, struct evbuffer *out)
{
	size_t limit = r->at + BLOCKS_PER_PIECE;

	switch (r->stage) {
	case RECORDING_SEEK: on_lane(r, recording_seek); break;
	case RECORDING_BEGINNING: recording_put_beginning(r, out); break;
	case RECORDING_INTERFACES:
		for (; r->at < r->chosen_count && r->at < limit; r->at++)
			recording_put_interface(r, out, r->at);
		break;
	case RECORDING_PACKETS:
		on_lane(r, recording_copy);
		recording_put_copied(r, out);
		break;
	case RECORDING_STATISTICS:
		for (; r->at < r->chosen_count && r->at < limit; r->at++)
			recording_put_statistics(r, out, r->at);
		break;
	}
}

static bool
is_over(const struct recording *r)
{
	switch (r->stage) {
	case RECORDING_SEEK:
	case RECORDING_INTERFACES:
	case RECORDING_STATISTICS: return r->at == r->chosen_count;
	case RECORDING_BEGINNING: return true;
	case RECORDING_PACKETS: return r->copied_all;
	}
	return true;
}

static bool
more(void *state, struct evbuffer *out)
{
	struct recording *r = state;
	enum recording_stage stage = r->stage;

	add_piece(r, out);
	if (!is_over(r))
		return true;
	next_stage(r);
	return stage != RECORDING_STATISTICS;
}

static void
end(void *state)
{
	struct recording *r = state;

	r->all->active--;
	free(r->chosen);
	free(r->interfaces);
	free(r);
}

/* ---- the question ---- */

static const struct stream_source stream = {.more = more, .end = end};

/* Enough room for all there are. */
static bool
make_room(struct recording *r)
{
	const struct recording_source *s = r->source;

	r->keys = s->count(s->view);
	r->chosen = calloc(r->keys + 1, sizeof(*r->chosen));
	r->interfaces = malloc((r->keys + 1) * sizeof(*r->interfaces));
	if (r->chosen == NULL || r->interfaces == NULL)
		return false;
	for (size_t i = 0; i < r->keys; i++)
		r->interfaces[i] = RECORDING_UNWANTED;
	return true;
}

/* Channels of that name, NULL: all. Returns how many there are. */
static size_t
choose(struct recording *r, const char *name)
{
	const struct recording_source *s = r->source;
	size_t found = 0;

	for (size_t n = 0; n < r->keys; n++) {
		struct recording_channel c;

		if (!s->channel(s->view, n, &c) ||
		    (name != NULL && strcmp(c.name, name) != 0))
			continue;
		found++;
		if (r->interfaces[c.key] != RECORDING_UNWANTED)
			continue;
		r->interfaces[c.key] = (uint32_t)r->chosen_count;
		r->chosen[r->chosen_count++] = (struct recording_chosen){.channel = c};
	}
	return found;
}

static bool
take_ago(const struct evkeyval *pair, mono_t now, mono_t *to, struct evbuffer *out)
{
	uint64_t ns = 0;
	enum quantity_verdict verdict =
		quantity_parse(QUANTITY_DURATION, pair->value, &ns);

	if (verdict == QUANTITY_OK) {
		to->ns = now.ns - (int64_t)ns;
		return true;
	}
	evbuffer_add_printf(out, "%s: %s; a time is a number with one of %s\n",
			    pair->key, quantity_verdict_text(verdict),
			    quantity_units(QUANTITY_DURATION));
	return false;
}

/* 0, or the status to refuse it with. */
static int
take_pair(struct recording *r, const struct evkeyval *pair, mono_t now,
	  struct evbuffer *out)
{
	if (strcmp(pair->key, "since") == 0)
		return take_ago(pair, now, &r->since, out) ? 0 : BAD_REQUEST;
	if (strcmp(pair->key, "until") == 0)
		return take_ago(pair, now, &r->until, out) ? 0 : BAD_REQUEST;
	if (strcmp(pair->key, "channel") != 0) {
		evbuffer_add_printf(out, "channel=NAME, since=AGO and until=AGO\n");
		return BAD_REQUEST;
	}
	if (choose(r, pair->value) > 0)
		return 0;
	evbuffer_add_printf(out, "no such channel; tomboloctl channels lists them\n");
	return NOT_FOUND;
}

static int
check(struct recording *r, struct evbuffer *out)
{
	if (r->since.ns == MONO_NEVER.ns) {
		evbuffer_add_printf(out, "since when? as in since=5s\n");
		return BAD_REQUEST;
	}
	if (mono_before(r->until, r->since)) {
		evbuffer_add_printf(out, "until must not be before since\n");
		return BAD_REQUEST;
	}
	if (r->chosen_count == 0 && choose(r, NULL) == 0) {
		evbuffer_add_printf(out, "no channel is known yet\n");
		return NOT_FOUND;
	}
	return 0;
}

static int
understand(struct recording *r, const char *query, struct evbuffer *out)
{
	mono_t now = clock_now().mono;
	struct evkeyvalq pairs;
	struct evkeyval *pair;
	int status = 0;

	r->since = MONO_NEVER;
	r->until = now;
	if (evhttp_parse_query_str(query != NULL ? query : "", &pairs) != 0) {
		evbuffer_add_printf(out, "channel=NAME, since=AGO and until=AGO\n");
		return BAD_REQUEST;
	}
	TAILQ_FOREACH(pair, &pairs, next)
	{
		if (status == 0)
			status = take_pair(r, pair, now, out);
	}
	evhttp_clear_headers(&pairs);
	return status != 0 ? status : check(r, out);
}

static int
admit(const struct recordings *all, struct evbuffer *out)
{
	if (all->source.history == NULL) {
		evbuffer_add_printf(out, "nothing is remembered here: history.memory "
					 "of the configuration is 0\n");
		return NOT_FOUND;
	}
	if (all->active >= RECORDINGS_MAX) {
		evbuffer_add_printf(out, "%d are being read already; try again\n",
				    RECORDINGS_MAX);
		return UNAVAILABLE;
	}
	return 0;
}

static void *
begin(void *arg, const char *query, struct evbuffer *out, int *status)
{
	struct recordings *all = arg;
	int refused = admit(all, out);
	struct recording *r = refused == 0 ? calloc(1, sizeof(*r)) : NULL;

	if (r == NULL) {
		*status = refused != 0 ? refused : UNAVAILABLE;
		return NULL;
	}
	r->all = all;
	r->source = &all->source;
	all->active++;
	refused = make_room(r) ? understand(r, query, out) : UNAVAILABLE;
	if (refused == 0)
		return r;
	*status = refused;
	end(r);
	return NULL;
}

void
recording_routes(struct http *h, struct recordings *r)
{
	http_stream(h, "/history", RECORDING_CONTENT_TYPE, begin, &stream, r);
}
