/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_FILE_H
#define TOMBOLO_CONF_FILE_H
/*
 * One configuration being loaded: its bytes, its tree, its one error line. The
 * tree stays while the settings are checked, so that a check can say where in
 * the file the key stands that it refuses.
 */
#include "ops/conf_table.h"
#include "ops/settings.h"

struct conf {
	struct conf_report report;
	struct conf_tree tree;
};

/* A path of a key, by value: conf_path("peers[%zu].name", i). */
struct conf_path {
	char text[96];
};
struct conf_path conf_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What concerns more than one key: fills in defaults that hang on other keys, and
 * refuses what cannot work by conf_refuse(). */
typedef void conf_check(struct conf *c, void *settings);

/* "file:line:column: path: message" at the place of the key, or, where the file
 * does not have it, of what encloses it. */
void conf_refuse(struct conf *c, struct conf_path path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* One of the two files, and the settings that it is read to: of the record's struct. */
struct conf_half {
	const struct conf_record *record;
	conf_check *check;
	struct half_settings (*shared)(const void *settings);
};

/* Text to settings, or NULL with a line in the report. */
void *conf_parse(const struct conf_half *half, struct conf_report r, const char *text,
		 size_t bytes);

/* The same of a file, of at most CONF_FILE_BYTES_MAX; the line is left in error. */
void *conf_load(const struct conf_half *half, const char *file, char *error,
		size_t error_bytes);

/* Releases settings; NULL is none. */
void conf_delete(const struct conf_half *half, void *settings);

#endif
