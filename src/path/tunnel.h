/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TUNNEL_H
#define TOMBOLO_TUNNEL_H
/*
 * The tunnel's shell: listeners, connections, TLS, one lane's worth, on the
 * lane's thread and event base. It knows remotes and paths, and nothing of
 * frames: the core says what to send when a path can take it (fill), so that no
 * backlog ever sits in here, and is handed what arrived (input).
 *
 * tunnel.c: the table of paths, who dials, back-off, limits. tls.c: the
 * OpenSSL context, one connection over TCP; dtls.c: one over UDP. listen.c: accept.
 * path.h has the inside, and the rest of the files.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "ops/settings.h"

struct tunnel;
struct event_base;

/* A path is named by (remote, slot): the remote's index in the settings, and a
 * slot below PATHS_MAX. A dialled path has the slot of its entry in paths:; one
 * that dialled in gets the lowest free slot above those. */

struct tunnel_ops {
	/* Authenticated and ready to carry frames. mtu: bytes of frames that travel
	 * together at most, FILL_BYTES or, on a datagram path, what fits one. */
	void (*up)(void *arg, unsigned int remote, unsigned int slot,
		   enum transport transport, size_t mtu);
	/* Gone; reason is for the log. The slot is free when this returns. Once for
	 * every up, and never called from within another op. */
	void (*down)(void *arg, unsigned int remote, unsigned int slot,
		     const char *reason);
	/* Bytes arrived, decrypted. Returns how many were consumed (whole frames;
	 * the rest is kept and given again with more behind it), or a negative
	 * number: the remote broke the protocol, close the path. Called at most
	 * for INPUT_BYTES_MAX at a time. On a datagram path it is exactly one
	 * datagram, and whoever leaves a rest says that the remote broke the
	 * protocol. */
	long (*input)(void *arg, unsigned int remote, unsigned int slot,
		      const uint8_t *bytes, size_t len);
	/* The path can take a record. Writes at most cap bytes of whole frames into
	 * buf and returns their number; 0 when there is nothing to send. cap is
	 * FILL_BYTES_MAX; more than FILL_BYTES is for a single longer frame. On a
	 * datagram path cap is what fits a datagram, as said by up. */
	size_t (*fill)(void *arg, unsigned int remote, unsigned int slot, uint8_t *buf,
		       size_t cap);
	/* After a run of input: emit, then tunnel_kick() what wants to be sent. */
	void (*turn_end)(void *arg);
	/* May be NULL. May this path be read now? When it says no, reading stops
	 * (TCP's own flow control does the rest) until tunnel_resume(). Not asked
	 * for a datagram path: there, what has no room is dropped. */
	bool (*may_read)(void *arg, unsigned int remote, unsigned int slot);
};

/* One record's worth of frames; a single longer frame (a 65,507-byte datagram)
 * is allowed up to FILL_BYTES_MAX and takes several records. */
#define FILL_BYTES      16384
#define FILL_BYTES_MAX  (72 * 1024)
#define INPUT_BYTES_MAX (144 * 1024)

/* Ignores SIGPIPE, which OpenSSL would raise, unless it is handled already. The
 * settings that s points to must outlive the tunnel; s itself need not.
 * Reads certificate, key and CA, opens the listeners; dials and accepts only
 * after tunnel_start(). All buffers are allocated here. On error NULL, with a
 * line for the operator (which file or address, why, the remedy) in error. */
struct tunnel *tunnel_new(struct event_base *base, const struct half_settings *s,
			  const struct tunnel_ops *ops, void *arg, char *error,
			  size_t error_bytes);
void tunnel_start(struct tunnel *t);
/* Closes what is up, with ops.down ("stopped"). Not from within an op. */
void tunnel_free(struct tunnel *t);

/* All that follows may be called from within an op.
 *
 * Something may be ready for this path: calls fill until the path is full or
 * fill returns 0. tunnel_kick_all() does it for every path that is up. */
void tunnel_kick(struct tunnel *t, unsigned int remote, unsigned int slot);
void tunnel_kick_all(struct tunnel *t);

/* May be read again (see may_read). */
void tunnel_resume(struct tunnel *t);

