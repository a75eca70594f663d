/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ACCESS_H
#define TOMBOLO_ACCESS_H
/*
 * With which keys, and of which region, the EC2 API is asked: by the environment, as
 * AWS's own tools read it, and by the instance metadata service for what it does not
 * say. Shell; blocks.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cloud/imds.h"
#include "cloud/keys.h"
#include "cloud/web.h"

struct access {
	struct keys keys;
	char region[IMDS_VALUE_BYTES];
};

/* By the environment; NULL: it does not say. */
const char *access_region(void);
/* The metadata service is not to be asked. */
bool access_metadata_is_off(void);

/* 0 or negative errno with a line in error. */
int access_find(struct access *a, int64_t timeout_ns, char error[WEB_ERROR_BYTES]);

#endif
