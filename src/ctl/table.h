/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TABLE_H
#define TOMBOLO_TABLE_H
/* A table as text: columns as wide as what is in them, two blanks between. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_BYTES  64 /* with the NUL; what is longer is cut */

struct table_column {
	const char *title;
	bool right; /* figures */
};

struct table_row {
	char cells[TABLE_COLUMNS_MAX][TABLE_CELL_BYTES];
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	struct table_row *rows;
	size_t row_count, room;
	size_t filled; /* cells of the last row */
	bool failed;   /* memory was short: prints nothing but that */
};

/* The columns must outlive the table. */
void table_init(struct table *t, const struct table_column *columns, size_t count);
void table_fini(struct table *t);
/* The next row; its cells follow, from left to right, and may end early. */
void table_row(struct table *t);
void table_cell(struct table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* indent: blanks before each line. No line ends in a blank. */
void table_print(const struct table *t, unsigned int indent, FILE *out);

#endif
