/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_OUTPUTS_H
#define TOMBOLO_CONF_OUTPUTS_H
/*
 * What must hold among the entries of a peer's channels:, beyond each key by itself.
 */
#include "ops/conf_file.h"
#include "ops/settings.h"

void conf_outputs_check(struct conf *c, const struct peer_settings *s);

#endif
