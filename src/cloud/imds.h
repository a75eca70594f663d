/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_IMDS_H
#define TOMBOLO_IMDS_H
/*
 * The instance metadata service of EC2, version 2: a token by PUT, then whatever is
 * asked for with it. Version 1 is not tried. Shell; blocks, timeout_ns at most for each
 * call.
 */
#include <stdint.h>

#include "cloud/keys.h"
#include "cloud/web.h"

#define IMDS_ENDPOINT    "http://169.254.169.254"
#define IMDS_VALUE_BYTES 128

struct imds {
	char endpoint[256];
	char token[256];
	int64_t timeout_ns;
};

/* endpoint NULL: IMDS_ENDPOINT. 0 or negative errno with a line in error. */
int imds_open(struct imds *m, const char *endpoint, int64_t timeout_ns,
	      char error[WEB_ERROR_BYTES]);

/* A value of one line below /latest/meta-data/: "placement/region". -ENOENT: there is
 * none. */
int imds_get(const struct imds *m, const char *path, char value[IMDS_VALUE_BYTES],
	     char error[WEB_ERROR_BYTES]);

/* The keys of the instance's role. -ENOENT: it has none. */
int imds_keys(const struct imds *m, struct keys *keys, char error[WEB_ERROR_BYTES]);

#endif
