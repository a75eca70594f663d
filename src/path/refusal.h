/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_REFUSAL_H
#define TOMBOLO_REFUSAL_H
/*
 * Why a connection never became a path: one reason, one counter, one line in
 * the log, one remedy.
 */
#include "base/log.h"
#include "ops/settings.h"
#include "path/tunnel.h"

enum refusal {
	REFUSAL_LIMIT,          /* too many unauthenticated connections */
	REFUSAL_TIMEOUT,        /* not ready within the handshake time-out */
	REFUSAL_NO_CERTIFICATE, /* the remote showed none */
	REFUSAL_UNTRUSTED,      /* signed by no CA of ours, or not fit for TLS */
	REFUSAL_EXPIRED,
	REFUSAL_NOT_YET_VALID,
	REFUSAL_REVOKED,
	REFUSAL_CRL,      /* its CA has no revocation list, or not one of now */
	REFUSAL_NAME,     /* names no listed remote, or not the dialled one */
	REFUSAL_OLD_TLS,  /* TLS, but not 1.3 */
	REFUSAL_OLD_DTLS, /* DTLS, but not 1.2 */
	REFUSAL_NOT_TLS,  /* plaintext, or noise */
	REFUSAL_ALERT,    /* the remote refused us */
	REFUSAL_SLOTS,    /* PATHS_MAX paths of that remote are up already */
	REFUSAL_LOST,     /* the connection ended in mid-handshake */
	REFUSAL_OTHER,    /* a handshake error that none of these is */
	REFUSAL_CONNECT, /* TCP or ICMP said no; not a handshake, so not counted as one */
	REFUSAL_COUNT,
};

/* One limiter a reason, so that a flood of one kind does not hide another. */
struct refusal_limits {
	struct log_limit of[REFUSAL_COUNT];
};

const char *refusal_text(enum refusal r);
const char *refusal_remedy(enum refusal r);

/* Bumps the one counter that belongs to r, if there is one. */
void refusal_count(struct tunnel_figures *f, enum refusal r);

/* The line for a connection that was accepted and refused. detail may be "". */
void refusal_log(struct refusal_limits *limits, enum refusal r, struct endpoint from,
		 const char *detail);

#endif
