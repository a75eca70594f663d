/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf.h"
#include "ops/reload.h"
#include "ops/reload_shared.h"
#include "path/peer_lane.h"

bool
reload_peer(const struct peer_reload *r, char *text, size_t text_bytes)
{
	struct peer_settings *next = peer_conf_load(r->file, text, text_bytes);
	struct reload_exchange e = {peer_conf_record(), r->settings, next};
	struct conf_change change;
	bool done = false;

	if (next == NULL)
		return reload_refuse(text);
	conf_compare(e.record, r->settings, next, &change);
	if (change.fixed[0] != '\0')
		reload_refuse_fixed(&change, text, text_bytes);
	else if (peer_lane_reload(r->lane, next, reload_adopt, &e, text, text_bytes) !=
		 0)
		reload_refuse(text);
	else
		done = true;
	if (done)
		reload_finish(&change, &next->service, &r->settings->service, text,
			      text_bytes);
	peer_conf_free(next);
	return done;
}
