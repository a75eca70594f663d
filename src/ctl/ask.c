/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doc.h"

#define OK        200
#define NOT_FOUND 404

enum ctl_exit
ask_failed(const char *error)
{
	fprintf(stderr, "tomboloctl: %s\n", error);
	return CTL_UNREACHABLE;
}

static json_t *
ask(const struct ctl *ctl, const char *target, char **text, char error[ASK_ERROR_BYTES])
{
	struct client_answer a;
	int rc = client_ask(ctl->socket, "GET", target, &a);
	json_t *doc;

	if (rc != 0) {
		client_explain(ctl->socket, rc, error, ASK_ERROR_BYTES);
		return NULL;
	}
	doc = a.status == OK ? doc_parse(a.body, a.len) : NULL;
	if (doc == NULL)
		snprintf(error, ASK_ERROR_BYTES,
			 "%s: the answer (%d) is no %s of a tombolo daemon%s",
			 ctl->socket, a.status, target + 1,
			 a.status == NOT_FOUND ? "; is it older?" : "");
	if (doc != NULL && text != NULL)
		*text = a.body;
	else
		free(a.body);
	return doc;
}

json_t *
ask_status(const struct ctl *ctl, char **text, char error[ASK_ERROR_BYTES])
{
	return ask(ctl, "/status", text, error);
}

json_t *
ask_doc(const struct ctl *ctl, const char *target, char error[ASK_ERROR_BYTES])
{
	return ask(ctl, target, NULL, error);
}

static void
print_outcome(const struct ctl *ctl, const struct client_answer *a)
{
	FILE *out = a->status == OK || ctl->json ? stdout : stderr;
	json_t *o;

	if (!ctl->json) {
		fprintf(out, "%s%s", a->status == OK ? "" : "tomboloctl: ", a->body);
		return;
	}
	o = json_pack("{s:b, s:s%}", "ok", a->status == OK, "text", a->body,
		      strcspn(a->body, "\n"));
	json_dumpf(o, out, 0);
	fputc('\n', out);
	json_decref(o);
}

enum ctl_exit
ask_action(const struct ctl *ctl, const char *target)
{
	char error[ASK_ERROR_BYTES];
	struct client_answer a;
	int rc = client_ask(ctl->socket, "POST", target, &a);

	if (rc != 0) {
		client_explain(ctl->socket, rc, error, sizeof(error));
		return ask_failed(error);
	}
	if (a.len == 0 || a.body[a.len - 1] != '\n') {
		snprintf(error, sizeof(error), "%s: refused (%d); is the daemon older?",
			 ctl->socket, a.status);
		free(a.body);
		return ask_failed(error);
	}
	print_outcome(ctl, &a);
	rc = a.status;
	free(a.body);
	return rc == OK ? CTL_FINE : CTL_TROUBLE;
}
