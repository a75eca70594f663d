/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TUNNEL_RIG_H
#define TOMBOLO_TUNNEL_RIG_H
/*
 * What the tests of the tunnel stand on: throw-away certificates, a log that
 * remembers, and a half: a tunnel with a lane behind it that sends numbered
 * frames of random size and content and checks every byte of what arrives. Over
 * datagrams a frame says its number, and what is missing is counted.
 */
#include <check.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "path/path.h"
#include "path/tunnel.h"

/* ---- certificates, in files of their own directory: tunnel_rig_files.c ---- */

struct certificate_spec {
	const char *file;   /* writes file.crt and file.key */
	const char *issuer; /* NULL: self-signed, a CA */
	const char *cn;
	const char *dns; /* "a,b"; NULL: no subjectAltName */
	int from_days, to_days;
};

/* Makes a directory, the usual certificates and noise.pem; removes them again. A fixture,
 * unchecked, as it costs some milliseconds. */
void rig_make_files(void);
void rig_remove_files(void);
/* A test case of this name that has those files, and this fixture for each test; NULLs:
 * none. */
TCase *rig_case(Suite *s, const char *name, SFun set_up, SFun tear_down);
void rig_certificate(const struct certificate_spec *spec);
/* The CA's list, in file.crl: what it revoked (NULL: nothing), and when the next comes. */
void rig_list(const char *file, const char *issuer, const char *revoked, int next_days);
/* "name.suffix" in the directory, in memory of the rig, kept for ever. */
const char *rig_file(const char *name, const char *suffix);
/* file.crt, file.key and ca.crt of another name. */
struct tls_settings rig_tls(const char *file, const char *ca);

/* ---- the log ---- */

void rig_log_clear(void);
/* Lines at this level that contain text. */
unsigned int rig_log_count(enum log_level level, const char *text);
/* Prints every line, for a test that failed. */
void rig_log_show(void);

/* ---- a half ---- */

#define HALF_REMOTES 3

/* One direction each way of one path. */
struct stream {
	bool up;
	unsigned int ups, downs;
	char reason[REASON_BYTES];
	uint64_t to_send;        /* frames still to be sent */
	uint64_t sent, received; /* datagrams: the next number expected */
	uint64_t missed;         /* datagrams: numbers that were left out */
	size_t mtu;              /* as told by up */
	uint32_t frame_bytes;    /* at most; 0 = by chance, now and then 70,000, or on
				 datagrams at most 500 */
	bool one_a_record;
	bool datagrams; /* as told by up */
};

struct half;

/* What a test wants done inside an op; any may be NULL. */
struct half_hooks {
	void (*up)(struct half *h, unsigned int remote, unsigned int slot);
	void (*down)(struct half *h, unsigned int remote, unsigned int slot);
	/* Returns what input is to return, or LONG_MIN for the usual. */
	long (*input)(struct half *h, unsigned int remote, unsigned int slot,
		      size_t len);
	void (*fill)(struct half *h, unsigned int remote, unsigned int slot);
	void (*turn_end)(struct half *h);
};

struct half {
	struct tunnel *tunnel;
	enum transport transport; /* TLS, unless set before anything else */
	struct half_settings settings;
	struct tls_settings tls;
	struct session_settings session;
	struct listen_settings listen;
	struct remote_settings remotes[HALF_REMOTES];
	size_t remote_count;
	struct half_hooks hooks;
	struct stream streams[HALF_REMOTES][PATHS_MAX];
	bool closed_ears; /* may_read says no */
	unsigned int turns;
	unsigned int ops; /* on the stack */
	char error[512];
};

/* A half with certificate `file`, signed and checked by `ca`. Add remotes, then
 * half_start(). */
void half_init(struct half *h, const char *file, const char *ca);
/* A remote that dials in; one that is dialled at port. */
void half_expects(struct half *h, const char *name);
void half_dials(struct half *h, const char *name, uint16_t port);
/* Listens at an ephemeral port when `listens`. Asserts that it works. */
void half_start(struct half *h, struct event_base *base, bool listens);
void half_restart(struct half *h, struct event_base *base);
void half_free(struct half *h);
uint16_t half_port(const struct half *h);
void half_send(struct half *h, unsigned int remote, unsigned int slot, uint64_t frames);
/* One of the tunnel's counters: half_counter(h, COUNTER(accepted)). */
#define COUNTER(id) offsetof(struct tunnel_figures, id)
uint64_t half_counter(const struct half *h, size_t offset);
/* The sum of all refused_*. */
uint64_t half_refused(const struct half *h);
/* The socket under a path that is up. */
int half_fd(const struct half *h, unsigned int remote, unsigned int slot);

/* Frame `number` of a stream as it goes over the wire; returns its length. */
size_t rig_frame(const struct stream *s, uint64_t number, uint8_t *out, size_t cap);

/* Reads the files of its settings again, as a reload does. 0 or negative errno, with
 * the reason in error. */
int rig_renew(struct tunnel *t, char *error, size_t error_bytes);

/* ---- the loop ---- */

typedef bool (*rig_condition)(void *arg);
/* Runs the loop until the condition holds; a test that waits in vain fails. */
void rig_until(struct event_base *base, rig_condition condition, void *arg);

/* ---- strangers ---- */

/* A connected, non-blocking socket. */
int rig_connect(uint16_t port);
/* A TLS client on it; certificate and key of `file`, none when NULL. */
SSL *rig_client(uint16_t port, const char *file, int max_version);
/* Certificate and key of `file`; none when NULL. */
void rig_use_certificate(SSL_CTX *ctx, const char *file);
void rig_client_free(SSL *ssl);
uint16_t rig_local_port(int fd);
X509 *rig_read_certificate(const char *file);

#endif
