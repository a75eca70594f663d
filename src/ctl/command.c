/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"

#include <getopt.h>
#include <string.h>

#include "ctl/action.h"
#include "ctl/channels.h"
#include "ctl/report.h"
#include "ctl/top.h"

static const struct command commands[] = {
	{"status", NULL, "all that matters, on one screen", report_status},
	{"channels", NULL, "a line for each channel", report_channels},
	{"paths", NULL, "a line for each path", report_paths},
	{"ledger", NULL, "the books of both halves, and the verdict", report_ledger},
	{"top", NULL, "live, until q", top_run},
	{"log", "LEVEL", "error, warn, info or debug, until the next start",
	 action_log},
	{"reload", NULL, "read the certificates again, as SIGHUP does", action_reload},
	{"drain", NULL, "deliver what there is and end, as SIGTERM does", action_drain},
	{"version", NULL, "of this program and of the daemon", report_version},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum {
	OPTION_SORT = 256,
};

static const struct option options[] = {{"socket", required_argument, NULL, 's'},
					{"json", no_argument, NULL, 'j'},
					{"all", no_argument, NULL, 'a'},
					{"sort", required_argument, NULL, OPTION_SORT},
					{"help", no_argument, NULL, 'h'},
					{"version", no_argument, NULL, 'V'},
					{NULL, 0, NULL, 0}};

void
command_help(FILE *out)
{
	fprintf(out, "usage: tomboloctl [-s SOCKET] [-j] [relay | peer] COMMAND\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-6s %s\n", commands[i].name,
			commands[i].parameter ? commands[i].parameter : "",
			commands[i].help);
	fprintf(out,
		"  -s, --socket SOCKET  of the daemon\n"
		"  -j, --json           for programs\n"
		"  -a, --all            channels: also those that never had a datagram\n"
		"      --sort KEY       channels: " CHANNELS_SORTS "\n"
		"  -V, --version        of this program\n"
		"  -h, --help           this\n"
		"Exit status: 0 fine, 1 trouble found, 2 called wrongly, 3 no answer.\n"
		"See tomboloctl(8).\n");
}

static const struct command *
find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static bool
take_options(int argc, char **argv, struct command_line *line)
{
	int c;

	optind = 0; /* glibc: from the beginning, also a second time */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "s:jahV", options, NULL)) != -1) {
		switch (c) {
		case 's': line->ctl.socket = optarg; break;
		case 'j': line->ctl.json = true; break;
		case 'a': line->ctl.all = true; break;
		case 'h': line->help = true; break;
		case 'V': line->version = true; break;
		case OPTION_SORT: line->ctl.sort = optarg; break;
		default: return false;
		}
	}
	return true;
}

static bool
take_words(char **words, struct command_line *line, char *error, size_t bytes)
{
	if (*words != NULL &&
	    (strcmp(*words, "relay") == 0 || strcmp(*words, "peer") == 0))
		line->half = *words++;
	if (*words == NULL || strcmp(*words, "help") == 0) {
		line->help = *words != NULL;
		snprintf(error, bytes, "which command?");
		return line->help;
	}
	line->command = find(*words);
	if (line->command == NULL) {
		snprintf(error, bytes, "%s: no such command", *words);
		return false;
	}
	words++;
	if (line->command->parameter != NULL && *words == NULL) {
		snprintf(error, bytes, "%s: which %s?", line->command->name,
			 line->command->parameter);
		return false;
	}
	if (line->command->parameter != NULL)
		line->ctl.argument = *words++;
	if (*words != NULL)
		snprintf(error, bytes, "%s: one word too many", *words);
	return *words == NULL;
}

bool
command_parse(int argc, char **argv, struct command_line *line, char *error,
	      size_t bytes)
{
	*line = (struct command_line){.half = NULL};
	if (!take_options(argc, argv, line)) {
		snprintf(error, bytes, "%s: no such option, or its value is missing",
			 argv[optind - 1]);
		return false;
	}
	if (line->help || line->version)
		return true;
	if (!take_words(argv + optind, line, error, bytes))
		return false;
	if (line->ctl.sort != NULL && !channels_sort_exists(line->ctl.sort)) {
		snprintf(error, bytes, "--sort %s: one of " CHANNELS_SORTS,
			 line->ctl.sort);
		return false;
	}
	if (line->ctl.socket != NULL && line->half != NULL) {
		snprintf(error, bytes, "either -s or %s, not both", line->half);
		return false;
	}
	return true;
}
