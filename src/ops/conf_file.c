/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct conf_mark nowhere = {0, 0};

struct conf_path
conf_path(const char *fmt, ...)
{
	struct conf_path path;
	va_list args;

	va_start(args, fmt);
	vsnprintf(path.text, sizeof(path.text), fmt, args);
	va_end(args);
	return path;
}

void
conf_refuse(struct conf *c, struct conf_path path, const char *fmt, ...)
{
	char message[512];
	va_list args;

	if (c->report.failed)
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	conf_report(&c->report, conf_tree_mark(&c->tree, path.text), "%s: %s",
		    path.text, message);
}

void *
conf_parse(const struct conf_half *half, struct conf_report r, const char *text,
	   size_t bytes)
{
	void *settings = calloc(1, half->record->bytes);
	struct conf c = {.report = r};

	if (settings == NULL) {
		conf_report(&c.report, nowhere, "out of memory");
		return NULL;
	}
	if (conf_tree_parse(&c.tree, text, bytes, &c.report) &&
	    conf_read(half->record, &c.tree, settings, &c.report))
		half->check(&c, settings);
	conf_tree_fini(&c.tree);
	if (c.report.failed) {
		conf_delete(half, settings);
		return NULL;
	}
	return settings;
}

/* Reads until the end or until the buffer is full; a pipe gives it in pieces. */
static ssize_t
read_all(int fd, char *buf, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buf + len, cap - len);
		if (n > 0)
			len += (size_t)n;
	} while (len < cap && (n > 0 || (n < 0 && errno == EINTR)));
	return n < 0 ? -errno : (ssize_t)len;
}

/* To be released with free(); NULL with a line in r. */
static char *
read_file(struct conf_report *r, size_t *bytes)
{
	size_t cap = CONF_FILE_BYTES_MAX + 1; /* one more shows that it is too large */
	char *text = malloc(cap);
	int fd = open(r->file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : -ENOMEM;

	if (fd >= 0 && text != NULL)
		n = read_all(fd, text, cap);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		conf_report(r, nowhere, "cannot be read: %s", strerror((int)-n));
		free(text);
		return NULL;
	}
	*bytes = (size_t)n;
	return text;
}

void *
conf_load(const struct conf_half *half, const char *file, char *error,
	  size_t error_bytes)
{
	struct conf_report r = conf_report_init(file, error, error_bytes);
	void *settings;
	size_t bytes;
	char *text;

	text = read_file(&r, &bytes);
	if (text == NULL)
		return NULL;
	settings = conf_parse(half, r, text, bytes);
	free(text);
	return settings;
}

void
conf_delete(const struct conf_half *half, void *settings)
{
	if (settings == NULL)
		return;
	conf_free(half->record, settings);
	free(settings);
}
