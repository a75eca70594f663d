/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RANDOM_H
#define TOMBOLO_RANDOM_H
/* Shell: the kernel's randomness. */
#include <stdint.h>

/* Not 0; for epochs and instances, which must never repeat: a repeated one would
 * make old numbers look new. Start-up only: fatal() when getrandom(2) fails. */
uint64_t random_id(void);

#endif
