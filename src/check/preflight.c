/* SPDX-License-Identifier: Apache-2.0 */
#include "check/preflight.h"

static void
note_configuration(struct findings *findings, const struct half *half, bool loaded,
		   const char *error)
{
	struct finding *f = findings_add(findings, CHECK_CONFIGURATION);

	if (loaded) {
		finding_set(f, FINDING_OK, "%s, a %s called %s", half->file,
			    half->relay != NULL ? "relay" : "peer", half->both.node);
		return;
	}
	finding_set(f, FINDING_FAIL, "%s", error);
	finding_cause(f, "the daemon cannot start with it; nothing else was looked at");
	finding_remedy(f, "as it says; tombolo-relay.yaml(5) and tombolo-peer.yaml(5) "
			  "have every key");
}

static void
run_all(struct preflight *p)
{
	check_host(p);
	check_identity(p);
	check_line(p);
	check_capture(p);
	check_emission(p);
	check_cloud(p);
}

bool
preflight_run(const struct preflight_options *o, struct findings *findings, char *error,
	      size_t error_bytes)
{
	struct preflight p = {.host = {.root = o->root != NULL ? o->root : ""},
			      .findings = findings};
	bool ambiguous, loaded = half_load(&p.half, o->half, o->file, &ambiguous, error,
					   error_bytes);

	if (!loaded && ambiguous)
		return false;
	note_configuration(findings, &p.half, loaded, error);
	if (loaded) {
		p.is_ec2 = host_is_ec2(&p.host);
		running_ask(&p.running, o->socket != NULL
						? o->socket
						: p.half.both.service->control_socket);
		run_all(&p);
		running_fini(&p.running);
	}
	half_fini(&p.half);
	return true;
}
