/* SPDX-License-Identifier: Apache-2.0 */
#include "path/life.h"

void
life_begin(struct life *l, mono_t now, enum path_kind kind)
{
	l->up = true;
	l->heard = now;
	l->bye_sent = l->bye_heard = false;
	gauge_set(&l->is_datagram, kind == PATH_DATAGRAM);
	gauge_set(&l->is_up, true);
}

void
life_end(struct life *l)
{
	l->up = false;
	gauge_set(&l->is_up, false);
}

bool
life_take_bye(struct life *l, const struct wire_frame *f, struct wire_name *text)
{
	uint8_t reason;

	if (!wire_get_bye(f, &reason, text))
		return false;
	l->bye_heard = true;
	l->bye = (enum wire_bye)reason;
	return true;
}
