/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"

#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "base/quantity.h"
#include "ctl/action.h"
#include "ctl/channels.h"
#include "ctl/dump.h"
#include "ctl/precheck.h"
#include "ctl/report.h"
#include "ctl/top.h"

#define ANY_NUMBER SIZE_MAX

static const struct command commands[] = {
	{"status", NULL, 0, 0, "all that matters, on one screen", report_status, false},
	{"channels", NULL, 0, 0, "a line for each channel", report_channels, false},
	{"paths", NULL, 0, 0, "a line for each path", report_paths, false},
	{"ledger", NULL, 0, 0, "the books of both halves, and the verdict",
	 report_ledger, false},
	{"gaps", "CHANNEL", 0, 1, "the last gaps, with cause and outcome", report_gaps,
	 false},
	{"history", "CHANNEL", 1, ANY_NUMBER,
	 "what is remembered, as a capture: --since 5s -w FILE", dump_history, false},
	{"top", NULL, 0, 0, "live, until q", top_run, false},
	{"log", "LEVEL", 1, 1, "error, warn, info or debug, until the next start",
	 action_log, false},
	{"reload", NULL, 0, 0, "read the certificates again, as SIGHUP does",
	 action_reload, false},
	{"drain", NULL, 0, 0, "deliver what there is and end, as SIGTERM does",
	 action_drain, false},
	{"check", NULL, 0, 0, "what would keep this half from working, and what to do",
	 precheck_run, true},
	{"version", NULL, 0, 0, "of this program and of the daemon", report_version,
	 false},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum {
	OPTION_SORT = 256,
	OPTION_SINCE,
	OPTION_UNTIL,
	OPTION_FORCE,
	OPTION_RELAY,
	OPTION_PEER,
};

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"all", no_argument, NULL, 'a'},
	{"sort", required_argument, NULL, OPTION_SORT},
	{"number", required_argument, NULL, 'n'},
	{"since", required_argument, NULL, OPTION_SINCE},
	{"until", required_argument, NULL, OPTION_UNTIL},
	{"write", required_argument, NULL, 'w'},
	{"force", no_argument, NULL, OPTION_FORCE},
	{"file", required_argument, NULL, 'f'},
	{"relay", no_argument, NULL, OPTION_RELAY},
	{"peer", no_argument, NULL, OPTION_PEER},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0}};

void
command_help(FILE *out)
{
	fprintf(out, "usage: tomboloctl [-s SOCKET] [-j] [relay | peer] COMMAND\n"
		     "       tomboloctl [-j] [-f FILE] [--relay | --peer] check\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-8s %-7s %s\n", commands[i].name,
			commands[i].parameter ? commands[i].parameter : "",
			commands[i].help);
	fprintf(out,
		"  -s, --socket SOCKET  of the daemon\n"
		"  -j, --json           for programs\n"
		"  -a, --all            channels: also those that never had a datagram\n"
		"      --sort KEY       channels: " CHANNELS_SORTS "\n"
		"  -n, --number N       gaps: the last N\n"
		"      --since AGO      history: from that long ago, as in 5s\n"
		"      --until AGO      history: to that long ago\n"
		"  -w, --write FILE     history: where to, - for standard output\n"
		"      --force          history: also over a file that is there\n"
		"  -f, --file FILE      check: the configuration\n"
		"      --relay, --peer  the same as the words\n"
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
	while ((c = getopt_long(argc, argv, "s:jaf:hVn:w:", options, NULL)) != -1) {
		switch (c) {
		case 's': line->ctl.socket = optarg; break;
		case 'j': line->ctl.json = true; break;
		case 'a': line->ctl.all = true; break;
		case 'h': line->help = true; break;
		case 'V': line->version = true; break;
		case 'n': line->number = optarg; break;
		case 'w': line->ctl.output = optarg; break;
		case OPTION_SORT: line->ctl.sort = optarg; break;
		case OPTION_SINCE: line->ctl.since = optarg; break;
		case OPTION_UNTIL: line->ctl.until = optarg; break;
		case OPTION_FORCE: line->ctl.force = true; break;
		case 'f': line->ctl.file = optarg; break;
		case OPTION_RELAY: line->ctl.half = "relay"; break;
		case OPTION_PEER: line->ctl.half = "peer"; break;
		default: return false;
		}
	}
	return true;
}

static bool
take_arguments(char **words, struct command_line *line, char *error, size_t bytes)
{
	const struct command *command = line->command;
	size_t n = 0;

	while (words[n] != NULL && n < command->most)
		n++;
	if (n < command->least) {
		snprintf(error, bytes, "%s: which %s?", command->name,
			 command->parameter);
		return false;
	}
	line->ctl.argument = n > 0 ? words[0] : NULL;
	line->ctl.words = (const char *const *)words;
	line->ctl.word_count = n;
	if (words[n] != NULL)
		snprintf(error, bytes, "%s: one word too many", words[n]);
	return words[n] == NULL;
}

static bool
take_words(char **words, struct command_line *line, char *error, size_t bytes)
{
	if (*words != NULL &&
	    (strcmp(*words, "relay") == 0 || strcmp(*words, "peer") == 0))
		line->ctl.half = *words++;
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
	return take_arguments(words + 1, line, error, bytes);
}

static bool
take_number(struct command_line *line)
{
	uint64_t n = 1;

	if (line->number != NULL &&
	    (quantity_parse(QUANTITY_COUNT, line->number, &n) != QUANTITY_OK || n == 0))
		return false;
	line->ctl.most = line->number != NULL ? n : 0;
	return true;
}

bool
command_parse(int argc, char **argv, struct command_line *line, char *error,
	      size_t bytes)
{
	*line = (struct command_line){.help = false};
	if (!take_options(argc, argv, line)) {
		snprintf(error, bytes, "%s: no such option, or its value is missing",
			 argv[optind - 1]);
		return false;
	}
	if (line->help || line->version)
		return true;
	if (!take_words(argv + optind, line, error, bytes))
		return false;
	if (line->help)
		return true;
	if (line->ctl.sort != NULL && !channels_sort_exists(line->ctl.sort)) {
		snprintf(error, bytes, "--sort %s: one of " CHANNELS_SORTS,
			 line->ctl.sort);
		return false;
	}
	if (!take_number(line)) {
		snprintf(error, bytes, "-n %s: a number from 1 on", line->number);
		return false;
	}
	if (line->command->run == dump_history && !dump_check(&line->ctl, error, bytes))
		return false;
	if (line->ctl.file != NULL && !line->command->alone) {
		snprintf(error, bytes, "-f is for check alone");
		return false;
	}
	if (line->ctl.socket != NULL && line->ctl.half != NULL &&
	    !line->command->alone) {
		snprintf(error, bytes, "either -s or %s, not both", line->ctl.half);
		return false;
	}
	return true;
}
