/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_GROUPS_H
#define TOMBOLO_GROUPS_H
/* The groups of a multicast domain in which somebody receives. Pure but for memory. */
#include <stddef.h>
#include <stdint.h>

#include "cloud/reply.h"

/* Sorted, each once; to be released with free(). A group with sources alone is none of
 * them, so that nobody keeps it alive by sending to it. NULL: no memory. */
uint32_t *groups_of_members(const struct reply_members *members, size_t *count);

#endif
