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

/* Rows of struct relay_settings or struct peer_settings. */
#define CONF_NODE_ROW(settings)                                     \
	{                                                           \
		.key = "node", .type = CONF_NAME, .required = true, \
		CONF_FIELD(settings, node),                         \
		.help = "this node's name, as in its certificate"   \
	}
#define CONF_TLS_ROW(settings)                                       \
	{                                                            \
		.key = "tls", .type = CONF_RECORD, .required = true, \
		.record = &conf_tls, CONF_FIELD(settings, tls),      \
		.help = "certificates and keys"                      \
	}
#define CONF_LISTEN_ROW(settings, what)                                        \
	{                                                                      \
		.key = "listen", .type = CONF_LIST, .record = &conf_listen,    \
		CONF_FIELD(settings, listen), .capacity = LISTENERS_MAX,       \
		.count_offset = offsetof(settings, listen_count), .help = what \
	}
#define CONF_REMOTES_ROW(settings, name, one, what)                              \
	{                                                                        \
		.key = name, .type = CONF_LIST, .required = true, .record = one, \
		CONF_FIELD(settings, remotes), .heap = true,                     \
		.count_offset = offsetof(settings, remote_count),                \
		.capacity = REMOTES_MAX, .help = what                            \
	}
#define CONF_PART_ROW(settings, name, member, part, what)         \
	{                                                         \
		.key = name, .type = CONF_RECORD, .record = part, \
		CONF_FIELD(settings, member), .help = what        \
	}
/* The last ones of both files. */
#define CONF_SERVICE_ROWS(settings)                                        \
	CONF_PART_ROW(settings, "session", session, &conf_session,         \
		      "timing of heartbeats and paths"),                   \
		CONF_PART_ROW(settings, "metrics", service, &conf_metrics, \
			      "figures over HTTP"),                        \
		CONF_PART_ROW(settings, "control", service, &conf_control, \
			      "for tomboloctl(8)"),                        \
		CONF_PART_ROW(settings, "log", service, &conf_log, "what is logged")

/* Rows of struct remote_settings. */
#define CONF_REMOTE_NAME_ROW                                        \
	{                                                           \
		.key = "name", .type = CONF_NAME, .required = true, \
		CONF_FIELD(struct remote_settings, name),           \
		.help = "as in its certificate"                     \
	}
#define CONF_REMOTE_PATHS_ROW                                                     \
	{                                                                         \
		.key = "paths", .type = CONF_LIST,                                \
		CONF_FIELD(struct remote_settings, paths), .record = &conf_paths, \
		.capacity = PATHS_MAX,                                            \
		.count_offset = offsetof(struct remote_settings, path_count),     \
		.help = "how this node dials it"                                  \
	}

/* Both ends of the tunnel; what they are called in this file: "peers" or "relays". */
void conf_check_ends(struct conf *c, const struct half_settings *s,
		     const char *remotes_key);

/* Fills in path_timeout where the file has none. */
void conf_check_session(struct conf *c, struct session_settings *s);

#endif
