/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_NAMES_H
#define TOMBOLO_NAMES_H
/*
 * Which places of a table have which name, found without looking at all of them: with
 * thousands of channels a walk for each would hold up whoever looks them all up.
 * Several places may have one name. A name is borrowed: it stays where it is, as it is,
 * for as long as its place has it. Pure but for names_new(); nothing is allocated
 * afterwards.
 */
#include <stddef.h>
#include <stdint.h>

#define NAMES_NONE UINT32_MAX

struct names;

/* Room for places 0 to places - 1. NULL: no memory. */
struct names *names_new(uint32_t places);
void names_free(struct names *n);
size_t names_memory_bytes(uint32_t places);

/* No place has a name. */
void names_clear(struct names *n);
/* The place has that name from now on, and not the one it had. */
void names_put(struct names *n, uint32_t place, const char *name);

/* A place of that name, and the further ones, in no order; NAMES_NONE: no more. */
uint32_t names_find(const struct names *n, const char *name);
uint32_t names_next(const struct names *n, uint32_t place);

#endif
