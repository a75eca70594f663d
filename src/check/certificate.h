/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CERTIFICATE_H
#define TOMBOLO_CERTIFICATE_H
/*
 * The files of tls:, as a remote would see them that has the same CA. Each question is
 * asked for itself, so that a certificate that is merely old is not also called
 * untrusted.
 */
#include <stdbool.h>
#include <stdint.h>

#include "check/finding.h"
#include "ops/settings.h"

#define CERTIFICATE_ERROR_BYTES 320

struct certificate_facts {
	const struct tls_settings *files;
	const char *node;
	bool loaded;                              /* the pair could be read */
	char pair_error[CERTIFICATE_ERROR_BYTES]; /* why not, or does not match; "" */
	bool key_is_public;                /* everybody on this host may read it */
	int64_t not_before_s, not_after_s; /* seconds since 1970 */
	char chain_error[CERTIFICATE_ERROR_BYTES]; /* "": a CA of ours has signed it */
	bool carries_node;
	char names[256];
	unsigned int lists;                       /* revocation lists */
	char list_error[CERTIFICATE_ERROR_BYTES]; /* not readable, or not of its CA */
	int64_t list_next_s;                      /* the first that is due; 0: none */
};

/* Shell: reads the files. Pointers are borrowed. */
void certificate_read(struct certificate_facts *c, const struct tls_settings *files,
		      const char *node);

/* Pure. now_s: seconds since 1970. */
void certificate_judge_pair(struct finding *f, const struct certificate_facts *c);
void certificate_judge_validity(struct finding *f, const struct certificate_facts *c,
				int64_t now_s);
void certificate_judge_chain(struct finding *f, const struct certificate_facts *c);
void certificate_judge_name(struct finding *f, const struct certificate_facts *c);
void certificate_judge_lists(struct finding *f, const struct certificate_facts *c,
			     int64_t now_s);

#endif
