/* SPDX-License-Identifier: Apache-2.0 */
/* tombolo-peer(8): see path/peer_lane.c for the lane, ops/daemon.c for the rest. */
#include "base/log.h"
#include "ops/conf.h"
#include "ops/daemon.h"
#include "ops/interfaces.h"
#include "ops/ledger.h"
#include "ops/members.h"
#include "ops/metrics.h"
#include "ops/recording.h"
#include "ops/recording_sources.h"
#include "ops/reload.h"
#include "ops/status.h"
#include "ops/summary.h"
#include "ops/view.h"
#include "path/peer.h"
#include "path/peer_lane.h"
#include "path/shell.h"

struct served {
	struct peer_views views;
	struct peer_lane *lane;
	struct members *members; /* NULL: all groups are wanted */
};

static void
summary(void *arg, char *text, size_t bytes)
{
	struct served *s = arg;

	summary_peer(&s->views, text, bytes);
}

static void
give(void *arg, uint32_t *groups, size_t count)
{
	peer_lane_demand(arg, groups, count);
}

static void
look(void *arg)
{
	const struct served *s = arg;

	interfaces_look(s->views.interfaces, s->views.lanes[0].settings->emit.interface,
			USE_EMISSION, view_peer_lanes(&s->views));
	if (s->members != NULL)
		members_look(s->members, s->views.lanes[0].settings->emit.domain, give,
			     s->lane);
}

static void
start_members(struct served *served, const struct emit_settings *emit)
{
	if (emit->members != MEMBERS_EC2)
		return;
	served->members = members_start(emit->domain);
	if (served->members == NULL)
		fatal("main", "out of memory");
	served->views.members = members_figures(served->members);
}

static void
show(struct peer_lane *l, struct peer_view *v)
{
	struct shell *shell = peer_lane_shell(l);

	v->core = peer_lane_core(l);
	v->emit = peer_lane_emit(l);
	v->tunnel = tunnel_figures(shell->tunnel);
	v->since_ns = shell->since_ns;
	v->turns = &shell->lane.turns;
	v->lane = &shell->lane;
	v->pool_used_chunks = peer_pool_used(v->core);
	v->started = clock_now().utc;
}

static int
change(void *lane, const void *next, void (*adopt)(void *arg), void *arg, char *error,
       size_t error_bytes)
{
	return peer_lane_reload(lane, next, adopt, arg, error, error_bytes);
}

static int
serve(const char *file, void *settings)
{
	struct peer_settings *s = settings;
	char error[1024];
	struct peer_lane *peer = peer_lane_new(s, 0, error, sizeof error);
	struct peer_view view = {.settings = s, .version = PACKAGE_VERSION};
	struct served served = {
		.views = {.lanes = &view, .count = 1, .interfaces = interfaces_new()},
		.lane = peer};
	struct recordings recordings = {.active = 0};
	struct reload reload = {file, &peer_conf, s, peer, change};
	struct daemon daemon = {.service = &s->service,
				.lanes = &view.lane,
				.lane_count = 1,
				.metrics = metrics_peer,
				.status = status_peer,
				.gaps = status_peer_gaps,
				.health = status_peer_health,
				.views = &served.views,
				.recordings = &recordings,
				.reload = &reload,
				.summary = summary,
				.look = look,
				.arg = &served};
	int status;

	if (peer == NULL)
		fatal("main", "%s", error);
	if (served.views.interfaces == NULL)
		fatal("main", "out of memory or descriptors");
	show(peer, &view);
	recordings.source = recording_of_peer(&view);
	start_members(&served, &s->emit);
	status = daemon_run(&daemon);
	members_stop(served.members);
	peer_balance(peer_lane_core(peer)); /* its thread has ended */
	ledger_log_peer(&served.views);
	interfaces_free(served.views.interfaces);
	peer_lane_free(peer);
	return status;
}

int
main(int argc, char **argv)
{
	static const struct daemon_program program = {
		.name = "tombolo-peer",
		.file = SYSCONFDIR "/tombolo/peer.yaml",
		.conf = &peer_conf,
		.serve = serve,
	};

	return daemon_main(argc, argv, &program);
}
