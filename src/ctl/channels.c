/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/channels.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doc.h"
#include "ctl/table.h"
#include "ctl/unit.h"

static int64_t
excess(int64_t a, int64_t b)
{
	return a > b ? a - b : 0;
}

/* Of a peer's book, by whomever it is told. */
static int64_t
lost_in(const json_t *book)
{
	return doc_sum(book, "lost_") + doc_integer(book, "stale") +
	       doc_integer(book, "refused_oversize") +
	       doc_integer(book, "refused_error");
}

static void
put(json_t *row, const char *key, int64_t value)
{
	json_object_set_new(row, key, json_integer(value));
}

static json_t *
make_row(const json_t *lane, const json_t *channel, const char *total, const char *last)
{
	json_t *row = json_object();

	put(row, "lane", doc_integer(lane, "lane"));
	json_object_set(row, "name", json_object_get(channel, "name"));
	json_object_set(row, "group", json_object_get(channel, "group"));
	json_object_set(row, "port", json_object_get(channel, "port"));
	put(row, "total", doc_integer(channel, total));
	put(row, "last_ns", doc_integer(channel, last));
	return row;
}

static void
judge(json_t *row)
{
	bool loses = doc_integer(row, "missing") + doc_integer(row, "lost") > 0;

	put(row, "trouble",
	    loses || channels_is_silent(row) ? CHANNELS_LOSING : CHANNELS_FINE);
}

/* What all peers say of the channel at this place, and what waits for them. */
static void
add_remotes(json_t *row, const json_t *lane, size_t place)
{
	int64_t missing = 0, lost = doc_integer(row, "lost"), waiting = 0;
	json_t *remote;
	size_t i;

	json_array_foreach(json_object_get(lane, "remotes"), i, remote)
	{
		json_t *sent =
			json_array_get(json_object_get(remote, "channels"), place);
		json_t *peer = json_object_get(sent, "peer");

		missing += doc_integer(peer, "missing");
		lost += lost_in(peer) + excess(doc_integer(sent, "shed_aged"),
					       doc_integer(peer, "lost_aged"));
		waiting += doc_integer(sent, "unsent") + doc_integer(peer, "held");
	}
	put(row, "missing", missing);
	put(row, "lost", lost);
	put(row, "waiting", waiting);
	judge(row);
}

static void
add_of_relay(json_t *rows, const json_t *lane)
{
	json_t *channel;
	size_t i;

	json_array_foreach(json_object_get(lane, "channels"), i, channel)
	{
		json_t *row = make_row(lane, channel, "captured", "captured_last_ns");

		put(row, "upstream", doc_integer(channel, "upstream_missing"));
		json_object_set(
			row, "expect",
			json_object_get(json_object_get(channel, "expect"), "state"));
		put(row, "lost", doc_integer(channel, "refused"));
		add_remotes(row, lane, i);
		json_array_append_new(rows, row);
	}
}

static void
add_of_peer(json_t *rows, const json_t *lane)
{
	json_t *remote, *channel;
	size_t r, i;

	json_array_foreach(json_object_get(lane, "remotes"), r, remote)
	{
		json_array_foreach(json_object_get(remote, "channels"), i, channel)
		{
			json_t *row =
				make_row(lane, channel, "emitted", "emitted_last_ns");

			json_object_set(row, "remote", json_object_get(remote, "name"));
			put(row, "missing", doc_integer(channel, "missing"));
			put(row, "lost", lost_in(channel));
			put(row, "waiting", doc_integer(channel, "held"));
			judge(row);
			json_array_append_new(rows, row);
		}
	}
}

json_t *
channels_rows(const json_t *doc)
{
	json_t *rows = json_array(), *lane;
	size_t i;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		if (doc_is_relay(doc))
			add_of_relay(rows, lane);
		else
			add_of_peer(rows, lane);
	}
	return rows;
}

/* ---- sorting ---- */

static const struct {
	const char *word, *key;
} sorts[] = {
	{"name", "name"},       {"total", "total"},     {"rate", "rate"},
	{"missing", "missing"}, {"lost", "lost"},       {"waiting", "waiting"},
	{"last", "last_ns"},    {"trouble", "trouble"},
};

static const char *
key_of(const char *word)
{
	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (strcmp(word, sorts[i].word) == 0)
			return sorts[i].key;
	return NULL;
}

