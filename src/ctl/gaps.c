/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/gaps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doc.h"
#include "ctl/table.h"
#include "ctl/unit.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the lists ---- */

/* Rows of one list of one lane or remote, each with whose it is. */
static void
collect(json_t *rows, const json_t *list, const char *channel, const json_t *lane,
	const json_t *remote)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		json_t *row;

		if (channel != NULL && strcmp(doc_string(entry, "channel"), channel))
			continue;
		row = json_copy(entry);
		json_object_set(row, "lane", json_object_get(lane, "lane"));
		if (remote != NULL)
			json_object_set(row, "remote", json_object_get(remote, "name"));
		json_array_append_new(rows, row);
	}
}

static int
compare(const void *a, const void *b, void *key)
{
	int64_t x = doc_integer(*(json_t *const *)a, key);
	int64_t y = doc_integer(*(json_t *const *)b, key);

	if (x == y) {
		x = doc_integer(*(json_t *const *)a, "first");
		y = doc_integer(*(json_t *const *)b, "first");
	}
	return x < y ? -1 : x > y;
}

/* By time, the last `most` of them. Takes over rows. */
static json_t *
cut(json_t *rows, const char *key, size_t most)
{
	size_t n = json_array_size(rows), from = most > 0 && most < n ? n - most : 0;
	json_t **sorted = calloc(n + 1, sizeof(json_t *)), *list = json_array();

	for (size_t i = 0; sorted != NULL && i < n; i++)
		sorted[i] = json_array_get(rows, i);
	if (sorted != NULL)
		qsort_r(sorted, n, sizeof(json_t *), compare, (void *)(uintptr_t)key);
	for (size_t i = from; sorted != NULL && i < n; i++)
		json_array_append(list, sorted[i]);
	free(sorted);
	json_decref(rows);
	return list;
}

static json_t *
of_peer(const json_t *doc, const char *channel)
{
	json_t *rows = json_array(), *lane, *remote;
	size_t i, r;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		json_array_foreach(json_object_get(lane, "remotes"), r, remote) collect(
			rows, json_object_get(remote, "gaps"), channel, lane, remote);
	}
	return rows;
}

static json_t *
of_relay(const json_t *doc, const char *key, const char *channel)
{
	json_t *rows = json_array(), *lane;
	size_t i;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
		collect(rows, json_object_get(lane, key), channel, lane, NULL);
	return rows;
}

json_t *
gaps_lists(const json_t *doc, const char *channel, size_t most)
{
	if (!doc_is_relay(doc))
		return json_pack("{s:o}", "gaps",
				 cut(of_peer(doc, channel), "found_ns", most));
	return json_pack(
		"{s:o, s:o}", "upstream_gaps",
		cut(of_relay(doc, "upstream_gaps", channel), "captured_ns", most),
		"marks", cut(of_relay(doc, "recent_marks", NULL), "told_ns", most));
}

/* ---- as tables ---- */

static const struct table_column gap_columns[] = {
	{"FOUND (UTC)", false}, {"CHANNEL", false}, {"FIRST", true},
	{"COUNT", true},        {"LASTED", true},   {"CAUSE", false},
	{"ASKED", true},        {"OUTCOME", false}, {"FROM", false},
};
static const struct table_column upstream_columns[] = {
	{"CAPTURED (UTC)", false},
	{"CHANNEL", false},
	{"EXPECTED", true},
	{"MISSING", true},
};
static const struct table_column mark_columns[] = {
	{"TOLD (UTC)", false},
	{"POINT", false},
	{"DATAGRAMS", true},
};

/* "repaired 3, lost 2 (give_up)" */
static void
say_outcome(const json_t *gap, char *text, size_t bytes)
{
	static const struct {
		const char *key, *words;
	} parts[] = {
		{"repaired", "repaired"},
		{"late", "late"},
		{"lost_give_up", "lost (give_up)"},
		{"lost_aged", "lost (aged)"},
		{"lost_never", "lost (never)"},
		{"lost_window", "lost (window)"},
		{"lost_restart", "lost (restart)"},
		{"lost_drain", "lost (drain)"},
		{"again", "again"},
		{"open", "open"},
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < LENGTH(parts) && len < bytes; i++) {
		int64_t n = doc_integer(gap, parts[i].key);

		if (n != 0)
			len += (size_t)snprintf(text + len, bytes - len,
						"%s%" PRId64 " %s", len > 0 ? ", " : "",
						n, parts[i].words);
	}
}

static void
add_gap(struct table *t, const json_t *gap)
{
	char outcome[TABLE_CELL_BYTES];

	say_outcome(gap, outcome, sizeof(outcome));
	table_row(t);
	table_cell(t, "%s", unit_moment(doc_integer(gap, "found_ns")).text);
	table_cell(t, "%s", doc_string(gap, "channel"));
	table_cell(t, "%" PRId64, doc_integer(gap, "first"));
	table_cell(t, "%" PRId64, doc_integer(gap, "datagrams"));
	table_cell(t, "%s", unit_duration(doc_integer(gap, "lasted_ns")).text);
	table_cell(t, "%s", doc_string(gap, "cause"));
	table_cell(t, "%" PRId64, doc_integer(gap, "requests"));
	table_cell(t, "%s", outcome);
	table_cell(t, "%s", doc_string(gap, "remote"));
}

static void
add_upstream_gap(struct table *t, const json_t *gap)
{
	table_row(t);
	table_cell(t, "%s", unit_moment(doc_integer(gap, "captured_ns")).text);
	table_cell(t, "%s", doc_string(gap, "channel"));
	table_cell(t, "%" PRIu64, (uint64_t)doc_integer(gap, "first"));
	table_cell(t, "%" PRId64, doc_integer(gap, "missing"));
}

static void
add_mark(struct table *t, const json_t *mark)
{
	table_row(t);
	table_cell(t, "%s", unit_moment(doc_integer(mark, "told_ns")).text);
	table_cell(t, "%s", doc_string(mark, "point"));
	table_cell(t, "%" PRId64, doc_integer(mark, "datagrams"));
}

static void
print_list(const json_t *list, const char *name, const struct table_column *columns,
	   size_t n, void (*add)(struct table *t, const json_t *entry), FILE *out)
{
	struct table t;
	json_t *entry;
	size_t i;

	if (json_array_size(list) == 0) {
		fprintf(out, "no %s\n", name);
		return;
	}
	table_init(&t, columns, n);
	json_array_foreach(list, i, entry) add(&t, entry);
	table_print(&t, 0, out);
	table_fini(&t);
}

void
gaps_print(const json_t *doc, const json_t *lists, FILE *out)
{
	if (!doc_is_relay(doc)) {
		print_list(json_object_get(lists, "gaps"), "gaps", gap_columns,
			   LENGTH(gap_columns), add_gap, out);
		return;
	}
	fprintf(out, "upstream gaps\n");
	print_list(json_object_get(lists, "upstream_gaps"), "upstream gaps",
		   upstream_columns, LENGTH(upstream_columns), add_upstream_gap, out);
	fprintf(out, "marks\n");
	print_list(json_object_get(lists, "marks"), "marks", mark_columns,
		   LENGTH(mark_columns), add_mark, out);
}
