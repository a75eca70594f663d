/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/quiet_watch.h"

#include <stdlib.h>

#include "base/log.h"
#include "ops/channel_table.h"
#include "ops/quiet.h"
#include "ops/view.h"
#include "path/relay.h"

#define LINES_APART_NS (60 * NS_PER_S) /* of one kind */

/* Channels of which the next line of its kind tells. */
struct news {
	size_t channels;
	const char *first;
	mono_t due; /* not before */
};

struct watched {
	struct quiet quiet;
	const char *name; /* in the lane's tables */
	bool told;        /* when it is quiet; the others only speak */
};

struct quiet_watch {
	struct channel_table table; /* of struct watched */
	mono_t looked;
	struct news fell, spoke;
};

struct quiet_watch *
quiet_watch_new(void)
{
	struct quiet_watch *w = calloc(1, sizeof(*w));

	if (w != NULL)
		w->table.bytes = sizeof(struct watched);
	return w;
}

void
quiet_watch_free(struct quiet_watch *w)
{
	if (w == NULL)
		return;
	channel_table_fini(&w->table);
	free(w);
}

static void
note(struct news *n, const char *name)
{
	if (n->channels++ == 0)
		n->first = name;
}

static void
look_at(struct quiet_watch *w, struct watched *at, const struct relay_channel *c,
	mono_t now)
{
	bool told = c->settings->expect.rate_per_h == 0;

	if (gauge_get(&c->is_withdrawn) || gauge_get(&c->is_idle)) {
		*at = (struct watched){.told = false};
		return;
	}
	at->told = told;
	at->name = c->settings->name;
	switch (quiet_look(&at->quiet, now, counter_get(&c->book.captured))) {
	case QUIET_SAME:
	case QUIET_FORGOTTEN: break;
	case QUIET_FELL:
		if (told)
			note(&w->fell, at->name);
		break;
	case QUIET_SPEAKS_AGAIN:
		if (told)
			note(&w->spoke, at->name);
		break;
	}
}

static void
tell(struct news *n, const char *what, mono_t now)
{
	if (n->channels == 0 || !mono_due(n->due, now))
		return;
	log_line(LOG_LEVEL_INFO, "quiet", NULL, "%s channels=%zu first=%s", what,
		 n->channels, n->first);
	*n = (struct news){.due = mono_add(now, LINES_APART_NS)};
}

void
quiet_watch_look(struct quiet_watch *w, const struct relay_views *views, mono_t now)
{
	w->looked = now;
	for (size_t lane = 0; lane < views->count; lane++) {
		const struct relay *core = views->lanes[lane].core;
		size_t n = relay_channel_count(core);

		/* Where memory is short what is new is not looked at. */
		if (!channel_table_grow(&w->table, views->count, n))
			continue;
		for (size_t i = 1; i < n; i++) /* not the marks */
			look_at(w, channel_table_at(&w->table, lane, i),
				relay_channel(core, i), now);
	}
	tell(&w->fell, "nothing comes of what came steadily", now);
	tell(&w->spoke, "it comes again", now);
}

static void
add(struct quiet_told *t, const struct watched *at, int64_t silent_ns)
{
	if (t->channels < QUIET_NAMES)
		t->names[t->channels] = at->name;
	if (t->channels == 0 || silent_ns < t->since_ns)
		t->since_ns = silent_ns;
	t->channels++;
	t->rate_per_s += quiet_rate_per_s(&at->quiet);
}

struct quiet_told
quiet_watch_told(const struct quiet_watch *w, size_t lane)
{
	struct quiet_told t = {.channels = 0};
	int64_t heard_ns = INT64_MAX; /* ago, of whoever spoke last */
	const struct watched *at;

	if (w == NULL)
		return t;
	for (size_t i = 1; (at = channel_table_at(&w->table, lane, i)) != NULL; i++) {
		int64_t silent_ns = quiet_since_ns(&at->quiet, w->looked);

		if (at->quiet.span.count == 0) /* it never spoke */
			continue;
		if (silent_ns < heard_ns)
			heard_ns = silent_ns;
		if (at->told && at->quiet.is_quiet)
			add(&t, at, silent_ns);
	}
	t.nothing = t.channels > 0 && heard_ns >= t.since_ns;
	return t;
}
