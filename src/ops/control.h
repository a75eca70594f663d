/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CONTROL_H
#define TOMBOLO_CONTROL_H
/*
 * What tomboloctl(8) can have done, by POST on the control socket: /reload, /drain,
 * /log?level=LEVEL. Control thread.
 */
#include <stdbool.h>
#include <stddef.h>

struct http;

/* Who does it. */
struct control_ops {
	/* Leaves a line for the operator in text; false: it was refused. */
	bool (*reload)(void *arg, char *text, size_t text_bytes);
	void *arg;
};

/* Adds the three. ops must outlive h. */
void control_routes(struct http *h, const struct control_ops *ops);

#endif
