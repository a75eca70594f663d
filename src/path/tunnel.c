/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tunnel of one lane: its tables, and what the lane calls. path.h says which
 * file does what behind it.
 */
#include "path/tunnel.h"

#include <errno.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "path/connection.h"
#include "path/dial.h"
#include "path/dtls.h"
#include "path/flow.h"
#include "path/listen.h"
#include "path/path.h"
#include "path/tls.h"

/* ---- helpers for the tunnel's other files ---- */

const struct transport_ops *
path_transport(enum transport transport)
{
	static const struct transport_ops *const transports[] = {
		[TRANSPORT_TLS] = &tls_transport,
		[TRANSPORT_DTLS] = &dtls_transport,
	};

	if ((size_t)transport >= sizeof(transports) / sizeof(transports[0]))
		return NULL;
	return transports[transport];
}

const char *
path_remote_name(const struct path *p)
{
	return p->tunnel->settings.remotes[p->remote].name;
}

void
path_log_down(const struct path *p)
{
	if (p->ours && !p->failed)
		log_info("tunnel", "path down remote=%s slot=%u reason=\"%s\"",
			 path_remote_name(p), p->slot, p->reason);
	else
		log_warn("tunnel", "path down remote=%s slot=%u reason=\"%s\"",
			 path_remote_name(p), p->slot, p->reason);
}

struct timeval
path_timeval(int64_t ns)
{
	return (struct timeval){.tv_sec = ns / NS_PER_S,
				.tv_usec = ns % NS_PER_S / NS_PER_US};
}

/* ---- start and end ---- */

static int
check_transports(const struct half_settings *s, char *error, size_t error_bytes)
{
	for (size_t i = 0; i < s->remote_count; i++) {
		for (size_t j = 0; j < s->remotes[i].path_count; j++) {
			if (path_transport(s->remotes[i].paths[j].transport) != NULL)
				continue;
			snprintf(
				error, error_bytes,
				"remote %s, path %zu: this transport is not available; "
				"use tls",
				s->remotes[i].name, j + 1);
			return -EPROTONOSUPPORT;
		}
	}
	return 0;
}

/* Untouched buffers cost address space, not memory. */
static int
allocate(struct tunnel *t)
{
	const size_t each = INPUT_BYTES_MAX + FILL_BYTES_MAX;

	t->path_count = t->settings.remote_count * PATHS_MAX;
	t->connection_count = t->path_count + UNAUTHENTICATED_MAX;
	t->paths = calloc(t->path_count + 1, sizeof(*t->paths));
	t->connections = calloc(t->connection_count, sizeof(*t->connections));
	t->buffers = calloc(t->path_count + 1, each);
	if (t->paths == NULL || t->connections == NULL || t->buffers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < t->path_count; i++) {
		t->paths[i].in = t->buffers + i * each;
		t->paths[i].out = t->paths[i].in + INPUT_BYTES_MAX;
	}
	for (size_t i = 0; i < t->connection_count; i++) {
		t->connections[i].next_free = t->free_connections;
		t->free_connections = &t->connections[i];
	}
	return 0;
}

static int
set_up_paths(struct tunnel *t)
{
	int err = 0;

	for (size_t i = 0; i < t->path_count && err == 0; i++) {
		struct path *p = &t->paths[i];
		const struct remote_settings *r = &t->settings.remotes[i / PATHS_MAX];

		p->tunnel = t;
		p->remote = (unsigned int)(i / PATHS_MAX);
		p->slot = (unsigned int)(i % PATHS_MAX);
		dial_init(p, p->slot < r->path_count ? &r->paths[p->slot] : NULL);
		err = flow_init(p);
	}
	return err;
}

static int
open_listeners(struct tunnel *t, char *error, size_t error_bytes)
{
	for (size_t i = 0; i < t->settings.listen_count; i++) {
		int err = listen_open(&t->listeners[i], t, &t->settings.listen[i],
				      error, error_bytes);

		if (err < 0)
			return err;
		t->listener_count = i + 1;
	}
	return 0;
}

/* OpenSSL writes to sockets with write(2): a remote that has gone would end the
 * process. Who has other plans for the signal keeps them. */
