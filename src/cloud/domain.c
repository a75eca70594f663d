/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/domain.h"

#include <string.h>

bool
domain_is_one(const char *text)
{
	static const char prefix[] = "tgw-mcast-domain-";
	const char *digits = text + sizeof(prefix) - 1;

	return strncmp(text, prefix, sizeof(prefix) - 1) == 0 && digits[0] != '\0' &&
	       strlen(text) < DOMAIN_BYTES &&
	       digits[strspn(digits, "0123456789abcdef")] == '\0';
}
