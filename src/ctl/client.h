/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CLIENT_H
#define TOMBOLO_CLIENT_H
/* One request, one answer, over a daemon's control socket. Blocks, a few seconds at
 * most for each step. */
#include <stddef.h>

struct client_answer {
	int status; /* of HTTP */
	char *body; /* NUL-terminated; to be released with free() */
	size_t len;
};

/* Returns 0 or a negative errno: of connect(2), -ETIMEDOUT, or -EPROTO when what came
 * is not a whole answer. Nothing is to be released then. */
int client_ask(const char *socket_path, const char *method, const char *target,
	       struct client_answer *answer);

/* The same of a long answer, GET, whose body is handed to take() as it comes; when the
 * status is not 200 it is in the answer instead. What take() returns other than 0 ends
 * it, and is returned. The end of the body is where the daemon closes: whether it is
 * whole only the body can say. */
int client_stream(const char *socket_path, const char *target,
		  int (*take)(void *arg, const char *bytes, size_t len), void *arg,
		  struct client_answer *answer);

/* A line for the operator about a negative errno of client_ask(), with the remedy. */
void client_explain(const char *socket_path, int error, char *text, size_t bytes);

/* Splits what was read into the answer; 0, or -EPROTO. Takes over text when 0. */
int client_parse(char *text, size_t len, struct client_answer *answer);

#endif
