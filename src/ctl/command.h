/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_COMMAND_H
#define TOMBOLO_COMMAND_H
/* The command line: options, words, and the table of commands. */
#include <stdbool.h>
#include <stdio.h>

#include "ctl/ctl.h"

struct command {
	const char *name, *parameter; /* NULL: takes none */
	size_t least, most;           /* of these */
	const char *help;
	enum ctl_exit (*run)(const struct ctl *ctl);
	bool alone; /* works without a daemon */
};

struct command_line {
	struct ctl ctl;
	const struct command *command;
	const char *number; /* of -n, as it was written */
	bool help, version; /* asked for; nothing else counts then */
};

/* False with a line in error. */
bool command_parse(int argc, char **argv, struct command_line *line, char *error,
		   size_t bytes);
void command_help(FILE *out);

#endif
