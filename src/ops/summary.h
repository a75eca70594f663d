/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_SUMMARY_H
#define TOMBOLO_SUMMARY_H
/*
 * The state of a half in a few words, for "systemctl status". Nothing in it moves
 * while nothing happens. Control thread; lanes are only looked at.
 */
#include <stddef.h>

/* "1 of 2 sessions open, 3 paths up, 512 channels"; a relay whose capture delivers
 * nothing says so. arg: const struct relay_views *, const struct peer_views *
 * (ops/view.h). */
void summary_relay(void *arg, char *text, size_t bytes);
void summary_peer(void *arg, char *text, size_t bytes);

#endif
