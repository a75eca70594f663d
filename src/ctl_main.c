/* SPDX-License-Identifier: Apache-2.0 */
/* tomboloctl(8): see ctl/command.c for what it can be told. */
#include <locale.h>
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/target.h"

int
main(int argc, char **argv)
{
	struct command_line line;
	char error[512];
	int status = CTL_USAGE;

	setlocale(LC_CTYPE, "");
	if (!command_parse(argc, argv, &line, error, sizeof error)) {
		fprintf(stderr, "tomboloctl: %s\n", error);
		command_help(stderr);
		return CTL_USAGE;
	}
	if (line.version)
		printf("tomboloctl %s\n", PACKAGE_VERSION);
	else if (line.help)
		command_help(stdout);
	if (line.version || line.help)
		return CTL_FINE;
	if (line.ctl.socket == NULL && !line.command->alone)
		line.ctl.socket =
			target_find(line.ctl.half, &status, error, sizeof error);
	if (line.ctl.socket == NULL && !line.command->alone) {
		fprintf(stderr, "tomboloctl: %s\n", error);
		return status;
	}
	return line.command->run(&line.ctl);
}
