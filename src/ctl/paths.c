/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/paths.h"

#include <inttypes.h>

#include "ctl/doc.h"
#include "ctl/table.h"
#include "ctl/unit.h"

static void
add_of_remote(json_t *rows, const json_t *lane, const json_t *remote)
{
	json_t *path;
	size_t i;

	json_array_foreach(json_object_get(remote, "paths"), i, path)
	{
		json_t *row = json_copy(path);

		json_object_set(row, "lane", json_object_get(lane, "lane"));
		json_object_set(row, "remote", json_object_get(remote, "name"));
		json_array_append_new(rows, row);
	}
}

json_t *
paths_rows(const json_t *doc)
{
	json_t *rows = json_array(), *lane, *remote;
	size_t i, r;

	json_array_foreach(json_object_get(doc, "lanes"), i, lane)
	{
		json_array_foreach(json_object_get(lane, "remotes"), r, remote)
			add_of_remote(rows, lane, remote);
	}
	return rows;
}

/* What is not measured yet is not 0. */
static struct unit_text
rtt_of(const json_t *path)
{
	int64_t rtt_ns = doc_integer(path, "rtt_ns");

	return unit_duration(rtt_ns > 0 ? rtt_ns : -1);
}

static void
add_line(struct table *t, const json_t *path)
{
	bool up = doc_true(path, "up");

	table_row(t);
	table_cell(t, "%s", doc_string(path, "remote"));
	table_cell(t, "%" PRId64, doc_integer(path, "path"));
	table_cell(t, "%s", doc_string(path, "transport"));
	table_cell(t, "%s", doc_true(path, "dialled") ? "we dial" : "dialled in");
	table_cell(t, "%s", up ? "up" : "DOWN");
	table_cell(t, "%s", up ? rtt_of(path).text : "-");
	table_cell(t, "%s",
		   up ? unit_percent(doc_integer(path, "loss_ppm")).text : "-");
	table_cell(t, "%s",
		   up ? unit_bits((double)doc_integer(path, "data_bytes_per_s")).text
		      : "-");
	table_cell(t, "%s",
		   up ? unit_per_s((double)doc_integer(path, "data_frames_per_s")).text
		      : "-");
	table_cell(t, "%s", unit_bytes(doc_integer(path, "data_bytes")).text);
}

void
paths_print(const json_t *rows, FILE *out)
{
	static const struct table_column columns[] = {
		{"REMOTE", false}, {"PATH", true}, {"TRANSPORT", false}, {"WHO", false},
		{"STATE", false},  {"RTT", true},  {"LOSS", true},       {"RATE", true},
		{"FRAMES", true},  {"TOTAL", true}};
	struct table t;
	json_t *row;
	size_t i;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(rows, i, row) add_line(&t, row);
	table_print(&t, 0, out);
	table_fini(&t);
}

void
paths_describe(const json_t *path, FILE *out)
{
	if (!doc_true(path, "up")) {
		fprintf(out, "DOWN");
		return;
	}
	fprintf(out, "up, rtt %s, loss %s, %s, %s", rtt_of(path).text,
		unit_percent(doc_integer(path, "loss_ppm")).text,
		unit_bits((double)doc_integer(path, "data_bytes_per_s")).text,
		unit_per_s((double)doc_integer(path, "data_frames_per_s")).text);
}
