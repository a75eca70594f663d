/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics_shared.h"

#include <stdio.h>
#include <string.h>

/* ---- labels and rows ---- */

void
metrics_label(struct metrics_labels *l, size_t place, const char *name,
	      const char *value)
{
	l->all[place] = (struct exposition_label){name, value};
	l->count = place + 1;
}

void
metrics_label_lane(struct metrics_labels *l, size_t lane)
{
	snprintf(l->lane, sizeof(l->lane), "%zu", lane);
	metrics_label(l, 0, "lane", l->lane);
}

void
metrics_u64(struct evbuffer *out, const char *family,
	    const struct metrics_labels *labels, uint64_t value)
{
	exposition_u64(out, family, labels->all, labels->count, value);
}

void
metrics_row_head(struct evbuffer *out, const struct metrics_row *rows, size_t i)
{
	const struct metrics_row *row = &rows[i];

	if (i == 0 || strcmp(rows[i - 1].family, row->family) != 0)
		exposition_family(out, row->family, row->type,
				  row->family_help ? row->family_help : row->help);
}

void
metrics_row_put(struct evbuffer *out, const struct metrics_row *row,
		struct metrics_labels *labels, const void *book)
{
	const counter_t *c = (const void *)((const char *)book + row->offset);
	size_t place = labels->count;

	if (row->label)
		metrics_label(labels, place, row->label, row->value);
	metrics_u64(out, row->family, labels, counter_get(c));
	labels->count = place;
}

/* ---- walks ---- */

struct metrics_walk
metrics_walk(struct lane_views lanes)
{
	return (struct metrics_walk){
		.lanes = lanes, .lane = SIZE_MAX, .remote = UINT32_MAX};
}

bool
metrics_next_lane(struct metrics_walk *w)
{
	if (++w->lane >= w->lanes.count)
		return false;
	w->view = w->lanes.at(w->lanes.views, w->lane);
	w->remote = UINT32_MAX;
	w->channel = SIZE_MAX;
	w->slot = UINT32_MAX;
	metrics_label_lane(&w->labels, w->lane);
	return true;
}

bool
metrics_next_session(struct metrics_walk *w, const char *label)
{
	while (w->view.view == NULL || ++w->remote >= w->view.remote_count)
		if (!metrics_next_lane(w))
			return false;
	w->channel = SIZE_MAX;
	w->slot = UINT32_MAX;
	metrics_label(&w->labels, 1, label, w->view.remotes[w->remote].name);
	return true;
}

bool
metrics_next_path(struct metrics_walk *w, struct path_view *path)
{
	do {
		while (w->remote == UINT32_MAX || ++w->slot >= PATHS_MAX)
			if (!metrics_next_session(w, "remote"))
				return false;
		*path = w->view.path(w->view.view, w->remote, w->slot);
	} while (!path->known);
	snprintf(w->number, sizeof(w->number), "%u", w->slot);
	metrics_label(&w->labels, 2, "path", w->number);
	return true;
}

void
metrics_put_rows(struct evbuffer *out, const struct metrics_row *rows, size_t count,
		 struct lane_views lanes, bool (*next)(struct metrics_walk *w),
		 const void *(*book)(const struct metrics_walk *w))
{
	for (size_t i = 0; i < count; i++) {
		struct metrics_walk w = metrics_walk(lanes);

		metrics_row_head(out, rows, i);
		while (next(&w))
			metrics_row_put(out, &rows[i], &w.labels, book(&w));
	}
}
