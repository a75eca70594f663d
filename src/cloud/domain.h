/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_DOMAIN_H
#define TOMBOLO_DOMAIN_H
/* The identifier of a Transit Gateway's multicast domain. Pure. */
#include <stdbool.h>

#define DOMAIN_BYTES 48 /* with the NUL */

/* "tgw-mcast-domain-" and hexadecimal digits. */
bool domain_is_one(const char *text);

#endif
