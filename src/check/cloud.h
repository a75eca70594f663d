/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CLOUD_H
#define TOMBOLO_CLOUD_H
/* What AWS says of this instance and of its multicast domain, and what that means. Pure.
 * Of an answer that did not come, error is what ec2.h or imds.h returned, and why. */
#include "check/finding.h"
#include "cloud/ec2.h"
#include "cloud/imds.h"
#include "ops/settings.h"

/* An answer: 0, or why there is none. */
struct cloud_answer {
	int error;
	char text[WEB_ERROR_BYTES];
};

struct cloud_instance {
	struct cloud_answer answer;
	char id[IMDS_VALUE_BYTES], type[IMDS_VALUE_BYTES], region[IMDS_VALUE_BYTES];
	/* Of the interface that is emitted on, where there is one. */
	const char *interface;               /* NULL: nothing is emitted */
	char interface_id[IMDS_VALUE_BYTES]; /* "": the service does not know it */
	char subnet[IMDS_VALUE_BYTES];
};
void cloud_judge_instance(struct finding *f, const struct cloud_instance *i);

/* The first thing that was asked of the API, with these keys. */
void cloud_judge_access(struct finding *f, const struct cloud_answer *a,
			const struct keys *keys, const char *region);

struct cloud_domain {
	struct cloud_answer answer;
	const char *id;
	bool configured; /* false: found by the subnet */
	struct reply_domain domain;
};
void cloud_judge_domain(struct finding *f, const struct cloud_domain *d);

struct cloud_association {
	struct cloud_answer answer;
	const char *domain;
	struct reply_association of;
};
void cloud_judge_association(struct finding *f, const struct cloud_association *a);

/* source: the address that is emitted from. */
void cloud_judge_source_check(struct finding *f, const struct cloud_answer *a,
			      const struct reply_interface *i, uint32_t source);

#define CLOUD_GROUPS_MAX CHANNELS_MAX

struct cloud_groups {
	struct cloud_answer answer;
	const struct reply_members *members;
	const uint32_t *groups; /* that are emitted to, as far as is known; each once */
	size_t group_count;
	uint64_t flow_pps; /* emit.quota */
};
void cloud_judge_members(struct finding *f, const struct cloud_groups *g);

/* static_sources: -1: not known. interface_id "": likewise. */
void cloud_judge_sources(struct finding *f, const struct cloud_groups *g,
			 int static_sources, const char *interface_id);

#endif
