/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_report.h"

#include <stdarg.h>
#include <stdio.h>

struct conf_report
conf_report_init(const char *file, char *text, size_t bytes)
{
	if (bytes > 0)
		text[0] = '\0';
	return (struct conf_report){.file = file, .text = text, .bytes = bytes};
}

void
conf_report(struct conf_report *r, struct conf_mark at, const char *fmt, ...)
{
	char message[1024];
	va_list args;

	if (r->failed)
		return;
	r->failed = true;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	for (char *p = message; *p != '\0'; p++)
		*p = *p < 0x20 || *p > 0x7e ? '?' : *p;
	if (at.line == 0)
		snprintf(r->text, r->bytes, "%s: %s", r->file, message);
	else
		snprintf(r->text, r->bytes, "%s:%u:%u: %s", r->file, at.line, at.column,
			 message);
}
