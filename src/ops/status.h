/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_STATUS_H
#define TOMBOLO_STATUS_H
/*
 * /status, JSON for a person and for tomboloctl(8): what /metrics has and what
 * does not fit there (epochs, verdicts, percentiles). /healthz, a line for a
 * monitor. Control thread; lanes are only looked at.
 *
 * Durations and instants are in nanoseconds (_ns), instants since 1970 UTC; what
 * is not known is left out. Epochs and instances are hexadecimal strings, since
 * JSON's numbers end at 2^53.
 */
#include "ops/http.h"

/* arg: const struct relay_views *, const struct peer_views * (ops/view.h). */
http_handler status_relay;
http_handler status_peer;

/* /gaps: all gaps, or upstream gaps and marks, that are remembered. */
http_handler status_relay_gaps;
http_handler status_peer_gaps;

/* 200 "ok" when every lane has an open session and, in a relay, its capture
 * delivers; else 503 and a line for each thing that is not so. */
http_handler status_relay_health;
http_handler status_peer_health;

#endif
