/* SPDX-License-Identifier: Apache-2.0 */
#include "check/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "path/identity.h"

struct files {
	X509 *own;
	STACK_OF(X509) * chain; /* what the file has behind it */
	EVP_PKEY *key;
	X509_STORE *store;
};

static void explain(char text[CERTIFICATE_ERROR_BYTES], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The first stands. */
static void
explain(char text[CERTIFICATE_ERROR_BYTES], const char *fmt, ...)
{
	va_list args;

	if (text[0] != '\0')
		return;
	va_start(args, fmt);
	vsnprintf(text, CERTIFICATE_ERROR_BYTES, fmt, args);
	va_end(args);
}

static FILE *
open_file(const char *role, const char *name, char error[CERTIFICATE_ERROR_BYTES])
{
	FILE *f = fopen(name, "re");

	if (f == NULL)
		explain(error, "%s %s: %s", role, name, strerror(errno));
	return f;
}

/* A key with a pass phrase: a daemon has nobody to ask, and nor have we. */
static int
refuse_to_ask(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

static void
read_own(struct files *files, struct certificate_facts *c)
{
	FILE *f = open_file("certificate", c->files->certificate, c->pair_error);
	X509 *more;

	if (f == NULL)
		return;
	files->own = PEM_read_X509(f, NULL, refuse_to_ask, NULL);
	files->chain = sk_X509_new_null();
	while (files->own != NULL && files->chain != NULL &&
	       (more = PEM_read_X509(f, NULL, refuse_to_ask, NULL)) != NULL)
		if (sk_X509_push(files->chain, more) == 0)
			X509_free(more);
	fclose(f);
	if (files->own == NULL)
		explain(c->pair_error, "certificate %s: holds no PEM certificate",
			c->files->certificate);
}

static void
read_key(struct files *files, struct certificate_facts *c)
{
	FILE *f = open_file("key", c->files->key, c->pair_error);
	struct stat st;

	if (f == NULL)
		return;
	c->key_is_public = fstat(fileno(f), &st) == 0 && (st.st_mode & S_IROTH) != 0;
	files->key = PEM_read_PrivateKey(f, NULL, refuse_to_ask, NULL);
	fclose(f);
	if (files->key == NULL)
		explain(c->pair_error,
			"key %s: holds no PEM private key without a pass phrase",
			c->files->key);
}

static int64_t
seconds(const ASN1_TIME *t)
{
	struct tm tm = {0};

	return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void
look_at_pair(const struct files *files, struct certificate_facts *c)
{
	if (files->own == NULL)
		return;
	c->loaded = true;
	c->not_before_s = seconds(X509_get0_notBefore(files->own));
	c->not_after_s = seconds(X509_get0_notAfter(files->own));
	c->carries_node = identity_carries(files->own, c->node);
	identity_names(files->own, c->names, sizeof(c->names));
	if (files->key != NULL && X509_check_private_key(files->own, files->key) != 1)
		explain(c->pair_error, "key %s does not belong to certificate %s",
			c->files->key, c->files->certificate);
}

/* As the one that dials sees it, and as the one that listens. */
static int
verify(const struct files *files, unsigned long flags)
{
	static const int purposes[] = {X509_PURPOSE_SSL_SERVER,
				       X509_PURPOSE_SSL_CLIENT};
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int error = X509_V_ERR_UNSPECIFIED;

	for (size_t i = 0; ctx != NULL && i < 2; i++) {
		if (X509_STORE_CTX_init(ctx, files->store, files->own, files->chain) !=
		    1)
			break;
		X509_STORE_CTX_set_purpose(ctx, purposes[i]);
		X509_STORE_CTX_set_flags(ctx, flags | X509_V_FLAG_NO_CHECK_TIME);
		error = X509_verify_cert(ctx) == 1 ? X509_V_OK
						   : X509_STORE_CTX_get_error(ctx);
		X509_STORE_CTX_cleanup(ctx);
		if (error != X509_V_OK)
			break;
	}
	X509_STORE_CTX_free(ctx);
	return error;
}

static void
look_at_chain(struct files *files, struct certificate_facts *c)
{
	FILE *f = open_file("ca", c->files->ca, c->chain_error);
	X509 *ca;
	int n = 0, error;

	if (f == NULL)
		return;
	while ((ca = PEM_read_X509(f, NULL, refuse_to_ask, NULL)) != NULL) {
		n += X509_STORE_add_cert(files->store, ca);
		X509_free(ca);
	}
	fclose(f);
	if (n == 0) {
		explain(c->chain_error, "ca %s: holds no PEM certificate",
			c->files->ca);
	} else if (files->own != NULL) {
		error = verify(files, 0);
		if (error != X509_V_OK)
			explain(c->chain_error, "%s",
				X509_verify_cert_error_string(error));
	}
}

static void
take_list(struct files *files, struct certificate_facts *c, X509_CRL *list)
{
	int64_t next_s = seconds(X509_CRL_get0_nextUpdate(list));

	c->lists += X509_STORE_add_crl(files->store, list) == 1;
	if (next_s != 0 && (c->list_next_s == 0 || next_s < c->list_next_s))
		c->list_next_s = next_s;
}

static void
look_at_lists(struct files *files, struct certificate_facts *c)
{
	FILE *f = open_file("crl", c->files->crl, c->list_error);
	X509_CRL *list;
	int error;

	if (f == NULL)
		return;
	while ((list = PEM_read_X509_CRL(f, NULL, refuse_to_ask, NULL)) != NULL) {
		take_list(files, c, list);
		X509_CRL_free(list);
	}
	fclose(f);
	if (c->lists == 0) {
		explain(c->list_error, "crl %s: holds no PEM revocation list",
			c->files->crl);
	} else if (files->own != NULL && c->chain_error[0] == '\0') {
		error = verify(files, X509_V_FLAG_CRL_CHECK);
		if (error != X509_V_OK)
			explain(c->list_error, "our own certificate: %s",
				X509_verify_cert_error_string(error));
	}
}

void
certificate_read(struct certificate_facts *c, const struct tls_settings *settings,
		 const char *node)
{
	struct files files = {.store = X509_STORE_new()};

	*c = (struct certificate_facts){.files = settings, .node = node};
	if (files.store == NULL) {
		explain(c->pair_error, "out of memory");
		return;
	}
	read_own(&files, c);
	read_key(&files, c);
	look_at_pair(&files, c);
	look_at_chain(&files, c);
	if (settings->crl != NULL)
		look_at_lists(&files, c);
	X509_free(files.own);
	sk_X509_pop_free(files.chain, X509_free);
	EVP_PKEY_free(files.key);
	X509_STORE_free(files.store);
	ERR_clear_error();
}
