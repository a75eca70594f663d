/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_METRICS_H
#define TOMBOLO_METRICS_H
/*
 * /metrics for Prometheus: everything that the lanes count, from the lists of
 * figures. Control thread; a scrape only reads, takes no lock and resets nothing.
 */
#include "ops/http.h"

/* arg: const struct relay_views *, const struct peer_views * (ops/view.h). */
http_handler metrics_relay;
http_handler metrics_peer;

#endif
