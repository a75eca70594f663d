/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RECORDING_SOURCES_H
#define TOMBOLO_RECORDING_SOURCES_H
/* Where a recording comes from: the history of a relay, or of a peer. */
#include "ops/recording.h"

struct relay_view;
struct peer_view;

struct recording_source recording_of_relay(const struct relay_view *v);
struct recording_source recording_of_peer(const struct peer_view *v);

#endif
