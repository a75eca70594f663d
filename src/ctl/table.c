/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
table_init(struct table *t, const struct table_column *columns, size_t count)
{
	assert(count <= TABLE_COLUMNS_MAX);
	*t = (struct table){.columns = columns, .column_count = count};
}

void
table_fini(struct table *t)
{
	free(t->rows);
}

void
table_row(struct table *t)
{
	if (t->row_count == t->room) {
		size_t room = t->room ? 2 * t->room : 16;
		struct table_row *rows = reallocarray(t->rows, room, sizeof(*rows));

		if (rows == NULL) {
			t->failed = true;
			return;
		}
		t->rows = rows;
		t->room = room;
	}
	memset(&t->rows[t->row_count++], 0, sizeof(*t->rows));
	t->filled = 0;
}

void
table_cell(struct table *t, const char *fmt, ...)
{
	va_list args;

	if (t->failed)
		return;
	assert(t->row_count > 0 && t->filled < t->column_count);
	va_start(args, fmt);
	vsnprintf(t->rows[t->row_count - 1].cells[t->filled++], TABLE_CELL_BYTES, fmt,
		  args);
	va_end(args);
}

static const char *
text_at(const struct table *t, size_t row, size_t column)
{
	return row == 0 ? t->columns[column].title : t->rows[row - 1].cells[column];
}

static size_t
measure(const struct table *t, size_t column)
{
	size_t width = 0;

	for (size_t row = 0; row <= t->row_count; row++) {
		size_t len = strlen(text_at(t, row, column));

		width = len > width ? len : width;
	}
	return width;
}

/* Blanks are owed, and paid before the next text only. */
static void
print_row(const struct table *t, size_t row, const size_t *widths, unsigned int indent,
	  FILE *out)
{
	size_t owed = indent;

	for (size_t c = 0; c < t->column_count; c++) {
		const char *text = text_at(t, row, c);
		size_t rest = widths[c] - strlen(text);

		owed += t->columns[c].right ? rest : 0;
		if (text[0] != '\0') {
			fprintf(out, "%*s%s", (int)owed, "", text);
			owed = 0;
		}
		owed += 2 + (t->columns[c].right ? 0 : rest);
	}
	fputc('\n', out);
}

void
table_print(const struct table *t, unsigned int indent, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX];

	if (t->failed) {
		fprintf(out, "out of memory\n");
		return;
	}
	for (size_t c = 0; c < t->column_count; c++)
		widths[c] = measure(t, c);
	for (size_t row = 0; row <= t->row_count; row++)
		print_row(t, row, widths, indent, out);
}
