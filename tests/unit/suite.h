/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SUITE_H
#define TOMBOLO_SUITE_H
/* What every test program does with its suite. */
#include <check.h>
#include <stdlib.h>

/* Runs all of it, and frees it; returns what main has to. */
static inline int
suite_run(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
