/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/ask.h"
#include "ctl/books.h"
#include "ctl/channels.h"
#include "ctl/doc.h"
#include "ctl/gaps.h"
#include "ctl/health.h"
#include "ctl/paths.h"
#include "ctl/screen.h"

/* Takes over value. */
static void
print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(value);
}

/* The document, or, with --json, its text as it came. */
static enum ctl_exit
show(const struct ctl *ctl, void (*print)(const json_t *doc, FILE *out),
     enum ctl_exit (*judge)(const json_t *doc))
{
	char error[ASK_ERROR_BYTES], *text = NULL;
	json_t *doc = ask_status(ctl, &text, error);
	enum ctl_exit result;

	if (doc == NULL)
		return ask_failed(error);
	if (ctl->json)
		fputs(text, stdout);
	else
		print(doc, stdout);
	result = judge(doc);
	json_decref(doc);
	free(text);
	return result;
}

static enum ctl_exit
judge_status(const json_t *doc)
{
	return health_count(doc) == 0 ? CTL_FINE : CTL_TROUBLE;
}

static enum ctl_exit
judge_ledger(const json_t *doc)
{
	return health_verdict_is_fine(doc_string(doc, "verdict")) ? CTL_FINE
								  : CTL_TROUBLE;
}

enum ctl_exit
report_status(const struct ctl *ctl)
{
	return show(ctl, screen_print, judge_status);
}

enum ctl_exit
report_ledger(const struct ctl *ctl)
{
	return show(ctl, books_print, judge_ledger);
}

enum ctl_exit
report_channels(const struct ctl *ctl)
{
	char error[ASK_ERROR_BYTES];
	json_t *doc = ask_status(ctl, NULL, error), *rows, *sorted;

	if (doc == NULL)
		return ask_failed(error);
	rows = channels_rows(doc);
	sorted = ctl->sort != NULL ? channels_sort(rows, ctl->sort) : json_incref(rows);
	if (ctl->json)
		print_json(json_incref(sorted));
	else
		channels_print(doc, sorted, ctl->all, stdout);
	json_decref(sorted);
	json_decref(rows);
	json_decref(doc);
	return CTL_FINE;
}

enum ctl_exit
report_paths(const struct ctl *ctl)
{
	char error[ASK_ERROR_BYTES];
	json_t *doc = ask_status(ctl, NULL, error), *rows;

	if (doc == NULL)
		return ask_failed(error);
	rows = paths_rows(doc);
	if (ctl->json)
		print_json(json_incref(rows));
	else
		paths_print(rows, stdout);
	json_decref(rows);
	json_decref(doc);
	return CTL_FINE;
}

enum ctl_exit
report_gaps(const struct ctl *ctl)
{
	char error[ASK_ERROR_BYTES];
	json_t *doc = ask_doc(ctl, "/gaps", error), *lists;

	if (doc == NULL)
		return ask_failed(error);
	lists = gaps_lists(doc, ctl->argument, ctl->most);
	if (ctl->json)
		print_json(json_incref(lists));
	else
		gaps_print(doc, lists, stdout);
	json_decref(lists);
	json_decref(doc);
	return CTL_FINE;
}

enum ctl_exit
report_version(const struct ctl *ctl)
{
	char error[ASK_ERROR_BYTES];
	json_t *doc = ask_status(ctl, NULL, error);

	if (doc == NULL)
		return ask_failed(error);
	if (ctl->json)
		print_json(json_pack("{s:s, s:s, s:s}", "tomboloctl", PACKAGE_VERSION,
				     "half", doc_string(doc, "half"), "version",
				     doc_string(doc, "version")));
	else
		printf("tomboloctl %s\ntombolo-%s %s\n", PACKAGE_VERSION,
		       doc_string(doc, "half"), doc_string(doc, "version"));
	json_decref(doc);
	return CTL_FINE;
}
