/* SPDX-License-Identifier: Apache-2.0 */
#include "check/running.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"

#define OK 200

void
running_ask(struct running *r, const char *socket)
{
	const struct ctl ctl = {.socket = socket};
	struct client_answer a;

	*r = (struct running){0};
	if (socket == NULL) {
		snprintf(r->error, sizeof(r->error),
			 "control.socket is not configured");
		return;
	}
	r->status = ask_status(&ctl, NULL, r->error);
	if (r->status == NULL || client_ask(socket, "GET", "/metrics", &a) != 0)
		return;
	if (a.status == OK)
		r->metrics = a.body;
	else
		free(a.body);
}

void
running_fini(struct running *r)
{
	json_decref(r->status);
	free(r->metrics);
}

/* "family{labels} value" or "family value" */
static bool
split(const char *line, const char *family, char labels[RUNNING_LABELS_BYTES],
      double *value)
{
	size_t len = strlen(family);
	const char *end;

	if (strncmp(line, family, len) != 0 || (line[len] != '{' && line[len] != ' '))
		return false;
	line += len;
	labels[0] = '\0';
	if (*line == '{') {
		end = strstr(line, "} ");
		if (end == NULL || end > line + strcspn(line, "\n"))
			return false;
		snprintf(labels, RUNNING_LABELS_BYTES, "%.*s", (int)(end - line - 1),
			 line + 1);
		line = end + 1;
	}
	*value = strtod(line, NULL);
	return true;
}

double
running_most(const char *metrics, const char *family, const char *label,
	     char labels[RUNNING_LABELS_BYTES])
{
	char text[RUNNING_LABELS_BYTES];
	double most = -1, value;

	for (const char *line = metrics; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!split(line, family, text, &value) || strstr(text, label) == NULL ||
		    value <= most)
			continue;
		most = value;
		if (labels != NULL)
			memcpy(labels, text, sizeof(text));
	}
	return most;
}
