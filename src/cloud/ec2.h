/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_EC2_H
#define TOMBOLO_EC2_H
/*
 * What is asked of the EC2 API; nothing is changed by any of it. Shell; each call
 * blocks for EC2_TRIES times timeout_ns at most for each page, and asks again when it
 * is told to slow down. Thread-safe once curl_global_init(3) has been called.
 *
 * All return 0 or, with a line in error: -EACCES (the keys may not do this),
 * -EKEYREJECTED (they are no good, or the clock is wrong), -ENOENT, -EBUSY (throttled),
 * -EIO (their side), -ETIMEDOUT, -EHOSTUNREACH, -EPROTO (makes no sense), -E2BIG,
 * -ENOMEM, -EINVAL (ours makes no sense).
 */
#include <stdint.h>

#include "cloud/keys.h"
#include "cloud/reply.h"
#include "cloud/web.h"

#define EC2_TRIES     3
#define EC2_PAGES_MAX 100

struct ec2 {
	const char *endpoint; /* URL; NULL: the region's own */
	const char *region;   /* "ap-northeast-2" */
	const struct keys *keys;
	int64_t timeout_ns;
};

/* Who is in the groups of a multicast domain: members and sources, and by which
 * interface. To be released with free(members->list) also after an error. */
int ec2_members(const struct ec2 *e, const char *domain, struct reply_members *members,
		char error[WEB_ERROR_BYTES]);

/* One domain; with domain NULL all that the account sees. */
int ec2_domains(const struct ec2 *e, const char *domain, struct reply_domains *domains,
		char error[WEB_ERROR_BYTES]);

/* Whether a subnet is associated with a domain: a->subnet is set. */
int ec2_association(const struct ec2 *e, const char *domain,
		    struct reply_association *a, char error[WEB_ERROR_BYTES]);

int ec2_interface(const struct ec2 *e, const char *id, struct reply_interface *i,
		  char error[WEB_ERROR_BYTES]);

#endif
