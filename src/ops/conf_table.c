/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ops/conf_suggest.h"
#include "ops/conf_value.h"

#define PATH_BYTES  128
#define TEXT_QUOTED 48 /* characters of a wrong value that are shown */

struct walk {
	struct conf_report *report;
	char path[PATH_BYTES];
	size_t len;
};

/* Appends to the path; returns the length to go back to. */
static size_t __attribute__((format(printf, 2, 3)))
enter(struct walk *w, const char *fmt, ...)
{
	size_t before = w->len;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(w->path + before, PATH_BYTES - before, fmt, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < PATH_BYTES - before);
	w->len += (size_t)len;
	return before;
}

static size_t
enter_key(struct walk *w, const char *key)
{
	return enter(w, "%s%s", w->len > 0 ? "." : "", key);
}

static void
leave(struct walk *w, size_t before)
{
	w->len = before;
	w->path[before] = '\0';
}

const void *
conf_field(const struct conf_row *row, const void *base)
{
	return (const char *)base + row->offset;
}

size_t
conf_count(const struct conf_row *row, const void *base)
{
	size_t count;

	memcpy(&count, (const char *)base + row->count_offset, sizeof(count));
	return count;
}

const char *
conf_items(const struct conf_row *row, const void *base)
{
	const void *field = conf_field(row, base);
	const char *items = field;

	if (row->heap)
		memcpy(&items, field, sizeof(items));
	return items;
}

static void *
field_of(const struct conf_row *row, void *base)
{
	return (char *)base + row->offset;
}

static size_t *
count_of(const struct conf_row *row, void *base)
{
	return (size_t *)(void *)((char *)base + row->count_offset);
}

static void *
items_of(const struct conf_row *row, void *base)
{
	return (void *)(uintptr_t)conf_items(row, base);
}

static bool
refuse_unknown(struct walk *w, const struct conf_record *record,
	       const struct conf_node *node)
{
	struct conf_suggestion s = {.wrong = node->key};
	char known[CONF_ALLOWED_BYTES] = "";

	for (size_t i = 0; i < record->count; i++) {
		size_t len = strlen(known);

		conf_suggest_offer(&s, record->rows[i].key);
		snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "",
			 record->rows[i].key);
	}
	conf_report(w->report, node->key_at, "%s%s%.*s: unknown key%s%s%s; allowed: %s",
		    w->path, w->len > 0 ? "." : "", TEXT_QUOTED, node->key,
		    s.best != NULL ? ", did you mean " : "",
		    s.best != NULL ? s.best : "", s.best != NULL ? "?" : "", known);
	return false;
}

/* Sorts the keys of a mapping by row. */
static bool
match_keys(struct walk *w, const struct conf_record *record,
	   const struct conf_node *mapping,
	   const struct conf_node *given[CONF_ROWS_MAX])
{
	for (const struct conf_node *n = mapping->child; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < record->count && strcmp(record->rows[i].key, n->key) != 0)
			i++;
		if (i == record->count)
			return refuse_unknown(w, record, n);
		if (given[i] != NULL) {
			enter_key(w, n->key);
			conf_report(w->report, n->key_at,
				    "%s: is given twice, first in line %u; keep one",
				    w->path, given[i]->key_at.line);
			return false;
		}
		given[i] = n;
	}
	return true;
}

static bool
refuse_missing(struct walk *w, const struct conf_row *row, struct conf_mark at)
{
	char allowed[CONF_ALLOWED_BYTES];

	conf_value_allowed(row, allowed);
	conf_report(w->report, at, "%s: is missing, it is required (%s); allowed: %s",
		    w->path, row->help, allowed);
	return false;
}

static bool
check_kind(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	   enum conf_node_kind due)
{
	char allowed[CONF_ALLOWED_BYTES];
	bool empty = node->kind == CONF_SCALAR && node->text[0] == '\0';

	if (node->kind == due && !(due == CONF_SCALAR && empty))
		return true;
	conf_value_allowed(row, allowed);
	conf_report(w->report, node->at, "%s: is %s; allowed: %s", w->path,
		    empty ? "empty" : conf_node_kind_name(node->kind), allowed);
	return false;
}

static bool
refuse_value(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	     const char *problem)
{
	struct conf_suggestion s = {.wrong = node->text};
	char allowed[CONF_ALLOWED_BYTES];
	const char *word;

	if (row->type == CONF_WORD) {
		for (int i = 0; (word = row->word(i)) != NULL; i++)
			conf_suggest_offer(&s, word);
	}
	conf_value_allowed(row, allowed);
	conf_report(w->report, node->at, "%s: \"%.*s\" %s%s%s%s; allowed: %s", w->path,
		    TEXT_QUOTED, node->text, problem,
		    s.best != NULL ? ", did you mean " : "",
		    s.best != NULL ? s.best : "", s.best != NULL ? "?" : "", allowed);
	return false;
}

