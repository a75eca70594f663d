/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_REPORT_H
#define TOMBOLO_CONF_REPORT_H
/*
 * The one error line of a configuration: "file:line:column: message". The first
 * report stands, later ones are ignored: what follows an error is often its echo.
 */
#include <stdbool.h>
#include <stddef.h>

struct conf_report {
	const char *file;
	char *text; /* the caller's, always NUL-terminated */
	size_t bytes;
	bool failed;
};

/* A place in the file, from 1; line 0 stands for the file as a whole. */
struct conf_mark {
	unsigned int line;
	unsigned int column;
};

struct conf_report conf_report_init(const char *file, char *text, size_t bytes);

/* Whatever of the file is quoted in the message is made harmless: all but
 * printable ASCII becomes '?'. */
void conf_report(struct conf_report *r, struct conf_mark at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
