/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_METRICS_SHARED_H
#define TOMBOLO_METRICS_SHARED_H
/* What metrics_relay.c and metrics_peer.c share; for metrics*.c alone. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "ops/exposition.h"
#include "ops/view.h"

struct evbuffer;
struct interfaces;

#define METRICS_LABELS_MAX 5

/* Labels by place; what stands behind the last one set is forgotten. */
struct metrics_labels {
	struct exposition_label all[METRICS_LABELS_MAX];
	size_t count;
	char lane[24];
};

void metrics_label(struct metrics_labels *l, size_t place, const char *name,
		   const char *value);
/* At place 0. */
void metrics_label_lane(struct metrics_labels *l, size_t lane);

/* One figure of a book: how it is called, and where it is. Rows of one family
 * stand together and differ by the label. */
struct metrics_row {
	const char *family;
	const char *label, *value; /* NULL: no further label */
	enum exposition_type type; /* a gauge is kept in a counter_t, too */
	const char *family_help;   /* NULL: help */
	const char *help;
	size_t offset; /* of a counter_t in the book */
};

/* For the lists of figures: X(name, help) makes a row of ROW_name. */
#define METRICS_COUNTER(family) \
	"tombolo_" family "_total", NULL, NULL, EXPOSITION_COUNTER, NULL
#define METRICS_GAUGE(family) "tombolo_" family, NULL, NULL, EXPOSITION_GAUGE, NULL
#define METRICS_BY(family, label, value, help) \
	"tombolo_" family "_total", label, value, EXPOSITION_COUNTER, help

/* The head, when the row begins a family. */
void metrics_row_head(struct evbuffer *out, const struct metrics_row *rows, size_t i);
void metrics_row_put(struct evbuffer *out, const struct metrics_row *row,
		     struct metrics_labels *labels, const void *book);

void metrics_u64(struct evbuffer *out, const char *family,
		 const struct metrics_labels *labels, uint64_t value);

/* ---- walks: over lanes, their sessions, and what these have ---- */

/* From one sample of a family to the next; the labels go with it. Each half has channels
 * of its own to go on to. */
struct metrics_walk {
	struct lane_views lanes;
	size_t lane;         /* SIZE_MAX: before the first; */
	unsigned int remote; /* as of these, UINT32_MAX */
	size_t channel;
	unsigned int slot;
	struct lane_view view; /* of the lane */
	struct metrics_labels labels;
	char name[NAME_BYTES_MAX]; /* of a channel, or a group */
	char number[12];           /* of a path, or a port */
};

struct metrics_walk metrics_walk(struct lane_views lanes);
bool metrics_next_lane(struct metrics_walk *w);
/* label: what a remote is called here. */
bool metrics_next_session(struct metrics_walk *w, const char *label);
/* The paths that are known. */
bool metrics_next_path(struct metrics_walk *w, struct path_view *path);

#define METRICS_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Each row of each book that the walk comes to. */
void metrics_put_rows(struct evbuffer *out, const struct metrics_row *rows,
		      size_t count, struct lane_views lanes,
		      bool (*next)(struct metrics_walk *w),
		      const void *(*book)(const struct metrics_walk *w));

/* all may be NULL: none are known. */
void metrics_interfaces(struct evbuffer *out, const struct interfaces *all);

/* The families that both halves have. */
void metrics_common(struct evbuffer *out, struct lane_views lanes);

#endif