static bool
read_value(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	   struct conf_mark at, void *base)
{
	const char *problem;

	if (node == NULL && row->required)
		return refuse_missing(w, row, at);
	if (node == NULL) {
		problem = row->fallback == NULL ? NULL
						: conf_value_parse(row, row->fallback,
								   field_of(row, base));
		assert(problem == NULL);
		return true;
	}
	if (!check_kind(w, row, node, CONF_SCALAR))
		return false;
	problem = conf_value_parse(row, node->text, field_of(row, base));
	return problem == NULL || refuse_value(w, row, node, problem);
}

static bool read_record(struct walk *w, const struct conf_record *record,
			const struct conf_node *mapping, struct conf_mark at,
			void *base);

static bool
read_section(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	     struct conf_mark at, void *base)
{
	if (node == NULL && row->required)
		return refuse_missing(w, row, at);
	if (node == NULL && row->optional)
		return true;
	if (node != NULL && !check_kind(w, row, node, CONF_MAPPING))
		return false;
	return read_record(w, row->record, node, node != NULL ? node->at : at,
			   field_of(row, base));
}

/* The number of items, or 0 with a line in the report. */
static size_t
count_items(struct walk *w, const struct conf_row *row, const struct conf_node *node)
{
	size_t count = 0;

	for (const struct conf_node *n = node->child; n != NULL; n = n->next) {
		if (++count > row->capacity) {
			conf_report(w->report, n->at,
				    "%s: has too many entries; allowed: at most %zu",
				    w->path, row->capacity);
			return 0;
		}
	}
	if (count == 0 && row->required)
		conf_report(w->report, node->at,
			    "%s: is empty; allowed: 1 to %zu entries", w->path,
			    row->capacity);
	return count;
}

static bool
read_items(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	   char *items)
{
	size_t i = 0;

	for (const struct conf_node *n = node->child; n != NULL; n = n->next, i++) {
		size_t before = enter(w, "[%zu]", i);

		if (n->kind != CONF_MAPPING) {
			conf_report(w->report, n->at,
				    "%s: is %s; allowed: a mapping of keys to values",
				    w->path, conf_node_kind_name(n->kind));
			return false;
		}
		if (!read_record(w, row->record, n, n->at,
				 items + i * row->record->bytes))
			return false;
		leave(w, before);
	}
	return true;
}

static bool
read_list(struct walk *w, const struct conf_row *row, const struct conf_node *node,
	  struct conf_mark at, void *base)
{
	size_t count;

	if (node == NULL)
		return row->required ? refuse_missing(w, row, at) : true;
	if (!check_kind(w, row, node, CONF_SEQUENCE))
		return false;
	count = count_items(w, row, node);
	if (count == 0)
		return !w->report->failed;
	if (row->heap) {
		void *items = calloc(count, row->record->bytes);

		if (items == NULL) {
			conf_report(w->report, node->at, "%s: out of memory", w->path);
			return false;
		}
		memcpy(field_of(row, base), &items, sizeof(items));
	}
	*count_of(row, base) = count;
	return read_items(w, row, node, items_of(row, base));
}

/* mapping is NULL when the whole section is absent; its defaults still hold. */
static bool
read_record(struct walk *w, const struct conf_record *record,
	    const struct conf_node *mapping, struct conf_mark at, void *base)
{
	const struct conf_node *given[CONF_ROWS_MAX] = {NULL};
	bool ok = true;

	assert(record->count <= CONF_ROWS_MAX);
	if (mapping != NULL && !match_keys(w, record, mapping, given))
		return false;
	for (size_t i = 0; ok && i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];
		size_t before = enter_key(w, row->key);

		if (row->type == CONF_RECORD)
			ok = read_section(w, row, given[i], at, base);
		else if (row->type == CONF_LIST)
			ok = read_list(w, row, given[i], at, base);
		else
			ok = read_value(w, row, given[i], at, base);
		leave(w, before);
	}
	return ok;
}

bool
conf_read(const struct conf_record *record, const struct conf_tree *tree, void *base,
	  struct conf_report *r)
{
	struct walk w = {.report = r};

	return read_record(&w, record, tree->root, tree->root->at, base);
}

void
conf_free(const struct conf_record *record, void *base)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];

		if (row->type == CONF_STRING) {
			free(*(char **)field_of(row, base));
		} else if (row->type == CONF_RECORD) {
			conf_free(row->record, field_of(row, base));
		} else if (row->type == CONF_LIST) {
			char *items = items_of(row, base);

			for (size_t k = 0; k < *count_of(row, base); k++)
				conf_free(row->record, items + k * row->record->bytes);
			if (row->heap)
				free(items);
		}
	}
}

static void
visit_rows(struct walk *w, const struct conf_record *record, conf_visit *visit,
	   void *arg)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];
		size_t before = enter_key(w, row->key);

		if (row->type == CONF_LIST)
			enter(w, "[]");
		visit(w->path, row, arg);
		if (row->record != NULL)
			visit_rows(w, row->record, visit, arg);
		leave(w, before);
	}
}

void
conf_keys(const struct conf_record *record, conf_visit *visit, void *arg)
{
	struct walk w = {.len = 0};

	visit_rows(&w, record, visit, arg);
}
