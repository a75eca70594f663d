/* SPDX-License-Identifier: Apache-2.0 */
#include "path/identity.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "path/path.h"

#define CHECK_FLAGS (X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS)

struct text {
	char *out;
	size_t len, bytes;
};

static void
put_char(struct text *t, char c)
{
	if (t->len + 1 < t->bytes)
		t->out[t->len++] = c;
	t->out[t->len] = '\0';
}

/* What a stranger wrote goes into our log: nothing that could end the line, the
 * quotes or the terminal's good manners. */
static void
put_foreign(struct text *t, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = bytes[i];

		put_char(t,
			 c > ' ' && c < 0x7f && c != '"' && c != '\\' ? (char)c : '?');
	}
}

static void
put(struct text *t, const char *s)
{
	while (*s != '\0')
		put_char(t, *s++);
}

/* True when what was put in did not all fit. */
static bool
is_full(const struct text *t)
{
	return t->len + 1 >= t->bytes;
}

static void
mark_cut(struct text *t)
{
	if (is_full(t) && t->bytes > 4)
		memcpy(t->out + t->bytes - 4, "...", 4);
}

const char *
identity_names(X509 *certificate, char *out, size_t out_bytes)
{
	struct text t = {.out = out, .bytes = out_bytes};
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_full(&t); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const ASN1_IA5STRING *dns = name->d.dNSName;

		if (name->type != GEN_DNS)
			continue;
		if (t.len > 0)
			put(&t, ", ");
		put_foreign(&t, ASN1_STRING_get0_data(dns),
			    (size_t)ASN1_STRING_length(dns));
	}
	mark_cut(&t);
	GENERAL_NAMES_free(names);
	return out;
}

bool
identity_carries(X509 *certificate, const char *name)
{
	/* X509_check_host() takes ".example" for any name below it, and no name
	 * for every name. */
	if (name[0] == '\0' || name[0] == '.')
		return false;
	return X509_check_host(certificate, name, strlen(name), CHECK_FLAGS, NULL) == 1;
}

static enum refusal
classify(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED: return REFUSAL_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID: return REFUSAL_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED: return REFUSAL_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE: return REFUSAL_CRL;
	default: return REFUSAL_UNTRUSTED;
	}
}

static void
put_time(struct text *t, const char *label, const ASN1_TIME *when)
{
	struct tm tm = {0};
	char text[48];

	if (ASN1_TIME_to_tm(when, &tm) != 1)
		return;
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put(t, label);
	put(t, text);
}

/* Which certificate of the chain, and what is wrong with it. */
static void
explain_chain(struct connection *c, X509_STORE_CTX *store)
{
	struct text t = {.out = c->detail, .bytes = sizeof(c->detail)};
	X509 *at = X509_STORE_CTX_get_current_cert(store);
	int depth = X509_STORE_CTX_get_error_depth(store);
	int error = X509_STORE_CTX_get_error(store);
	char names[128] = "", where[48];

	c->refusal = classify(error);
	put(&t, X509_verify_cert_error_string(error));
	snprintf(where, sizeof(where), ", %s (depth %d)",
		 depth == 0 ? "its own certificate" : "a CA above it", depth);
	put(&t, where);
	if (at == NULL)
		return;
	put_time(&t, " valid from ", X509_get0_notBefore(at));
	put_time(&t, " to ", X509_get0_notAfter(at));
	put(&t, depth == 0 ? " names " : "");
	put(&t, depth == 0 ? identity_names(at, names, sizeof(names)) : "");
}

static void
explain_name(struct connection *c, X509 *certificate)
{
	struct text t = {.out = c->detail, .bytes = sizeof(c->detail)};
	char names[256];

	c->refusal = REFUSAL_NAME;
	put(&t, "its certificate carries ");
	put(&t, identity_names(certificate, names, sizeof(names)));
	put(&t, names[0] == '\0' ? "no DNS name; " : "; ");
	put(&t, c->dialled ? "expected " : "listed ");
	for (size_t i = 0; i < c->candidate_count; i++) {
		put(&t, i > 0 ? ", " : "");
		put(&t, c->candidates[i].name);
	}
	mark_cut(&t);
}

int
identity_verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl =
		X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct connection *c = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get0_cert(store);

	(void)unused;
	c->found = -1;
	if (X509_verify_cert(store) != 1) {
		explain_chain(c, store);
		return 0;
	}
	for (size_t i = 0; i < c->candidate_count && c->found < 0; i++)
		if (identity_carries(certificate, c->candidates[i].name))
			c->found = (int)i;
	if (c->found >= 0)
		return 1;
	explain_name(c, certificate);
	X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}
