/* SPDX-License-Identifier: Apache-2.0 */
#include "path/credentials.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "path/expiry.h"
#include "path/identity.h"

struct complaint {
	char *text;
	size_t bytes;
};

static int complain(const struct complaint *to, const char *fmt, ...) LOG_FORMAT(2, 3);

/* Returns -EINVAL, for the caller to return. */
static int
complain(const struct complaint *to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to->text, to->bytes, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return -EINVAL;
}

static const char *
openssl_reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_error());

	return text != NULL ? text : "not understood";
}

/* A key with a pass phrase: a daemon has nobody to ask. */
static int
refuse_to_ask(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

/* OpenSSL's own message for a missing file does not name the file. */
static int
check_readable(const char *role, const char *path, const struct complaint *to)
{
	struct stat st;

	if (path == NULL)
		return complain(to, "tls: no %s; name a PEM file", role);
	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		return complain(to,
				"tls: %s %s: %s; correct the name or its permissions "
				"for this user",
				role, path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return complain(to, "tls: %s %s: is a directory; name a PEM file", role,
				path);
	return 0;
}

static int
read_certificate(SSL_CTX *ctx, const struct tls_settings *s, const struct complaint *to)
{
	int err = check_readable("certificate", s->certificate, to);

	if (err < 0)
		return err;
	if (SSL_CTX_use_certificate_chain_file(ctx, s->certificate) != 1)
		return complain(
			to,
			"tls: certificate %s: %s; it must hold a PEM certificate, "
			"then its chain",
			s->certificate, openssl_reason());
	return 0;
}

static int
read_key(SSL_CTX *ctx, const struct tls_settings *s, const struct complaint *to)
{
	int err = check_readable("key", s->key, to);

	if (err < 0)
		return err;
	SSL_CTX_set_default_passwd_cb(ctx, refuse_to_ask);
	if (SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH)
			goto mismatch;
		return complain(
			to,
			"tls: key %s: %s; it must hold a PEM private key without "
			"a pass phrase",
			s->key, openssl_reason());
	}
	if (SSL_CTX_check_private_key(ctx) == 1)
		return 0;
mismatch:
	return complain(
		to,
		"tls: key %s does not belong to certificate %s; install the key "
		"the certificate was issued for, or have a new certificate "
		"issued for this key",
		s->key, s->certificate);
}

/* How many CA certificates the store holds, and how many are valid now. */
static void
count_authorities(X509_STORE *store, int *total, int *valid)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

	*total = *valid = 0;
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (ca == NULL)
			continue;
		++*total;
		*valid += X509_cmp_current_time(X509_get0_notAfter(ca)) > 0;
	}
}

static int
read_authorities(SSL_CTX *ctx, const struct tls_settings *s, const struct complaint *to)
{
	int err = check_readable("ca", s->ca, to);
	int total, valid;

	if (err < 0)
		return err;
	if (SSL_CTX_load_verify_file(ctx, s->ca) != 1)
		return complain(to,
				"tls: ca %s: %s; it must hold the PEM certificates of "
				"those who sign the remotes'",
				s->ca, openssl_reason());
	count_authorities(SSL_CTX_get_cert_store(ctx), &total, &valid);
	if (valid == 0)
		return complain(
			to,
			"tls: ca %s: %d certificates, none valid now; renew the "
			"CA's certificate, or set this host's clock",
			s->ca, total);
	if (valid < total)
		log_warn("tunnel",
			 "CA certificates have expired ca=%s expired=%d of=%d", s->ca,
			 total - valid, total);
	return 0;
}

/* The one that has to be renewed first; NULL: none says when. */
static const ASN1_TIME *
first_update(X509_STORE *store, int *count)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
	const ASN1_TIME *first = NULL;

	*count = 0;
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *crl =
			X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
		const ASN1_TIME *next =
			crl != NULL ? X509_CRL_get0_nextUpdate(crl) : NULL;

		*count += crl != NULL;
		if (next != NULL &&
		    (first == NULL || ASN1_TIME_compare(next, first) < 0))
			first = next;
	}
	return first;
}

/* A list that is out of date says nothing of who was revoked since: RFC 5280, section
 * 6.3.3. OpenSSL would refuse everybody, at each handshake. */
static int
check_lists(X509_STORE *store, const struct tls_settings *s, const struct complaint *to)
{
	int count, days, seconds;
	const ASN1_TIME *next = first_update(store, &count);

	if (next == NULL || ASN1_TIME_diff(&days, &seconds, NULL, next) != 1)
		return 0;
	if (days < 0 || seconds < 0)
		return complain(
			to,
			"tls: crl %s: a revocation list should have been renewed "
			"%d days ago; fetch the newest, or set this host's clock",
			s->crl, -days);
	if (days < 2)
		log_warn("tunnel",
			 "a revocation list must be renewed within %d hours crl=%s "
			 "remedy=\"fetch the newest, then reload\"",
			 days * 24 + seconds / 3600 + 1, s->crl);
	return 0;
}

static int
read_revocations(SSL_CTX *ctx, const struct tls_settings *s, const struct complaint *to)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *file;
	int err;

	if (s->crl == NULL)
		return 0;
	err = check_readable("crl", s->crl, to);
	if (err < 0)
		return err;
	file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (file == NULL || X509_load_crl_file(file, s->crl, X509_FILETYPE_PEM) <= 0)
		return complain(
			to,
			"tls: crl %s: %s; it must hold the PEM revocation list of "
			"each CA that signs remotes' certificates",
			s->crl, openssl_reason());
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return check_lists(store, s, to);
}

static int64_t
seconds_since_1970(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
warn_of_the_unwise(SSL_CTX *ctx, const struct tls_settings *s, const char *node,
		   int64_t expires_s)
{
	X509 *own = SSL_CTX_get0_certificate(ctx);
	char names[256];
	struct stat st;

	expiry_warn(s->certificate, expires_s - (int64_t)time(NULL));
	if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0)
		log_error(
			"tunnel",
			"our certificate is not yet valid certificate=%s remedy=\"set "
			"this host's clock, or wait\"",
			s->certificate);
	if (stat(s->key, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		log_warn("tunnel",
			 "everybody on this host can read our private key key=%s "
			 "remedy=\"chmod o-rwx\"",
			 s->key);
	if (node != NULL && !identity_carries(own, node))
		log_warn(
			"tunnel",
			"our certificate does not carry this node's name node=%s "
			"certificate=%s names=\"%s\" remedy=\"remotes must list us by a "
			"name that it carries\"",
			node, s->certificate,
			identity_names(own, names, sizeof(names)));
}

int
credentials_read(SSL_CTX *ctx, const struct tls_settings *s, const char *node,
		 int64_t *expires_s, char *error, size_t error_bytes)
{
	const struct complaint to = {error, error_bytes};
	int err;

	ERR_clear_error();
	err = read_certificate(ctx, s, &to);
	if (err == 0)
		err = read_key(ctx, s, &to);
	if (err == 0)
		err = read_authorities(ctx, s, &to);
	if (err == 0)
		err = read_revocations(ctx, s, &to);
	if (err < 0)
		return err;
	*expires_s =
		seconds_since_1970(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)));
	warn_of_the_unwise(ctx, s, node, *expires_s);
	return 0;
}
