/* SPDX-License-Identifier: Apache-2.0 */
#include <event2/buffer.h>
#include <jansson.h>

#include "ops/expect.h"
#include "ops/expect_watch.h"
#include "ops/status.h"
#include "ops/status_shared.h"
#include "path/capture.h"
#include "path/feed.h"
#include "path/history.h"
#include "path/relay.h"
#include "path/relay_session.h"

/* ---- the lane ---- */

static void
put_dropped(struct status *s, json_t *in, const counter_t *dropped)
{
	json_t *o = status_object(s, in, "dropped");

	for (int i = 0; i < DROP_POINT_COUNT; i++)
		status_counter(s, o, drop_point_name((enum drop_point)i), &dropped[i]);
}

static void
put_capture(struct status *s, json_t *lane, const struct relay_view *v)
{
	const struct capture_settings *settings = &v->settings->capture;
	json_t *o = status_object(s, lane, "capture");

	status_string(s, o, "interface", settings->interface);
	status_string(s, o, "file", settings->file);
	status_boolean(s, o, "link_up", gauge_get(&v->capture->link_up) != 0);
	status_integer(s, o, "ring_bytes", gauge_get(&v->capture->ring_bytes));
	status_counter(s, o, "frames", &v->capture->frames);
	put_dropped(s, o, relay_figures(v->core)->dropped);
}

static void
put_frames(struct status *s, json_t *lane, const struct relay_figures *f)
{
	json_t *o = status_object(s, lane, "frames");

#define X(id, name, help) status_counter(s, o, name, &f->decap[DECAP_##id]);
	DECAP_VERDICTS(X)
#undef X
	o = status_object(s, lane, "fragments");
#define X(id, name, help) status_counter(s, o, name, &f->reassembly[REASSEMBLE_##id]);
	REASSEMBLE_VERDICTS(X)
#undef X
	o = status_object(s, lane, "figures");
#define X(id, help) status_counter(s, o, #id, &f->id);
	RELAY_COUNTERS(X)
#undef X
}

static void
put_history(struct status *s, json_t *lane, const struct relay_view *v)
{
	json_t *o = status_object(s, lane, "history");

	status_integer(s, o, "memory_bytes",
		       (int64_t)history_memory_bytes(relay_history(v->core)));
	status_integer(s, o, "age_ns", v->settings->history.age_ns);
	if (v->history_used_bytes)
		status_integer(s, o, "used_bytes", gauge_get(v->history_used_bytes));
}

/* ---- channels ---- */

static void
put_capture_book(struct status *s, json_t *o, const struct capture_book *b)
{
#define X(name, help) status_counter(s, o, #name, &b->name);
	CAPTURE_BOOK(X)
#undef X
}

static void
put_expect(struct status *s, json_t *channel, const struct expect *e,
	   const struct expect_settings *settings)
{
	json_t *o;

	if (e == NULL)
		return;
	o = status_object(s, channel, "expect");
	status_string(s, o, "state", expect_state_name(e->state));
	status_integer(s, o, "datagrams",
		       (int64_t)expect_due(settings, settings->over_ns));
	status_integer(s, o, "over_ns", settings->over_ns);
	if (e->measured_ns == 0)
		return;
	status_integer(s, o, "measured_datagrams", (int64_t)e->measured);
	status_integer(s, o, "measured_over_ns", e->measured_ns);
}

static const char *
state_name(const struct relay_channel *c)
{
	if (gauge_get(&c->is_idle))
		return "not wanted";
	return gauge_get(&c->is_withdrawn) ? "withdrawn" : "captured";
}

static void
put_channel(struct status *s, json_t *channels, const struct relay_channel *c,
	    const struct expect *e)
{
	json_t *o = status_append(s, channels);

	status_string(s, o, "name", c->settings->name);
	status_address(s, o, "group", c->settings->group);
	status_integer(s, o, "port", c->settings->port);
	if (c->settings->source != 0)
		status_address(s, o, "source", c->settings->source);
	status_string(s, o, "feed", feed_name(c->settings->feed));
	status_string(s, o, "state", state_name(c));
	status_boolean(s, o, "wanted", gauge_get(&c->is_unwanted) == 0);
	if (gauge_get(&c->captured_last_ns) != 0)
		status_integer(s, o, "captured_last_ns",
			       gauge_get(&c->captured_last_ns));
	put_capture_book(s, o, &c->book);
	put_expect(s, o, e, &c->settings->expect);
}