static void
ignore_sigpipe(void)
{
	struct sigaction old;

	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

static void
note_expiry(struct tunnel *t, int64_t expires_s)
{
	gauge_set(&t->figures.certificate_expires_s, expires_s);
	expiry_set(&t->expiry, expires_s, (int64_t)time(NULL));
}

static int
set_up(struct tunnel *t, char *error, size_t error_bytes)
{
	int64_t expires_s;

	if (check_transports(&t->settings, error, error_bytes) < 0)
		return -EPROTONOSUPPORT;
	if (allocate(t) < 0) {
		snprintf(error, error_bytes, "tunnel: out of memory");
		return -ENOMEM;
	}
	t->tls = tls_context_new(t->settings.tls, t->settings.node, &expires_s, error,
				 error_bytes);
	if (t->tls == NULL)
		return -EINVAL;
	expiry_open(&t->expiry, t->base, t->settings.tls);
	note_expiry(t, expires_s);
	if (dtls_open(t, error, error_bytes) < 0)
		return -EINVAL;
	if (RAND_bytes((unsigned char *)&t->random, sizeof(t->random)) != 1)
		t->random = (uint64_t)clock_now().mono.ns;
	t->random |= 1; /* xorshift would stay at zero */
	if (set_up_paths(t) < 0) {
		snprintf(error, error_bytes, "tunnel: no timer for a path's max_rate");
		return -ENOMEM;
	}
	return open_listeners(t, error, error_bytes);
}

static void
release(struct tunnel *t)
{
	for (size_t i = 0; i < t->listener_count; i++)
		listen_close(&t->listeners[i]);
	for (size_t i = 0; t->paths != NULL && i < t->path_count; i++)
		flow_fini(&t->paths[i]);
	expiry_close(&t->expiry);
	dtls_close(t);
	SSL_CTX_free(t->tls);
	free(t->paths);
	free(t->connections);
	free(t->buffers);
	free(t);
}

struct tunnel *
tunnel_new(struct event_base *base, const struct half_settings *s,
	   const struct tunnel_ops *ops, void *arg, char *error, size_t error_bytes)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		snprintf(error, error_bytes, "tunnel: out of memory");
		return NULL;
	}
	t->base = base;
	t->settings = *s;
	t->ops = ops;
	t->arg = arg;
	ignore_sigpipe();
	if (set_up(t, error, error_bytes) < 0) {
		release(t);
		return NULL;
	}
	return t;
}

void
tunnel_start(struct tunnel *t)
{
	for (size_t i = 0; i < t->listener_count; i++)
		listen_start(&t->listeners[i]);
	for (size_t i = 0; i < t->path_count; i++)
		dial_start(&t->paths[i]);
}

void
tunnel_free(struct tunnel *t)
{
	if (t == NULL)
		return;
	tunnel_stop_dialling(t);
	flow_enter(t);
	for (size_t i = 0; i < t->path_count; i++) {
		t->paths[i].ours = true;
		flow_doom(&t->paths[i], "stopped");
	}
	flow_leave(t);
	release(t);
}

/* ---- what the lane asks for ---- */

/* NULL when there is no such path: a slot that is free is not an error. */
static struct path *
find(struct tunnel *t, unsigned int remote, unsigned int slot)
{
	if (remote >= t->settings.remote_count || slot >= PATHS_MAX)
		return NULL;
	return &t->paths[remote * PATHS_MAX + slot];
}

void
tunnel_kick(struct tunnel *t, unsigned int remote, unsigned int slot)
{
	struct path *p = find(t, remote, slot);

	if (p == NULL)
		return;
	flow_enter(t);
	flow_pump(p);
	flow_leave(t);
}

void
tunnel_kick_all(struct tunnel *t)
{
	flow_enter(t);
	for (size_t i = 0; i < t->path_count; i++)
		flow_pump(&t->paths[i]);
	flow_leave(t);
}

void
tunnel_resume(struct tunnel *t)
{
	for (size_t i = 0; i < t->path_count; i++)
		flow_resume(&t->paths[i]);
}

static void
close_path(struct tunnel *t, unsigned int remote, unsigned int slot, const char *reason,
	   bool failed)
{
	struct path *p = find(t, remote, slot);

	if (p == NULL || !flow_is_live(p))
		return;
	flow_enter(t);
	p->ours = true;
	p->failed = failed;
	flow_doom(p, "%s", reason);
	flow_leave(t);
}

void
tunnel_close(struct tunnel *t, unsigned int remote, unsigned int slot,
	     const char *reason)
{
	close_path(t, remote, slot, reason, false);
}

void
tunnel_fail(struct tunnel *t, unsigned int remote, unsigned int slot,
	    const char *reason)
{
	close_path(t, remote, slot, reason, true);
}

void
tunnel_stop_dialling(struct tunnel *t)
{
	t->stopping = true;
	for (size_t i = 0; i < t->listener_count; i++)
		listen_close(&t->listeners[i]);
	for (size_t i = 0; i < t->path_count; i++)
		dial_stop(&t->paths[i]);
	expiry_close(&t->expiry);
	connection_discard_pending(t);
}

bool
tunnel_flushed(const struct tunnel *t)
{
	for (size_t i = 0; i < t->path_count; i++)
		if (!flow_is_flushed(&t->paths[i]))
			return false;
	return true;
}

SSL_CTX *
tunnel_renew(struct tunnel *t, SSL_CTX *fresh, int64_t expires_s)
{
	SSL_CTX *old = t->tls;
	char error[256]; /* out of memory: there is no other */

	t->tls = fresh;
	if (dtls_renew(t, error, sizeof error) < 0) {
		t->tls = old;
		tunnel_renewal_failed(t);
		return NULL;
	}
	note_expiry(t, expires_s);
	counter_inc(&t->figures.reloads);
	return old;
}

void
tunnel_renewal_failed(struct tunnel *t)
{
	counter_inc(&t->figures.reloads_failed);
}

const struct tunnel_figures *
tunnel_figures(const struct tunnel *t)
{
	return &t->figures;
}
