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

/* Both ends of the tunnel; what they are called in this file: "peers" or "relays". */
void conf_check_ends(struct conf *c, const struct half_settings *s,
		     const char *remotes_key);

/* Fills in path_timeout where the file has none. */
void conf_check_session(struct conf *c, struct session_settings *s);

#endif
