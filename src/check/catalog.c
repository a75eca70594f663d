/* SPDX-License-Identifier: Apache-2.0 */
#include "check/catalog.h"

static const struct catalog_entry entries[] = {
#define X(id, number, name, group) [CHECK_##id] = {number, name, group},
	CATALOG(X)
#undef X
};

const struct catalog_entry *
catalog_entry(enum check_id id)
{
	return &entries[id];
}
