/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONTROL_H
#define TOMBOLO_CONTROL_H
/*
 * What tomboloctl(8) can have done, by POST on the control socket: /reload, /drain,
 * /log?level=LEVEL. Control thread.
 */
struct http;
struct tls_settings;

/* Adds the three. tls, whose files /reload tries first, must outlive h. */
void control_routes(struct http *h, const struct tls_settings *tls);

#endif
