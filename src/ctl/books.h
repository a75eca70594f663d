/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BOOKS_H
#define TOMBOLO_BOOKS_H
/* The ledger of a /status: for each remote the books of both halves, channel by
 * channel, the residuals, and the verdict. Pure. */
#include <jansson.h>
#include <stdio.h>

void books_print(const json_t *doc, FILE *out);

#endif
