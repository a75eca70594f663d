/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "check/certificate.h"

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)
#define SOON_S (30 * DAY_S)

struct day {
	char text[16];
};

static struct day
day_of(int64_t s)
{
	time_t t = (time_t)s;
	struct day d = {""};
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		strftime(d.text, sizeof(d.text), "%Y-%m-%d", &tm);
	return d;
}

void
certificate_judge_pair(struct finding *f, const struct certificate_facts *c)
{
	if (c->pair_error[0] != '\0') {
		finding_set(f, FINDING_FAIL, "%s", c->pair_error);
		finding_cause(f, "the daemon cannot start with these files");
		finding_remedy(f, "install the certificate and the key that it was "
				  "issued for; the daemon's user must be able to read "
				  "them, and so must who runs this check (be root)");
	} else if (c->key_is_public) {
		finding_set(f, FINDING_WARN, "everybody on this host can read %s",
			    c->files->key);
		finding_cause(f, "the mode of the private key's file");
		finding_remedy(f, "chmod o-rwx %s", c->files->key);
	} else {
		finding_set(f, FINDING_OK, "%s belongs to %s", c->files->key,
			    c->files->certificate);
	}
}

void
certificate_judge_validity(struct finding *f, const struct certificate_facts *c,
			   int64_t now_s)
{
	long long days = (long long)((c->not_after_s - now_s) / DAY_S);

	if (!c->loaded) {
		finding_set(f, FINDING_SKIP, "there is no certificate to look at");
	} else if (now_s < c->not_before_s) {
		finding_set(f, FINDING_FAIL, "not valid before %s",
			    day_of(c->not_before_s).text);
		finding_cause(f, "this host's clock is slow, or the certificate is for "
				 "later");
		finding_remedy(f, "set this host's clock, or install one that is valid "
				  "now");
	} else if (now_s >= c->not_after_s) {
		finding_set(f, FINDING_FAIL, "expired on %s",
			    day_of(c->not_after_s).text);
		finding_cause(f, "remotes refuse it");
		finding_remedy(f, "renew it, install it as %s, then tomboloctl reload",
			       c->files->certificate);
	} else if (c->not_after_s - now_s < SOON_S) {
		finding_set(f, FINDING_WARN, "expires in %lld days, on %s", days,
			    day_of(c->not_after_s).text);
		finding_cause(f, "remotes will refuse it then");
		finding_remedy(f, "renew it, install it as %s, then tomboloctl reload",
			       c->files->certificate);
	} else {
		finding_set(f, FINDING_OK, "%lld days left, until %s", days,
			    day_of(c->not_after_s).text);
	}
}

void
certificate_judge_chain(struct finding *f, const struct certificate_facts *c)
{
	if (c->chain_error[0] == '\0' && !c->loaded) {
		finding_set(f, FINDING_SKIP, "there is no certificate to look at");
		return;
	}
	if (c->chain_error[0] == '\0') {
		finding_set(f, FINDING_OK, "signed by %s, fit for both ends of TLS",
			    c->files->ca);
		return;
	}
	finding_set(f, FINDING_FAIL, "%s", c->chain_error);
	finding_cause(f, "%s does not lead to a CA of %s", c->files->certificate,
		      c->files->ca);
	finding_remedy(f,
		       "install the CA that signs both halves' certificates as tls.ca "
		       "on both, and the chain between behind the certificate; it "
		       "must be for serverAuth and clientAuth");
}

void
certificate_judge_name(struct finding *f, const struct certificate_facts *c)
{
	if (!c->loaded) {
		finding_set(f, FINDING_SKIP, "there is no certificate to look at");
	} else if (c->carries_node) {
		finding_set(f, FINDING_OK, "%s", c->node);
	} else {
		finding_set(f, FINDING_FAIL, "node %s is not among its DNS names: %s",
			    c->node, c->names[0] != '\0' ? c->names : "it has none");
		finding_cause(f, "remotes know a node by a DNS name in subjectAltName, "
				 "never by the common name");
		finding_remedy(f,
			       "have it issued with DNS:%s, or correct node:", c->node);
	}
}

void
certificate_judge_lists(struct finding *f, const struct certificate_facts *c,
			int64_t now_s)
{
	static const char remedy[] =
		"fetch the newest list of each CA, then tomboloctl reload";

	if (c->files->crl == NULL) {
		finding_set(f, FINDING_SKIP, "tls.crl is not configured");
	} else if (c->list_error[0] != '\0') {
		finding_set(f, FINDING_FAIL, "%s", c->list_error);
		finding_cause(f,
			      "remotes are refused when there is no list of their CA, "
			      "and whoever is on one");
		finding_remedy(f, "%s", remedy);
	} else if (c->list_next_s != 0 && c->list_next_s <= now_s) {
		finding_set(f, FINDING_FAIL, "should have been renewed by %s",
			    day_of(c->list_next_s).text);
		finding_cause(f, "a list that is out of date says nothing of who was "
				 "revoked since; every remote is refused");
		finding_remedy(f, "%s", remedy);
	} else if (c->list_next_s != 0 && c->list_next_s - now_s < 2 * DAY_S) {
		finding_set(f, FINDING_WARN, "must be renewed within %lld hours",
			    (long long)((c->list_next_s - now_s) / HOUR_S + 1));
		finding_cause(f, "its nextUpdate; every remote is refused then");
		finding_remedy(f, "%s", remedy);
	} else {
		finding_set(f, FINDING_OK, "%u, current", c->lists);
	}
}
