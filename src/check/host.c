/* SPDX-License-Identifier: Apache-2.0 */
#include "check/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
host_read(const struct host *h, const char *path)
{
	size_t len = 0, room = 16384;
	char name[512], *text = malloc(room), *more;
	FILE *f;

	snprintf(name, sizeof(name), "%s%s", h->root, path);
	f = text != NULL ? fopen(name, "re") : NULL;
	if (f == NULL) {
		free(text);
		return NULL;
	}
	while ((len += fread(text + len, 1, room - len - 1, f)) == room - 1 &&
	       room < HOST_TEXT_BYTES_MAX) {
		more = realloc(text, room * 2);
		if (more == NULL)
			break;
		text = more;
		room *= 2;
	}
	fclose(f);
	text[len] = '\0';
	return text;
}

void
host_line(const struct host *h, const char *path, char *line, size_t bytes)
{
	char *text = host_read(h, path);

	snprintf(line, bytes, "%.*s", text != NULL ? (int)strcspn(text, "\n") : 0,
		 text != NULL ? text : "");
	free(text);
}

int64_t
host_number(const struct host *h, const char *path, int64_t absent)
{
	char line[32], *end;
	long long n;

	host_line(h, path, line, sizeof(line));
	errno = 0;
	n = strtoll(line, &end, 10);
	return errno == 0 && end != line ? n : absent;
}

int64_t
host_ipv4_conf(const struct host *h, const char *interface, const char *key,
	       int64_t absent)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, key);
	return host_number(h, path, absent);
}

bool
host_is_ec2(const struct host *h)
{
	static const char *const files[] = {"/sys/class/dmi/id/board_vendor",
					    "/sys/class/dmi/id/sys_vendor"};
	char line[64];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		host_line(h, files[i], line, sizeof(line));
		if (strcmp(line, "Amazon EC2") == 0)
			return true;
	}
	return false;
}
