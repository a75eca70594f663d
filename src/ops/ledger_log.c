/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's pages out of the lanes' figures, and the final lines of a process. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "ops/interfaces.h"
#include "ops/ledger.h"
#include "ops/view.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/quota.h"
#include "path/relay.h"
#include "path/relay_session.h"

/* ---- pages ---- */

void
ledger_add_interfaces(struct ledger_page *p, const struct interfaces *all)
{
	for (size_t i = 0; all != NULL && i < all->count; i++) {
		const struct interface *one = &all->all[i];

		for (size_t n = 0; n < ALLOWANCE_COUNT; n++)
			p->exceeded[n] += one->allowances.total[n];
		if ((one->uses >> USE_EMISSION & 1) != 0)
			p->not_emitted += one->counters.total[IFSTAT_tx_dropped];
	}
}

static void
add_outlet(struct ledger_page *p, const struct outlet *o)
{
	ledger_add_books(p, &o->book, &o->peer);
	p->unreported += counter_get(&o->unreported);
}

struct ledger_page
ledger_relay_channel(const struct relay_view *v, unsigned int remote, size_t index)
{
	const struct relay_session *s = relay_session(v->core, remote);
	struct ledger_page p = {.one_channel = true};

	ledger_add_capture(&p, &relay_channel(v->core, index)->book);
	add_outlet(&p, &s->outlets[index]);
	ledger_add_dropped(&p, relay_figures(v->core)->dropped);
	ledger_add_residual(&p, gauge_get(&s->residuals[index]));
	return p;
}

struct ledger_page
ledger_peer_channel(const struct peer_view *v, unsigned int remote, size_t index)
{
	const struct peer_session *s = peer_session(v->core, remote);
	const struct peer_channel *c = &s->channels[index];
	struct ledger_page p = {.one_channel = true};

	ledger_add_books(&p, &c->relay, &c->book);
	ledger_add_dropped(&p, s->figures.dropped);
	ledger_add_residual(&p, gauge_get(&c->received_residual));
	ledger_add_residual(&p, gauge_get(&c->expected_residual));
	return p;
}

static void
add_relay_session(struct ledger_page *p, const struct relay_view *v,
		  unsigned int remote)
{
	const struct relay_session *s = relay_session(v->core, remote);

	for (size_t i = 0; i < relay_channel_count(v->core); i++) {
		ledger_add_residual(p, gauge_get(&s->residuals[i]));
		if (i > 0) /* not the marks */
			add_outlet(p, &s->outlets[i]);
	}
}

struct ledger_page
ledger_relay_total(const struct relay_views *views)
{
	struct ledger_page p = {0};

	for (size_t l = 0; l < views->count; l++) {
		const struct relay_view *v = &views->lanes[l];

		ledger_add_dropped(&p, relay_figures(v->core)->dropped);
		for (size_t i = 1; i < relay_channel_count(v->core); i++)
			ledger_add_capture(&p, &relay_channel(v->core, i)->book);
		for (unsigned int r = 0; r < v->settings->remote_count; r++)
			add_relay_session(&p, v, r);
	}
	ledger_add_interfaces(&p, views->interfaces);
	return p;
}

static void
add_peer_session(struct ledger_page *p, const struct peer_view *v, unsigned int remote)
{
	const struct peer_session *s = peer_session(v->core, remote);

	ledger_add_dropped(p, s->figures.dropped);
	for (size_t i = 0; i < peer_channel_count(v->core, remote); i++) {
		const struct peer_channel *c = &s->channels[i];

		ledger_add_residual(p, gauge_get(&c->received_residual));
		ledger_add_residual(p, gauge_get(&c->expected_residual));
		if (!gauge_get(&c->is_marks))
			ledger_add_books(p, &c->relay, &c->book);
	}
}

/* Of all flows, those that made room included, or of all together where that is a quota
 * of its own. */
static uint64_t
sum_over_quota(const struct quota *q)
{
	uint64_t all = counter_get(&quota_all(q)->over[METER_100MS]);
	uint64_t flows = quota_over_gone(q);

	for (uint32_t i = 0; i < quota_count_flows(q); i++)
		flows += counter_get(&quota_at(q, i)->over[METER_100MS]);
	return flows > all ? flows : all;
}

struct ledger_page
ledger_peer_total(const struct peer_views *views)
{
	struct ledger_page p = {0};

	for (size_t l = 0; l < views->count; l++) {
		const struct peer_view *v = &views->lanes[l];

		p.over_quota += sum_over_quota(peer_quota(v->core));
		for (unsigned int r = 0; r < v->settings->remote_count; r++)
			add_peer_session(&p, v, r);
	}
	ledger_add_interfaces(&p, views->interfaces);
	return p;
}

