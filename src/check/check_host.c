/* SPDX-License-Identifier: Apache-2.0 */
/* This host, and who we are to others: checks 2 to 19. */
#include <string.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "check/certificate.h"
#include "check/judge.h"
#include "check/preflight.h"
#include "ctl/doc.h"

static void
look_at_daemon(struct preflight *p)
{
	struct finding *f = findings_add(p->findings, CHECK_DAEMON);
	const json_t *status = p->running.status;
	const char *half = p->half.relay != NULL ? "relay" : "peer";

	if (status == NULL) {
		finding_set(f, FINDING_SKIP, "does not answer (%s)", p->running.error);
	} else if (strcmp(doc_string(status, "half"), half) != 0 ||
		   strcmp(doc_string(status, "node"), p->half.both.node) != 0) {
		finding_set(f, FINDING_FAIL, "a %s called %s answers",
			    doc_string(status, "half"), doc_string(status, "node"));
		finding_cause(f, "another daemon has the control socket, or it was "
				 "started with another configuration");
		finding_remedy(f, "name its socket by -s, or restart it");
	} else if (strcmp(doc_string(status, "version"), PACKAGE_VERSION) != 0) {
		finding_set(f, FINDING_WARN, "runs, version %s, and this program is %s",
			    doc_string(status, "version"), PACKAGE_VERSION);
		finding_cause(f, "it has not been restarted since the upgrade");
		finding_remedy(f, "restart it after the close");
	} else {
		finding_set(f, FINDING_OK, "runs, version %s", PACKAGE_VERSION);
	}
}

static void
look_at_clock(struct preflight *p)
{
	struct timex t = {0};
	int state = adjtimex(&t);
	const struct clock_facts facts = {
		.synchronized =
			state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC),
		.max_error_us = t.maxerror,
	};

	judge_clock(findings_add(p->findings, CHECK_CLOCK), &facts);
}

void
check_host(struct preflight *p)
{
	look_at_daemon(p);
	look_at_clock(p);
}

void
check_identity(struct preflight *p)
{
	int64_t now_s = clock_now().utc.ns / NS_PER_S;
	struct certificate_facts c;

	certificate_read(&c, p->half.both.tls, p->half.both.node);
	certificate_judge_pair(findings_add(p->findings, CHECK_KEY), &c);
	certificate_judge_validity(findings_add(p->findings, CHECK_VALIDITY), &c,
				   now_s);
	certificate_judge_chain(findings_add(p->findings, CHECK_CHAIN), &c);
	certificate_judge_name(findings_add(p->findings, CHECK_NAME), &c);
	certificate_judge_lists(findings_add(p->findings, CHECK_REVOCATION), &c, now_s);
}