static void
put_channels(struct status *s, json_t *lane, const struct relay_views *views,
	     size_t index)
{
	const struct relay_view *v = &views->lanes[index];

	json_t *channels = status_array(s, lane, "channels");

	for (size_t i = 1; i < relay_channel_count(v->core); i++)
		put_channel(s, channels, relay_channel(v->core, i),
			    expect_watch_at(views->expect, index, i));
	put_capture_book(s, status_object(s, lane, "marks"),
			 &relay_channel(v->core, 0)->book);
}

/* ---- sessions ---- */

static void
put_outlet(struct status *s, json_t *o, const struct relay_view *v, unsigned int remote,
	   size_t i)
{
	const struct relay_session *session = relay_session(v->core, remote);
	const struct outlet *outlet = &session->outlets[i];
	struct ledger_page page = ledger_relay_channel(v, remote, i);
	json_t *peer;

#define X(name, help) status_counter(s, o, #name, &outlet->book.name);
	SENT_BOOK(X)
#undef X
	status_integer(s, o, "residual", gauge_get(&session->residuals[i]));
	peer = status_object(s, o, "peer");
#define X(name, help) status_counter(s, peer, #name, &outlet->peer.name);
	PEER_BOOK(X)
#undef X
	if (i > 0)
		status_verdict(s, o, &page);
}

static void
put_remote(struct status *s, json_t *remotes, const struct relay_view *v,
	   const struct lane_view *lane, unsigned int remote)
{
	const struct relay_session *session = relay_session(v->core, remote);
	json_t *o = status_append(s, remotes), *channels;

	status_put_remote(s, o, lane, remote);
	status_hex(s, o, "instance", counter_get(&session->instance_seen));
	channels = status_array(s, o, "channels");
	for (size_t i = 1; i < relay_channel_count(v->core); i++) {
		json_t *c = status_append(s, channels);

		status_string(s, c, "name", relay_channel(v->core, i)->settings->name);
		put_outlet(s, c, v, remote, i);
	}
	put_outlet(s, status_object(s, o, "marks"), v, remote, 0);
}

static void
put_lane(struct status *s, json_t *lanes, const struct relay_views *views, size_t index)
{
	const struct relay_view *v = &views->lanes[index];
	struct lane_views all = view_relay_lanes(views);
	struct lane_view lane = all.at(all.views, index);
	json_t *o = status_append(s, lanes), *remotes;

	status_put_lane(s, o, index, &lane);
	status_hex(s, o, "epoch", relay_epoch(v->core));
	put_capture(s, o, v);
	put_frames(s, o, relay_figures(v->core));
	put_history(s, o, v);
	put_channels(s, o, views, index);
	status_put_upstream(s, o, v, STATUS_GAPS);
	remotes = status_array(s, o, "remotes");
	for (unsigned int r = 0; r < v->settings->remote_count; r++)
		put_remote(s, remotes, v, &lane, r);
}

void
status_relay(void *arg, struct evbuffer *out, const char **content_type, int *status)
{
	const struct relay_views *views = arg;
	struct ledger_page total = ledger_relay_total(views);
	struct status s = {.failed = false};
	struct trouble now = {.text = ""};
	json_t *root = json_object(), *lanes;

	status_put_process(&s, root, "relay", view_relay_lanes(views));
	trouble_quiet(&now, views);
	trouble_capture(&now, views);
	trouble_tunnel(&now, view_relay_lanes(views), clock_now().utc);
	status_verdict_now(&s, root, &total, &now);
	lanes = status_array(&s, root, "lanes");
	for (size_t i = 0; i < views->count; i++)
		put_lane(&s, lanes, views, i);
	status_finish(&s, root, out, content_type, status);
}

void
status_relay_health(void *arg, struct evbuffer *out, const char **content_type,
		    int *status)
{
	const struct relay_views *views = arg;
	bool ok = status_sessions_open(out, view_relay_lanes(views));

	(void)content_type;
	for (size_t i = 0; i < views->count; i++) {
		if (gauge_get(&views->lanes[i].capture->link_up) != 0)
			continue;
		evbuffer_add_printf(out, "lane %zu: the capture is down\n", i);
		ok = false;
	}
	if (ok)
		evbuffer_add_printf(out, "ok\n");
	else
		*status = 503;
}
