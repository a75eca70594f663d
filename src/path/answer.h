/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_ANSWER_H
#define TOMBOLO_ANSWER_H
/* What OpenSSL may answer to any call, judged in one place for both transports. */
#include "path/path.h"

/* ret is what SSL_do_handshake(), SSL_read_ex() or SSL_write_ex() returned. On ENDED
 * and FAILED sets c's refusal and detail, unless identity.c did. Leaves the
 * thread's error queue empty, as it must be before the call. */
enum progress answer_judge(struct connection *c, int ret);

#endif
