/* SPDX-License-Identifier: Apache-2.0 */
#include "path/answer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int reason;
	enum refusal refusal;
} known[] = {
	{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, REFUSAL_NO_CERTIFICATE},
	{SSL_R_UNSUPPORTED_PROTOCOL, REFUSAL_OLD_TLS},
	{SSL_R_VERSION_TOO_LOW, REFUSAL_OLD_TLS},
	{SSL_R_WRONG_SSL_VERSION, REFUSAL_OLD_TLS},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, REFUSAL_OLD_TLS},
	{SSL_R_WRONG_VERSION_NUMBER, REFUSAL_NOT_TLS},
	{SSL_R_HTTP_REQUEST, REFUSAL_NOT_TLS},
	{SSL_R_HTTPS_PROXY_REQUEST, REFUSAL_NOT_TLS},
	{SSL_R_PACKET_LENGTH_TOO_LONG, REFUSAL_NOT_TLS},
	{SSL_R_RECORD_LENGTH_MISMATCH, REFUSAL_NOT_TLS},
	{SSL_R_RECORD_TOO_SMALL, REFUSAL_NOT_TLS},
	{SSL_R_UNEXPECTED_EOF_WHILE_READING, REFUSAL_LOST},
	{SSL_R_READ_TIMEOUT_EXPIRED, REFUSAL_TIMEOUT}, /* of DTLS: repeated enough */
};

static enum refusal
classify(const struct connection *c, int reason)
{
	enum refusal refusal = REFUSAL_OTHER;

	if (c->alerted)
		refusal = REFUSAL_ALERT;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].reason == reason)
			refusal = known[i].refusal;
	/* Noise may look like anything; a ClientHello comes first in all TLS. */
	if (!c->dialled && !c->hello_seen && refusal != REFUSAL_LOST)
		refusal = REFUSAL_NOT_TLS;
	if (refusal == REFUSAL_OLD_TLS && c->ops->datagrams)
		refusal = REFUSAL_OLD_DTLS;
	return refusal;
}

/* The first of libssl's errors tells the cause; libcrypto's may surround it. */
static unsigned long
first_error(void)
{
	unsigned long first = ERR_peek_error(), e;

	while ((e = ERR_get_error()) != 0) {
		if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
			first = e;
			break;
		}
	}
	ERR_clear_error();
	return first;
}

static void
explain_protocol(struct connection *c)
{
	unsigned long e = first_error();
	int reason = ERR_GET_LIB(e) == ERR_LIB_SSL ? ERR_GET_REASON(e) : 0;
	const char *text = ERR_reason_error_string(e);

	/* identity.c has told the story better. */
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return;
	c->alerted = reason >= SSL_AD_REASON_OFFSET;
	c->refusal = classify(c, reason);
	if (c->alerted)
		snprintf(c->detail, sizeof(c->detail),
			 "the remote sent alert \"%s\": its log says why",
			 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	else if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		snprintf(c->detail, sizeof(c->detail),
			 "the remote closed without close_notify");
	else
		snprintf(c->detail, sizeof(c->detail), "%s",
			 text != NULL ? text : "TLS failed");
}

enum progress
answer_judge(struct connection *c, int ret)
{
	int err = errno;

	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_NONE: return PROGRESS_DONE;
	case SSL_ERROR_WANT_READ: ERR_clear_error(); return PROGRESS_WANT_READ;
	case SSL_ERROR_WANT_WRITE: ERR_clear_error(); return PROGRESS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		c->refusal = REFUSAL_LOST;
		snprintf(c->detail, sizeof(c->detail), "closed by the remote");
		ERR_clear_error();
		return PROGRESS_ENDED;
	case SSL_ERROR_SYSCALL:
		c->refusal = REFUSAL_LOST;
		snprintf(c->detail, sizeof(c->detail), "connection lost: %s",
			 err != 0 ? strerror(err) : "end of stream");
		ERR_clear_error();
		return PROGRESS_FAILED;
	default: explain_protocol(c); return PROGRESS_FAILED;
	}
}
