/* SPDX-License-Identifier: Apache-2.0 */
/* tombolo-peer(8): see path/peer_lane.c for the lane, ops/daemon.c for the rest. */
#include <stdio.h>

#include "base/log.h"
#include "ops/conf.h"
#include "ops/control.h"
#include "ops/daemon.h"
#include "ops/http.h"
#include "ops/ledger.h"
#include "ops/metrics.h"
#include "ops/page.h"
#include "ops/status.h"
#include "ops/summary.h"
#include "ops/view.h"
#include "path/lane.h"
#include "path/peer.h"
#include "path/peer_lane.h"

#define PROGRAM "tombolo-peer"

static struct peer_settings *
load(const char *file)
{
	char error[1024];
	struct peer_settings *s = peer_conf_load(file, error, sizeof error);

	if (s == NULL)
		fprintf(stderr, "%s\n", error);
	return s;
}

static void
routes(void *arg, struct http *http)
{
	const struct peer_views *views = arg;

	http_route(http, "/", page_serve, NULL);
	http_route(http, "/metrics", metrics_peer, arg);
	http_route(http, "/status", status_peer, arg);
	http_route(http, "/healthz", status_peer_health, arg);
	control_routes(http, &views->lanes[0].settings->tls);
}

static int
serve(const struct peer_settings *s)
{
	char error[1024];
	struct peer_lane *peer = peer_lane_new(s, 0, error, sizeof error);
	struct peer_view view = {.settings = s, .version = PACKAGE_VERSION};
	struct peer_views views = {.lanes = &view, .count = 1};
	struct lane *lanes[1];
	struct daemon daemon = {.program = PROGRAM,
				.service = &s->service,
				.lanes = lanes,
				.lane_count = 1,
				.routes = routes,
				.summary = summary_peer,
				.arg = &views};
	int status;

	if (peer == NULL)
		fatal("main", "%s", error);
	lanes[0] = peer_lane_lane(peer);
	view.core = peer_lane_core(peer);
	view.emit = peer_lane_emit(peer);
	view.tunnel = peer_lane_tunnel(peer);
	view.since_ns = peer_lane_since_ns(peer);
	view.turns = &lanes[0]->turns;
	view.pool_used_chunks = peer_pool_used(view.core);
	view.started = clock_now().utc;
	status = daemon_run(&daemon);
	peer_balance(peer_lane_core(peer)); /* its thread has ended */
	ledger_log_peer(&views);
	peer_lane_free(peer);
	return status;
}

int
main(int argc, char **argv)
{
	struct daemon_options o =
		daemon_options(argc, argv, PROGRAM, SYSCONFDIR "/tombolo/peer.yaml");
	struct peer_settings *s = load(o.file);
	int status = 0;

	if (s == NULL)
		return 1;
	if (o.print)
		peer_conf_print(s, stdout);
	if (!o.print && !o.check) {
		log_init(PROGRAM, (enum log_level)s->service.log_level);
		status = serve(s);
	}
	peer_conf_free(s);
	return status;
}
