/* SPDX-License-Identifier: Apache-2.0 */
/* tombolo-relay(8): see path/relay_lane.c for the lane, ops/daemon.c for the rest. */
#include "base/log.h"
#include "ops/conf.h"
#include "ops/daemon.h"
#include "ops/demand_watch.h"
#include "ops/expect_watch.h"
#include "ops/interfaces.h"
#include "ops/ledger.h"
#include "ops/metrics.h"
#include "ops/quiet_watch.h"
#include "ops/recording.h"
#include "ops/recording_sources.h"
#include "ops/reload.h"
#include "ops/status.h"
#include "ops/summary.h"
#include "ops/view.h"
#include "path/relay.h"
#include "path/relay_lane.h"
#include "path/shell.h"

struct served {
	struct relay_views views;
	struct demand_watch *demand;
};

static void
summary(void *arg, char *text, size_t bytes)
{
	struct served *s = arg;

	summary_relay(&s->views, text, bytes);
}

static void
look(void *arg)
{
	const struct served *s = arg;
	struct now now = clock_now();

	demand_watch_look(s->demand, now.mono);
	expect_watch_look(s->views.expect, &s->views, now);
	quiet_watch_look(s->views.quiet, &s->views, now.mono);
	interfaces_look(s->views.interfaces,
			s->views.lanes[0].settings->capture.interface, USE_CAPTURE,
			view_relay_lanes(&s->views));
}

static void
show(struct relay_lane *l, struct relay_view *v)
{
	struct shell *shell = relay_lane_shell(l);

	v->core = relay_lane_core(l);
	v->capture = relay_lane_capture(l);
	v->tunnel = tunnel_figures(shell->tunnel);
	v->since_ns = shell->since_ns;
	v->turns = &shell->lane.turns;
	v->lane = &shell->lane;
	v->history_used_bytes = relay_history_used(v->core);
	v->started = clock_now().utc;
}

static int
change(void *lane, const void *next, void (*adopt)(void *arg), void *arg, char *error,
       size_t error_bytes)
{
	return relay_lane_reload(lane, next, adopt, arg, error, error_bytes);
}

static int
serve(const char *file, void *settings)
{
	struct relay_settings *s = settings;
	char error[1024];
	struct relay_lane *relay = relay_lane_new(s, 0, error, sizeof error);
	struct relay_view view = {.settings = s, .version = PACKAGE_VERSION};
	struct served served = {.views = {.lanes = &view,
					  .count = 1,
					  .expect = expect_watch_new(),
					  .quiet = quiet_watch_new(),
					  .interfaces = interfaces_new()},
				.demand = demand_watch_new(s, relay)};
	struct recordings recordings = {.active = 0};
	struct reload reload = {file, &relay_conf, s, relay, change};
	struct daemon daemon = {.service = &s->service,
				.lanes = &view.lane,
				.lane_count = 1,
				.metrics = metrics_relay,
				.status = status_relay,
				.gaps = status_relay_gaps,
				.health = status_relay_health,
				.views = &served.views,
				.recordings = &recordings,
				.reload = &reload,
				.summary = summary,
				.look = look,
				.arg = &served};
	int status;

	if (relay == NULL)
		fatal("main", "%s", error);
	if (served.views.expect == NULL || served.views.quiet == NULL ||
	    served.views.interfaces == NULL || served.demand == NULL)
		fatal("main", "out of memory or descriptors");
	show(relay, &view);
	recordings.source = recording_of_relay(&view);
	status = daemon_run(&daemon);
	relay_finish(relay_lane_core(relay)); /* its thread has ended */
	ledger_log_relay(&served.views);
	expect_watch_free(served.views.expect);
	quiet_watch_free(served.views.quiet);
	demand_watch_free(served.demand);
	interfaces_free(served.views.interfaces);
	relay_lane_free(relay);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "tombolo-relay",
		.file = SYSCONFDIR "/tombolo/relay.yaml",
		.conf = &relay_conf,
		.serve = serve,
	};

	return daemon_main(argc, argv, &program);
}
