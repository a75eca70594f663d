/* SPDX-License-Identifier: Apache-2.0 */
#include "path/refusal.h"

#include <stddef.h>

#include "path/endpoint.h"

#define NOT_COUNTED     ((size_t)-1)
#define COUNTED_AS(fig) offsetof(struct tunnel_figures, fig)

static const struct {
	const char *text;
	const char *remedy;
	size_t counter;
} reasons[REFUSAL_COUNT] = {
	[REFUSAL_LIMIT] = {"limit: too many unauthenticated connections",
			   "find who opens connections without using them",
			   COUNTED_AS(refused_limit)},
	[REFUSAL_TIMEOUT] = {"timed out",
			     "check the line for loss and filters, or allow handshakes "
			     "more time",
			     COUNTED_AS(refused_timeout)},
	[REFUSAL_NO_CERTIFICATE] = {"no certificate",
				    "give the remote a certificate and key under tls:",
				    COUNTED_AS(refused_no_certificate)},
	[REFUSAL_UNTRUSTED] = {"untrusted certificate",
			       "have it signed by a CA in our tls.ca file, or add its "
			       "CA to that file",
			       COUNTED_AS(refused_untrusted)},
	[REFUSAL_EXPIRED] = {"expired certificate",
			     "renew it and reload the remote; if it is valid, set our "
			     "clock",
			     COUNTED_AS(refused_expired)},
	[REFUSAL_NOT_YET_VALID] = {"certificate not yet valid",
				   "set the clocks of both hosts, or wait",
				   COUNTED_AS(refused_expired)},
	[REFUSAL_REVOKED] = {"revoked certificate",
			     "if the remote is to be trusted, issue it another; else "
			     "find out who uses this one",
			     COUNTED_AS(refused_revoked)},
	[REFUSAL_CRL] = {"no valid revocation list",
			 "put the newest list of each CA into our tls.crl file, then "
			 "reload",
			 COUNTED_AS(refused_revoked)},
	[REFUSAL_NAME] = {"wrong name",
			  "list the remote by a DNS name in its certificate's "
			  "subjectAltName, or issue it another",
			  COUNTED_AS(refused_name)},
	[REFUSAL_OLD_TLS] =
		{"not TLS 1.3",
		 "only TLS 1.3 is spoken here; see what connects or listens "
		 "at that address",
		 COUNTED_AS(refused_protocol)},
	[REFUSAL_OLD_DTLS] =
		{"not DTLS 1.2",
		 "only DTLS 1.2 is spoken here; see what connects or listens "
		 "at that address",
		 COUNTED_AS(refused_protocol)},
	[REFUSAL_NOT_TLS] = {"not TLS at all",
			     "see what connects or listens at that address; it is not "
			     "the other half",
			     COUNTED_AS(refused_protocol)},
	[REFUSAL_ALERT] =
		{"the remote refused us",
		 "the remote's log says why; check our certificate and its CA",
		 COUNTED_AS(refused_other)},
	[REFUSAL_SLOTS] = {"too many paths of this remote",
			   "configure fewer paths there, or wait for dead ones to time "
			   "out",
			   COUNTED_AS(refused_other)},
	[REFUSAL_LOST] = {"connection ended in mid-handshake",
			  "scans and health checks do this; if it was the remote, its "
			  "log says why",
			  COUNTED_AS(refused_other)},
	[REFUSAL_OTHER] = {"handshake failed",
			   "compare the TLS settings of both halves",
			   COUNTED_AS(refused_other)},
	[REFUSAL_CONNECT] = {"cannot connect",
			     "check that the remote runs and listens there, and the "
			     "route and filters between",
			     NOT_COUNTED},
};

const char *
refusal_text(enum refusal r)
{
	return reasons[r].text;
}

const char *
refusal_remedy(enum refusal r)
{
	return reasons[r].remedy;
}

void
refusal_count(struct tunnel_figures *f, enum refusal r)
{
	if (reasons[r].counter == NOT_COUNTED)
		return;
	counter_inc((counter_t *)((char *)f + reasons[r].counter));
}

void
refusal_log(struct refusal_limits *limits, enum refusal r, struct endpoint from,
	    const char *detail)
{
	char address[ENDPOINT_TEXT_BYTES];

	log_line(LOG_LEVEL_WARN, "tunnel", &limits->of[r],
		 "connection refused: %s from=%s detail=\"%s\" remedy=\"%s\"",
		 reasons[r].text, endpoint_text(from, address), detail,
		 reasons[r].remedy);
}
