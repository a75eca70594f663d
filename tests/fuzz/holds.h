/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HOLDS_H
#define TOMBOLO_HOLDS_H
/* What a fuzz target finds out by. */
#include <stdio.h>
#include <stdlib.h>

/* For our bugs; whatever the input is, it must never get here. */
#define CHECK(condition)                                                   \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

#endif
