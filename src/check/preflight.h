/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PREFLIGHT_H
#define TOMBOLO_PREFLIGHT_H
/*
 * tomboloctl check: all checks of one half, in the order of their numbers. Nothing is
 * changed, nothing is multicast, and nobody is spoken to whom the configuration does
 * not name, but for the metadata service and the EC2 API where this host is an EC2
 * instance or the environment names them. Every step has a time-out.
 *
 * Probes read (check_*.c, shell), judges say what it means (judge_*.c, pure).
 */
#include "check/finding.h"
#include "check/half.h"
#include "check/host.h"
#include "check/running.h"

#define PREFLIGHT_TIMEOUT_NS 2000000000LL /* of each thing that is waited for */

struct preflight {
	struct half half;
	struct host host;
	struct running running;
	bool is_ec2;
	struct findings *findings;
};

struct preflight_options {
	const char *half;   /* "relay", "peer", NULL: found out */
	const char *file;   /* NULL: at the usual place */
	const char *socket; /* NULL: as configured */
	const char *root;   /* of /proc and /sys: "" */
};

/* False with a line in error: it is not clear what is meant. Everything else is a
 * finding. */
bool preflight_run(const struct preflight_options *o, struct findings *findings,
		   char *error, size_t error_bytes);

/* The parts, each adding its findings. */
void check_host(struct preflight *p);
void check_identity(struct preflight *p);
void check_line(struct preflight *p);
void check_capture(struct preflight *p);
void check_emission(struct preflight *p);
void check_cloud(struct preflight *p);

#endif
