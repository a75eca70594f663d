/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_STATUS_SHARED_H
#define TOMBOLO_STATUS_SHARED_H
/* What status_relay.c and status_peer.c share; for status*.c alone. */
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "ops/ledger.h"
#include "ops/trouble.h"
#include "ops/view.h"

#define STATUS_CONTENT_TYPE "application/json"
#define STATUS_MARKS_NAME   "(marks)" /* no channel can be called so */
#define STATUS_GAPS         32        /* of each list, in /status; /gaps has all */

struct json_t;
struct evbuffer;
struct histogram;
struct interfaces;

/* A document in the making; failed when memory was short, for good. */
struct status {
	bool failed;
};

/* A new object or array under key of an object; NULL when memory is short, which
 * all of these functions take for an object, too. */
struct json_t *status_object(struct status *s, struct json_t *in, const char *key);
struct json_t *status_array(struct status *s, struct json_t *in, const char *key);
/* A new object at the end of an array. */
struct json_t *status_append(struct status *s, struct json_t *array);

/* NULL: left out. */
void status_string(struct status *s, struct json_t *in, const char *key,
		   const char *value);
void status_integer(struct status *s, struct json_t *in, const char *key,
		    int64_t value);
void status_boolean(struct status *s, struct json_t *in, const char *key, bool value);
void status_counter(struct status *s, struct json_t *in, const char *key,
		    const counter_t *value);
/* 16 hexadecimal digits; nothing when it is 0. */
void status_hex(struct status *s, struct json_t *in, const char *key, uint64_t value);
/* "233.37.54.1" */
void status_address(struct status *s, struct json_t *in, const char *key,
		    uint32_t value);
/* count, negative, p50_ns, p99_ns, p99_9_ns, max_ns. */
void status_histogram(struct status *s, struct json_t *in, const char *key,
		      const struct histogram *h);
void status_verdict(struct status *s, struct json_t *in, const struct ledger_page *p);
/* With what is wrong at the moment behind it. */
void status_verdict_now(struct status *s, struct json_t *in,
			const struct ledger_page *p, const struct trouble *t);

/* Fields that both halves have: of the process, of a lane, of a remote. */
void status_put_process(struct status *s, struct json_t *root, const char *half,
			struct lane_views lanes);
void status_put_lane(struct status *s, struct json_t *lane, size_t index,
		     const struct lane_view *v);
void status_put_remote(struct status *s, struct json_t *remote,
		       const struct lane_view *v, unsigned int index);

/* A peer's gaps from a remote; a relay's upstream gaps and marks: the newest first, so
 * many at most. */
void status_put_gaps(struct status *s, struct json_t *remote, const struct peer_view *v,
		     unsigned int r, size_t most);
void status_put_upstream(struct status *s, struct json_t *lane,
			 const struct relay_view *v, size_t most);

/* all may be NULL: none are known. */
void status_put_interfaces(struct status *s, struct json_t *root,
			   const struct interfaces *all);

/* The document as text, or 500. Drops root. */
void status_finish(const struct status *s, struct json_t *root, struct evbuffer *out,
		   const char **content_type, int *status);

/* A line for each lane without an open session; true when there is none. */
bool status_sessions_open(struct evbuffer *out, struct lane_views lanes);

#endif
