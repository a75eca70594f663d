/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_GREETING_H
#define TOMBOLO_GREETING_H
/*
 * The first word of a DTLS 1.2 handshake (RFC 6347, section 4.2.1), padded (RFC 7685)
 * to the length that is to be tried, and the answer that costs the other end nothing:
 * HelloVerifyRequest, under the same record number. So one question asks who is there
 * and whether so long a packet gets there. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GREETING_BYTES_MIN 75
#define GREETING_BYTES_MAX 2048 /* that the listening half reads (path/hello.c) */

/* A ClientHello of exactly len bytes, of the range above; false: not of it. */
bool greeting_write(uint8_t *out, size_t len, uint32_t number);

/* It answers one of ours: its number. A handshake that is answered otherwise, by an
 * alert, says as well that somebody is there. */
bool greeting_is_answer(const uint8_t *bytes, size_t len, uint32_t *number);
/* The number of one of ours that came back in an error of ICMP, which quotes as much of
 * it as it likes; false: not enough. */
bool greeting_is_quoted(const uint8_t *bytes, size_t len, uint32_t *number);

#endif
