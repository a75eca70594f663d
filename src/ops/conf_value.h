/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_VALUE_H
#define TOMBOLO_CONF_VALUE_H
/*
 * One scalar of a configuration: text to field by its row, and back.
 */
#include "ops/conf_table.h"

/* Enough for what is allowed in a row, in words. */
#define CONF_ALLOWED_BYTES 512

/* Stores the text in the field. Returns NULL, or what is wrong with the text, as
 * in "has no unit" (static); the field is then untouched. */
const char *conf_value_parse(const struct conf_row *row, const char *text, void *field);

/* What the row takes, as in "1ms to 1h, or 0 (never); units: ns, us, …". */
void conf_value_allowed(const struct conf_row *row, char out[CONF_ALLOWED_BYTES]);

/* True when an optional field holds nothing: NULL, "", or zero. */
bool conf_value_absent(const struct conf_row *row, const void *field);

/* Prints what conf_value_parse() stores as this field. */
void conf_value_print(const struct conf_row *row, const void *field, FILE *out);

#endif
