/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_IGMP_H
#define TOMBOLO_IGMP_H
/* What /proc/net/igmp and mcfilter say. Pure: text in, facts out. */
#include <stdbool.h>
#include <stdint.h>

/* The group is joined on the interface, by the text of /proc/net/igmp. */
bool igmp_has(const char *igmp, const char *interface, uint32_t group);
/* The version that the interface speaks now, as the querier made it: 1 to 3, 0: the
 * interface is not there. */
int igmp_version(const char *igmp, const char *interface);
/* The source is asked for, by the text of /proc/net/mcfilter. */
bool igmp_has_source(const char *mcfilter, const char *interface, uint32_t group,
		     uint32_t source);

#endif
