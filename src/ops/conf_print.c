/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/conf_table.h"
#include "ops/conf_value.h"

#define INDENT 2

static const void *
field_of(const struct conf_row *row, const void *base)
{
	return (const char *)base + row->offset;
}

static size_t
count_of(const struct conf_row *row, const void *base)
{
	size_t count;

	memcpy(&count, (const char *)base + row->count_offset, sizeof(count));
	return count;
}

/* An optional record that is there has something in a row that it requires. */
static bool
is_given(const struct conf_record *record, const void *base)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];

		if (row->required && !conf_value_absent(row, field_of(row, base)))
			return true;
	}
	return false;
}

static bool
is_printed(const struct conf_row *row, const void *base)
{
	if (row->type == CONF_LIST)
		return count_of(row, base) > 0;
	if (row->type == CONF_RECORD && row->optional)
		return is_given(row->record, field_of(row, base));
	if (row->type == CONF_RECORD) {
		for (size_t i = 0; i < row->record->count; i++) {
			if (is_printed(&row->record->rows[i], field_of(row, base)))
				return true;
		}
		return false;
	}
	return row->fallback != NULL || !conf_value_absent(row, field_of(row, base));
}

static void print_record(const struct conf_record *record, const void *base, int column,
			 bool dash, FILE *out);

static void
print_list(const struct conf_row *row, const void *base, int column, FILE *out)
{
	const void *field = field_of(row, base);
	const char *items = field;

	if (row->heap)
		memcpy(&items, field, sizeof(items));
	for (size_t i = 0; i < count_of(row, base); i++)
		print_record(row->record, items + i * row->record->bytes,
			     column + 2 * INDENT, true, out);
}

/* dash: the first key stands behind the "- " of a sequence. */
static void
print_record(const struct conf_record *record, const void *base, int column, bool dash,
	     FILE *out)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];

		if (!is_printed(row, base))
			continue;
		fprintf(out, "%*s%s%s:", column - (dash ? INDENT : 0), "",
			dash ? "- " : "", row->key);
		dash = false;
		if (row->type == CONF_RECORD) {
			putc('\n', out);
			print_record(row->record, field_of(row, base), column + INDENT,
				     false, out);
		} else if (row->type == CONF_LIST) {
			putc('\n', out);
			print_list(row, base, column, out);
		} else {
			putc(' ', out);
			conf_value_print(row, field_of(row, base), out);
			putc('\n', out);
		}
	}
}

void
conf_print(const struct conf_record *record, const void *base, FILE *out)
{
	print_record(record, base, 0, false, out);
}
