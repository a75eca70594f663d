/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_NOTIFY_H
#define TOMBOLO_NOTIFY_H
/*
 * What the service manager is told: sd_notify(3), by hand. One datagram per call
 * to the socket named by NOTIFY_SOCKET; when that is unset every call does
 * nothing and returns 0. Main thread. All return 0 or a negative errno, and wait
 * for a busy manager one second at most.
 */
#include <stdint.h>

#include "base/clock.h"

/* READY=1: started, or done with a reload. */
int notify_ready(void);

/* RELOADING=1, with the time at which the reload began (Type=notify-reload). */
int notify_reloading(mono_t now);

/* STOPPING=1. */
int notify_stopping(void);

/* STATUS=: one line for systemctl status. A line break becomes a space; what does
 * not fit in 255 bytes is cut. */
int notify_status(const char *text);

/* WATCHDOG=1: still alive. */
int notify_watchdog(void);

/* How often at least notify_watchdog() is due (sd_watchdog_enabled(3): aim at half
 * of it); 0 when this process has no watchdog. */
int64_t notify_watchdog_ns(void);

#endif