/* Closes a path by the core's decision (timed out, replaced, BYE): flushes what
 * was filled if it can without waiting, close_notify, close. ops.down is called
 * with this reason before this returns, or, when called from within an op, after
 * the outermost op has returned; until then the path sees no more input or fill.
 * A dialled path is dialled again after back-off, unless
 * tunnel_stop_dialling() was called. */
void tunnel_close(struct tunnel *t, unsigned int remote, unsigned int slot,
		  const char *reason);
/* The same, and the log has a warning: the path does not work. */
void tunnel_fail(struct tunnel *t, unsigned int remote, unsigned int slot,
		 const char *reason);
/* Draining: no new connections, out or in. */
void tunnel_stop_dialling(struct tunnel *t);
/* True when nothing that was filled still waits in user space to be written. */
bool tunnel_flushed(const struct tunnel *t);

/* Other credentials, as tls_context_new() read them: new handshakes use them, sessions
 * stand. Returns the context of before, for SSL_CTX_free() by the caller; NULL when out
 * of memory: nothing has changed. */
struct ssl_ctx_st *tunnel_renew(struct tunnel *t, struct ssl_ctx_st *fresh,
				int64_t expires_s);
/* They could not be read: it is counted. */
void tunnel_renewal_failed(struct tunnel *t);

/* Figures, from any thread. */
#define TUNNEL_COUNTERS(X)                                                            \
	X(accepted, "connections", "Connections accepted")                            \
	X(dialled, "connections", "Connections attempted")                            \
	X(established, "handshakes", "Handshakes that authenticated a remote")        \
	X(refused_limit, "connections", "Closed at once: too many unauthenticated")   \
	X(refused_timeout, "handshakes", "Handshakes that took too long")             \
	X(refused_no_certificate, "handshakes", "Remotes that showed no certificate") \
	X(refused_untrusted, "handshakes", "Certificates signed by no CA of ours")    \
	X(refused_expired, "handshakes", "Certificates expired or not yet valid")     \
	X(refused_revoked, "handshakes",                                              \
	  "Certificates revoked, or whose CA has no valid revocation list")           \
	X(refused_name, "handshakes", "Certificates that name no listed remote")      \
	X(refused_protocol, "handshakes",                                             \
	  "Not TLS 1.3 or DTLS 1.2, or not TLS at all")                               \
	X(refused_other, "handshakes", "Handshakes that failed otherwise")            \
	X(records_sent, "records", "TLS or DTLS records written")                     \
	X(records_received, "records", "TLS or DTLS records read")                    \
	X(bytes_sent, "bytes", "Frame bytes written to paths, before encryption")     \
	X(bytes_received, "bytes", "Frame bytes read from paths, after decryption")   \
	X(key_updates, "updates", "Key updates started by us")                        \
	X(blocked, "times", "Times a path could take no more")                        \
	X(dtls_hello_retries, "hellos", "ClientHellos answered with a cookie")        \
	X(dtls_dropped, "datagrams",                                                  \
	  "Datagrams that were no good: garbage, repeated, cut or strange")           \
	X(dtls_overflowed, "datagrams",                                               \
	  "Datagrams for which a path's socket had no room")                          \
	X(dtls_unsent, "datagrams", "Datagrams that the kernel refused to send")      \
	X(reloads, "times", "Times the certificates were read again")                 \
	X(reloads_failed, "times", "Times that failed: the old certificates stayed")

struct tunnel_figures {
#define X(id, unit, help) counter_t id;
	TUNNEL_COUNTERS(X)
#undef X
	gauge_t certificate_expires_s; /* UTC, seconds since 1970 */
	/* enum refusal + 1 of the last attempt to dial a path; 0: it came up, or was
	 * not tried. */
	gauge_t unreached[REMOTES_MAX][PATHS_MAX];
	/* The same of the last who dialled in; 0: it was let in, or none came. */
	gauge_t refused_last;
	/* IPv4 address of ours that a path has, or last had; 0: it never was up. */
	gauge_t local[REMOTES_MAX][PATHS_MAX];
};
const struct tunnel_figures *tunnel_figures(const struct tunnel *t);

#endif
