/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CTL_H
#define TOMBOLO_CTL_H
/* What every command of tomboloctl(8) is given, and how it may end. */
#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
	CTL_FINE,
	CTL_TROUBLE,     /* the daemon answered, and something is not well */
	CTL_USAGE,       /* called wrongly */
	CTL_UNREACHABLE, /* nobody answered, or not what was expected */
};

struct ctl {
	const char *socket;
	const char *argument; /* of the command, or NULL: the first of its words */
	const char *const *words;
	size_t word_count;
	const char *sort;  /* --sort, or NULL */
	size_t most;       /* -n, or 0 */
	const char *since; /* or NULL, like those that follow */
	const char *until;
	const char *output;
	const char *half; /* "relay", "peer", or NULL */
	const char *file; /* of a configuration, or NULL */
	bool json, all, force;
};

#endif
