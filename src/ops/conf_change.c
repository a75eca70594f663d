/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/conf_value.h"

#define PATH_BYTES  128
#define VALUE_BYTES 256

struct walk {
	char path[PATH_BYTES];
	struct conf_change *change;
};

/* ---- what differs ---- */

static void
show(const struct conf_row *row, const void *field, char text[VALUE_BYTES])
{
	FILE *out = fmemopen(text, VALUE_BYTES, "w");

	text[0] = '\0';
	if (out == NULL)
		return;
	if (row->fallback == NULL && conf_value_absent(row, field))
		fprintf(out, "none");
	else
		conf_value_print(row, field, out);
	(void)fclose(out);
	text[VALUE_BYTES - 1] = '\0';
}

static void
append(char list[CONF_CHANGE_BYTES], const char *text)
{
	static const char more[] = ", ...";
	size_t len = strlen(list), need = strlen(text) + (len > 0 ? 2 : 0);

	if (len >= sizeof(more) && strcmp(list + len - sizeof(more) + 1, more) == 0)
		return;
	if (len + need + sizeof(more) > CONF_CHANGE_BYTES)
		snprintf(list + len, CONF_CHANGE_BYTES - len, "%s", more);
	else
		snprintf(list + len, CONF_CHANGE_BYTES - len, "%s%s",
			 len > 0 ? ", " : "", text);
}

static void
note(struct walk *w, const struct conf_row *row, const char *text)
{
	append(row->live ? w->change->live : w->change->fixed, text);
}

static void
compare_value(struct walk *w, const struct conf_row *row, const void *from,
	      const void *to)
{
	char before[VALUE_BYTES], after[VALUE_BYTES];
	char text[PATH_BYTES + 2 * VALUE_BYTES + 8];

	if (row->type != CONF_STRING && memcmp(from, to, row->width) == 0)
		return;
	/* What is padding, or behind the end of a name, is no difference. */
	show(row, from, before);
	show(row, to, after);
	if (strcmp(before, after) == 0)
		return;
	snprintf(text, sizeof(text), "%s: %s -> %s", w->path, before, after);
	note(w, row, text);
}

static void compare_record(struct walk *w, const struct conf_record *record,
			   const void *from, const void *to);

static bool
is_same_list(const struct conf_row *row, const void *from, const void *to)
{
	struct conf_change change = {.live = ""};
	struct walk w = {.change = &change};
	const char *a = conf_items(row, from), *b = conf_items(row, to);
	size_t count = conf_count(row, from);

	if (count != conf_count(row, to))
		return false;
	for (size_t i = 0; i < count; i++)
		compare_record(&w, row->record, a + i * row->record->bytes,
			       b + i * row->record->bytes);
	return change.live[0] == '\0' && change.fixed[0] == '\0';
}

static void
compare_list(struct walk *w, const struct conf_row *row, const void *from,
	     const void *to)
{
	const char *a = conf_items(row, from), *b = conf_items(row, to);
	size_t before = conf_count(row, from), after = conf_count(row, to);
	size_t len = strlen(w->path);
	char text[PATH_BYTES + 64];

	if (row->live ? is_same_list(row, from, to) : before == after) {
		for (size_t i = 0; i < before; i++) {
			snprintf(w->path + len, PATH_BYTES - len, "[%zu]", i);
			compare_record(w, row->record, a + i * row->record->bytes,
				       b + i * row->record->bytes);
			w->path[len] = '\0';
		}
		return;
	}
	snprintf(text, sizeof(text), "%s: %zu -> %zu entries", w->path, before, after);
	if (before == after)
		snprintf(text, sizeof(text), "%s", w->path);
	note(w, row, text);
}

static void
compare_record(struct walk *w, const struct conf_record *record, const void *from,
	       const void *to)
{
	size_t len = strlen(w->path);

	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];
		const void *a = conf_field(row, from), *b = conf_field(row, to);

		snprintf(w->path + len, PATH_BYTES - len, "%s%s", len > 0 ? "." : "",
			 row->key);
		if (row->type == CONF_RECORD)
			compare_record(w, row->record, a, b);
		else if (row->type == CONF_LIST)
			compare_list(w, row, from, to);
		else
			compare_value(w, row, a, b);
		w->path[len] = '\0';
	}
}

void
conf_compare(const struct conf_record *record, const void *from, const void *to,
	     struct conf_change *change)
{
	struct walk w = {.change = change};

	*change = (struct conf_change){.live = ""};
	compare_record(&w, record, from, to);
}

/* ---- the exchange ---- */

static void
exchange_bytes(void *a, void *b, size_t len)
{
	char *x = a, *y = b;

	for (size_t i = 0; i < len; i++) {
		char c = x[i];

		x[i] = y[i];
		y[i] = c;
	}
}

static void
exchange_list(const struct conf_row *row, void *a, void *b)
{
	char *x = (char *)(uintptr_t)conf_items(row, a);
	char *y = (char *)(uintptr_t)conf_items(row, b);

	if (row->live) {
		assert(row->heap);
		exchange_bytes((char *)a + row->offset, (char *)b + row->offset,
			       sizeof(void *));
		exchange_bytes((char *)a + row->count_offset,
			       (char *)b + row->count_offset, sizeof(size_t));
		return;
	}
	/* As many on both sides, or conf_compare() had said so. */
	assert(conf_count(row, a) == conf_count(row, b));
	for (size_t i = 0; i < conf_count(row, a); i++)
		conf_exchange(row->record, x + i * row->record->bytes,
			      y + i * row->record->bytes);
}

void
conf_exchange(const struct conf_record *record, void *a, void *b)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];
		char *x = (char *)a + row->offset, *y = (char *)b + row->offset;

		if (row->type == CONF_RECORD)
			conf_exchange(row->record, x, y);
		else if (row->type == CONF_LIST)
			exchange_list(row, a, b);
		else if (row->live)
			exchange_bytes(x, y, row->width);
	}
}