bool
channels_sort_exists(const char *word)
{
	return key_of(word) != NULL;
}

struct place {
	json_t *row;
	size_t was;
};

static int
compare(const void *a, const void *b, void *key)
{
	const struct place *x = a, *y = b;
	double m = json_number_value(json_object_get(x->row, key));
	double n = json_number_value(json_object_get(y->row, key));
	int by_text = strcmp(doc_string(x->row, key), doc_string(y->row, key));

	if (by_text != 0)
		return by_text;
	if (m != n)
		return m > n ? -1 : 1;
	return x->was < y->was ? -1 : 1;
}

json_t *
channels_sort(const json_t *rows, const char *word)
{
	size_t n = json_array_size(rows);
	struct place *places = calloc(n + 1, sizeof(*places));
	json_t *sorted = json_array();

	for (size_t i = 0; places != NULL && i < n; i++)
		places[i] = (struct place){json_array_get(rows, i), i};
	if (places != NULL)
		qsort_r(places, n, sizeof(*places), compare,
			(void *)(uintptr_t)key_of(word));
	for (size_t i = 0; places != NULL && i < n; i++)
		json_array_append(sorted, places[i].row);
	free(places);
	return sorted;
}

/* ---- as a table ---- */

static const struct table_column relay_columns[] = {
	{"CHANNEL", false}, {"GROUP:PORT", false}, {"CAPTURED", true},
	{"WAITING", true},  {"MISSING", true},     {"LOST", true},
	{"UPSTREAM", true}, {"LAST", true},        {"EXPECT", false},
};
static const struct table_column peer_columns[] = {
	{"CHANNEL", false}, {"GROUP:PORT", false}, {"EMITTED", true}, {"WAITING", true},
	{"MISSING", true},  {"LOST", true},        {"LAST", true},    {"FROM", false},
};
#define RELAY_COLUMNS 9
#define PEER_COLUMNS  8

static void
add_line(struct table *t, const json_t *doc, const json_t *row)
{
	static const char *const figures[] = {"total", "waiting", "missing", "lost"};
	int64_t last_ns = doc_integer(row, "last_ns");
	struct unit_text last = {"never"};

	if (last_ns != 0)
		last = unit_duration(excess(doc_integer(doc, "now_ns"), last_ns));
	table_row(t);
	table_cell(t, "%s", doc_string(row, "name"));
	table_cell(t, "%s:%" PRId64, doc_string(row, "group"),
		   doc_integer(row, "port"));
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		table_cell(t, "%" PRId64, doc_integer(row, figures[i]));
	if (doc_is_relay(doc))
		table_cell(t, "%" PRId64, doc_integer(row, "upstream"));
	table_cell(t, "%s%s", last.text, last_ns != 0 ? " ago" : "");
	if (!doc_is_relay(doc))
		table_cell(t, "%s", doc_string(row, "remote"));
	else if (doc_string(row, "expect")[0] != '\0')
		table_cell(t, "%s", doc_string(row, "expect"));
}

/* The column of what is expected is there when something is. */
static size_t
count_columns(const json_t *doc, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (!doc_is_relay(doc))
		return PEER_COLUMNS;
	json_array_foreach(rows, i, row)
	{
		if (doc_string(row, "expect")[0] != '\0')
			return RELAY_COLUMNS;
	}
	return RELAY_COLUMNS - 1;
}

bool
channels_is_silent(const json_t *row)
{
	return strcmp(doc_string(row, "expect"), "silent") == 0;
}

void
channels_print(const json_t *doc, const json_t *rows, bool all, FILE *out)
{
	size_t columns = count_columns(doc, rows);
	struct table t;
	size_t i, quiet = 0;
	json_t *row;

	table_init(&t, doc_is_relay(doc) ? relay_columns : peer_columns, columns);
	json_array_foreach(rows, i, row)
	{
		if (all || channels_is_silent(row) ||
		    doc_integer(row, "last_ns") != 0 ||
		    doc_integer(row, "lost") + doc_integer(row, "missing") > 0)
			add_line(&t, doc, row);
		else
			quiet++;
	}
	table_print(&t, 0, out);
	if (quiet > 0)
		fprintf(out, "%zu that never had a datagram: see --all\n", quiet);
	table_fini(&t);
}