/* ---- lines ---- */

#define LINE_BYTES 900 /* what a log line surely takes (base/log.c) */
#define KEY_BYTES  96  /* the longest key=value */

/* A line in the making: what does not fit goes on a further one with the same head. */
struct line {
	enum log_level level;
	char head[384];
	char text[LINE_BYTES - 384];
	size_t len;
};

static void
flush(struct line *l)
{
	log_line(l->level, "ledger", NULL, "%s%s", l->head, l->text);
	l->text[0] = '\0';
	l->len = 0;
}

static void put(struct line *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
put(struct line *l, const char *fmt, ...)
{
	va_list args;

	if (l->len + KEY_BYTES > sizeof(l->text))
		flush(l);
	va_start(args, fmt);
	vsnprintf(l->text + l->len, KEY_BYTES, fmt, args);
	va_end(args);
	l->len += strlen(l->text + l->len);
}

static void
put_figure(struct line *l, const char *name, uint64_t value)
{
	if (value > 0)
		put(l, " %s=%" PRIu64, name, value);
}

static void
put_page(struct line *l, const struct ledger_page *p)
{
#define X(name, help) put_figure(l, #name, p->capture.name);
	CAPTURE_BOOK(X)
#undef X
#define X(name, help) put_figure(l, #name, p->sent.name);
	SENT_BOOK(X)
#undef X
#define X(name, help) put_figure(l, #name, p->peer.name);
	PEER_BOOK(X)
#undef X
}

static void
begin(struct line *l, const struct ledger_page *p, size_t lane, const char *remote,
      const char *channel)
{
	*l = (struct line){.level = p->residual ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO};
	snprintf(l->head, sizeof(l->head), "books lane=%zu remote=%s channel=%s", lane,
		 remote, channel);
}

static void
log_relay_channel(const struct relay_view *v, size_t lane, unsigned int remote,
		  size_t i)
{
	struct ledger_page p = ledger_relay_channel(v, remote, i);
	const struct relay_channel *c = relay_channel(v->core, i);
	const struct relay_session *s = relay_session(v->core, remote);
	struct line l;

	begin(&l, &p, lane, s->settings->name,
	      c->settings ? c->settings->name : "(marks)");
	put_page(&l, &p);
	put(&l, " residual=%" PRId64, gauge_get(&s->residuals[i]));
	flush(&l);
}

static void
log_peer_channel(const struct peer_view *v, size_t lane, unsigned int remote, size_t i)
{
	struct ledger_page p = ledger_peer_channel(v, remote, i);
	const struct peer_channel *c = peer_channel(v->core, remote, i);
	char name[NAME_BYTES_MAX];
	struct line l;

	peer_channel_name(c, name);
	begin(&l, &p, lane, v->settings->remotes[remote].name,
	      gauge_get(&c->is_marks) ? "(marks)" : name);
	put_page(&l, &p);
	put(&l, " residual_received=%" PRId64, gauge_get(&c->received_residual));
	put(&l, " residual_expected=%" PRId64, gauge_get(&c->expected_residual));
	flush(&l);
}

static void
log_verdict(const struct ledger_page *p)
{
	char text[LEDGER_VERDICT_BYTES];

	ledger_verdict(p, text);
	log_line(p->residual ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "ledger", NULL,
		 "verdict: %s", text);
}

void
ledger_log_relay(const struct relay_views *views)
{
	struct ledger_page total = ledger_relay_total(views);

	for (size_t lane = 0; lane < views->count; lane++) {
		const struct relay_view *v = &views->lanes[lane];

		for (unsigned int r = 0; r < v->settings->remote_count; r++)
			for (size_t i = 0; i < relay_channel_count(v->core); i++)
				log_relay_channel(v, lane, r, i);
	}
	log_verdict(&total);
}

void
ledger_log_peer(const struct peer_views *views)
{
	struct ledger_page total = ledger_peer_total(views);

	for (size_t lane = 0; lane < views->count; lane++) {
		const struct peer_view *v = &views->lanes[lane];

		for (unsigned int r = 0; r < v->settings->remote_count; r++)
			for (size_t i = 0; i < peer_channel_count(v->core, r); i++)
				log_peer_channel(v, lane, r, i);
	}
	log_verdict(&total);
}
