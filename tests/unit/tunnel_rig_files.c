/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that the tests of the tunnel throw away. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tunnel_rig.h"

#define FILES_MAX 64

static struct {
	char dir[64];
	char names[FILES_MAX][128];
	size_t name_count;
} files;

const char *
rig_file(const char *name, const char *suffix)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%.32s.%.8s", files.dir, name, suffix);
	for (size_t i = 0; i < files.name_count; i++)
		if (strcmp(files.names[i], path) == 0)
			return files.names[i];
	ck_assert_uint_lt(files.name_count, FILES_MAX);
	memcpy(files.names[files.name_count], path, sizeof(path));
	return files.names[files.name_count++];
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void
add_names(X509 *x, const char *dns)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	char list[512], *save = NULL;

	snprintf(list, sizeof(list), "%s", dns);
	for (char *s = strtok_r(list, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		ASN1_STRING_set(text, s, -1);
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		sk_GENERAL_NAME_push(names, name);
	}
	ck_assert_int_eq(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
}

static void
write_pair(const char *file, X509 *x, EVP_PKEY *key)
{
	FILE *f = fopen(rig_file(file, "crt"), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(PEM_write_X509(f, x), 1);
	fclose(f);
	f = fopen(rig_file(file, "key"), "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fchmod(fileno(f), 0600), 0);
	ck_assert_int_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

X509 *
rig_read_certificate(const char *file)
{
	FILE *f = fopen(rig_file(file, "crt"), "r");
	X509 *x;

	ck_assert_ptr_nonnull(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(x);
	fclose(f);
	return x;
}

static void
read_pair(const char *file, X509 **x, EVP_PKEY **key)
{
	FILE *f;

	*x = rig_read_certificate(file);
	f = fopen(rig_file(file, "key"), "r");
	ck_assert_ptr_nonnull(f);
	*key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert_ptr_nonnull(*key);
}

void
rig_certificate(const struct certificate_spec *spec)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = key;
	X509 *x = X509_new(), *issuer = x;
	X509_NAME *subject = X509_get_subject_name(x);

	ck_assert_ptr_nonnull(key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), random() + 1);
	X509_gmtime_adj(X509_getm_notBefore(x), spec->from_days * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(x), spec->to_days * 86400L);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				   (const unsigned char *)spec->cn, -1, -1, 0);
	X509_set_pubkey(x, key);
	if (spec->issuer != NULL)
		read_pair(spec->issuer, &issuer, &signer);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	add_extension(x, issuer, NID_basic_constraints,
		      spec->issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	if (spec->dns != NULL)
		add_names(x, spec->dns);
	ck_assert_int_gt(X509_sign(x, signer, EVP_sha256()), 0);
	write_pair(spec->file, x, key);
	if (issuer != x) {
		X509_free(issuer);
		EVP_PKEY_free(signer);
	}
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
revoke_one(X509_CRL *crl, const char *file)
{
	X509 *x = rig_read_certificate(file);
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -3600);

	X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x));
	X509_REVOKED_set_revocationDate(entry, now);
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_TIME_free(now);
	X509_free(x);
}

void
rig_list(const char *file, const char *issuer, const char *revoked, int next_days)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -20 * 86400L),
		  *next = X509_gmtime_adj(NULL, next_days * 86400L);
	EVP_PKEY *key;
	X509 *ca;
	FILE *f;

	read_pair(issuer, &ca, &key);
	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca));
	X509_CRL_set1_lastUpdate(crl, from);
	X509_CRL_set1_nextUpdate(crl, next);
	if (revoked != NULL)
		revoke_one(crl, revoked);
	ck_assert_int_gt(X509_CRL_sign(crl, key, EVP_sha256()), 0);
	f = fopen(rig_file(file, "crl"), "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(PEM_write_X509_CRL(f, crl), 1);
	fclose(f);
	ASN1_TIME_free(from);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	X509_free(ca);
	EVP_PKEY_free(key);
}

void
rig_make_files(void)
{
	static const struct certificate_spec specs[] = {
		{"ca", NULL, "ca", NULL, -1, 3650},
		{"stranger", NULL, "stranger", NULL, -1, 3650},
		{"forger", NULL, "ca", NULL, -1, 3650},
		{"oldca", NULL, "old ca", NULL, -20, -10},
		{"colo-a", "ca", "relay", "colo-a", -1, 365},
		{"vpc-a", "ca", "peer", "other.example,vpc-a", -1, 365},
		{"vpc-b", "ca", "peer", "vpc-b", -1, 365},
		{"unlisted", "ca", "vpc-a", "vpc-z,\x1b[2Jbell\"\\", -1, 365},
		{"cn-only", "ca", "vpc-a", NULL, -1, 365},
		{"wildcard", "ca", "vpc-a", "*,*.vpc-a,.vpc-a,*.vpc.example", -1, 365},
		{"expired", "ca", "vpc-a", "vpc-a", -20, -10},
		{"not-yet", "ca", "vpc-a", "vpc-a", 10, 20},
		{"forged", "forger", "vpc-a", "vpc-a", -1, 365},
		{"impostor", "stranger", "vpc-a", "vpc-a", -1, 365},
		{"short", "ca", "vpc-a", "vpc-a", -1, 5},
		{"revoked", "ca", "vpc-a", "vpc-a", -1, 365},
	};

	snprintf(files.dir, sizeof(files.dir), "%s", "check_tunnel.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(files.dir));
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		rig_certificate(&specs[i]);
	rig_list("list", "ca", "revoked", 30);
	rig_list("soon", "ca", "vpc-a", 1);
	rig_list("late", "ca", NULL, -3);
	rig_list("alien", "stranger", NULL, 30);
	write_file(rig_file("noise", "pem"), "this is no PEM file\n");
}

void
rig_remove_files(void)
{
	for (size_t i = 0; i < files.name_count; i++)
		unlink(files.names[i]);
	rmdir(files.dir);
	files.name_count = 0;
}

TCase *
rig_case(Suite *s, const char *name, SFun set_up, SFun tear_down)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 300);
	tcase_add_unchecked_fixture(tc, rig_make_files, rig_remove_files);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	suite_add_tcase(s, tc);
	return tc;
}

struct tls_settings
rig_tls(const char *file, const char *ca)
{
	return (struct tls_settings){
		.certificate = (char *)rig_file(file, "crt"),
		.key = (char *)rig_file(file, "key"),
		.ca = (char *)rig_file(ca, "crt"),
		.rekey_records = 1U << 20,
		.handshake_timeout_ns = 20 * NS_PER_S,
	};
}
