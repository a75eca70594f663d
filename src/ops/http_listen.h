/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HTTP_LISTEN_H
#define TOMBOLO_HTTP_LISTEN_H
/* Where HTTP is listened for: a TCP endpoint, a Unix path. Used by http.c. */
#include <stddef.h>
#include <sys/stat.h>

struct endpoint;
struct event_base;
struct evconnlistener;

/* The file of a control socket. Zero-initialise. */
struct http_path {
	char *path; /* NULL: none */
	struct stat stat;
};

/* NULL: a line for the operator is in error. */
struct evconnlistener *http_listen_tcp(struct event_base *base,
				       const struct endpoint *tcp, char *error,
				       size_t error_bytes);

/* The file has mode 0660; a socket that nobody answers on is replaced. Whatever is
 * returned, http_path_fini() is due. */
struct evconnlistener *http_listen_path(struct event_base *base, const char *path,
					struct http_path *file, char *error,
					size_t error_bytes);

/* Removes the file, if it is still ours. */
void http_path_fini(struct http_path *file);

#endif
