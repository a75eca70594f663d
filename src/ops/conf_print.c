/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_table.h"
#include "ops/conf_value.h"

#define INDENT 2

/* An optional record that is there has something in a row that it requires. */
static bool
is_given(const struct conf_record *record, const void *base)
{
	for (size_t i = 0; i < record->count; i++) {
		const struct conf_row *row = &record->rows[i];

		if (row->required && !conf_value_absent(row, conf_field(row, base)))
			return true;
	}
	return false;
}

static bool
is_printed(const struct conf_row *row, const void *base)
{
	if (row->type == CONF_LIST)
		return conf_count(row, base) > 0;
	if (row->type == CONF_RECORD && row->optional)
		return is_given(row->record, conf_field(row, base));
	if (row->type == CONF_RECORD) {
		for (size_t i = 0; i < row->record->count; i++) {
			if (is_printed(&row->record->rows[i], conf_field(row, base)))
				return true;
		}
		return false;
	}
	return row->fallback != NULL || !conf_value_absent(row, conf_field(row, base));
}

static void print_record(const struct conf_record *record, const void *base, int column,
			 bool dash, FILE *out);

static void
print_list(const struct conf_row *row, const void *base, int column, FILE *out)
{
	const char *items = conf_items(row, base);

	for (size_t i = 0; i < conf_count(row, base); i++)
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
			print_record(row->record, conf_field(row, base),
				     column + INDENT, false, out);
		} else if (row->type == CONF_LIST) {
			putc('\n', out);
			print_list(row, base, column, out);
		} else {
			putc(' ', out);
			conf_value_print(row, conf_field(row, base), out);
			putc('\n', out);
		}
	}
}

void
conf_print(const struct conf_record *record, const void *base, FILE *out)
{
	print_record(record, base, 0, false, out);
}
