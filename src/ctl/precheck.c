/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/precheck.h"

#include <stdio.h>

#include "check/preflight.h"

enum ctl_exit
precheck_run(const struct ctl *ctl)
{
	const struct preflight_options o = {
		.half = ctl->half, .file = ctl->file, .socket = ctl->socket};
	struct findings findings = {0};
	char error[1024];
	size_t failed;
	json_t *doc;

	if (!preflight_run(&o, &findings, error, sizeof(error))) {
		fprintf(stderr, "tomboloctl: %s\n", error);
		return CTL_USAGE;
	}
	if (ctl->json) {
		doc = findings_json(&findings);
		json_dumpf(doc, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
		json_decref(doc);
	} else {
		findings_print(&findings, stdout);
	}
	failed = findings_count(&findings, FINDING_FAIL);
	findings_fini(&findings);
	return failed == 0 ? CTL_FINE : CTL_TROUBLE;
}
