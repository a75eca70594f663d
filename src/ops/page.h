/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PAGE_H
#define TOMBOLO_PAGE_H
/*
 * The status page, for a person with a browser: one document that holds its own style
 * and script, shows /status, and asks again every second. It can ask nobody but who
 * served it: its Content-Security-Policy allows what it holds, by hash, and no more.
 */
#include "ops/http.h"

/* arg: nothing. Control thread. */
http_handler page_serve;

#endif
