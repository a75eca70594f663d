/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONF_SHARED_H
#define TOMBOLO_CONF_SHARED_H
/*
 * What relay.yaml and peer.yaml have in common: tables and checks.
 */
#include "ops/conf_file.h"
#include "ops/settings.h"

extern const struct conf_record conf_tls;     /* struct tls_settings */
extern const struct conf_record conf_listen;  /* struct listen_settings */
extern const struct conf_record conf_paths;   /* struct path_settings */
extern const struct conf_record conf_session; /* struct session_settings */
/* struct service_settings, each a part of it */
extern const struct conf_record conf_metrics;
extern const struct conf_record conf_control;
extern const struct conf_record conf_log;

/* Both halves of the tunnel, whichever of them this is. */
struct conf_ends {
	const char *remotes_key; /* "peers" or "relays" */
	const struct listen_settings *listen;
	size_t listen_count;
	const struct remote_settings *remotes;
	size_t remote_count;
	const struct service_settings *service;
};

void conf_check_ends(struct conf *c, const struct conf_ends *e);

/* Fills in path_timeout where the file has none. */
void conf_check_session(struct conf *c, struct session_settings *s);

#endif
