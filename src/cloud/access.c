/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
access_region(void)
{
	const char *said = getenv("AWS_REGION");

	return said != NULL ? said : getenv("AWS_DEFAULT_REGION");
}

bool
access_metadata_is_off(void)
{
	const char *off = getenv("AWS_EC2_METADATA_DISABLED");

	return off != NULL && strcasecmp(off, "true") == 0;
}

static bool
read_region(char region[IMDS_VALUE_BYTES])
{
	const char *said = access_region();

	if (said == NULL || said[0] == '\0')
		return false;
	return snprintf(region, IMDS_VALUE_BYTES, "%s", said) < IMDS_VALUE_BYTES;
}

static int
open_metadata(struct imds *m, int64_t timeout_ns, char error[WEB_ERROR_BYTES])
{
	if (!access_metadata_is_off())
		return imds_open(m, getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
				 timeout_ns, error);
	snprintf(error, WEB_ERROR_BYTES,
		 "keys or region are not in the environment, and the metadata service "
		 "is not to be asked (AWS_EC2_METADATA_DISABLED)");
	return -EACCES;
}

int
access_find(struct access *a, int64_t timeout_ns, char error[WEB_ERROR_BYTES])
{
	bool has_keys = keys_from_environment(&a->keys);
	bool has_region = read_region(a->region);
	struct imds m;
	int rc = 0;

	if (has_keys && has_region)
		return 0;
	rc = open_metadata(&m, timeout_ns, error);
	if (rc == 0 && !has_region)
		rc = imds_get(&m, "placement/region", a->region, error);
	if (rc == 0 && !has_keys)
		rc = imds_keys(&m, &a->keys, error);
	return rc;
}
