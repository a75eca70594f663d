/* SPDX-License-Identifier: Apache-2.0 */
#include "path/ring_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "path/ring.h"

/* The handle on which is only compiled: small, and as it is filled for a moment, short. */
#define TRIAL_BYTES   (128 * 1024)
#define TRIAL_SNAPLEN 64

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter),
	       "libpcap's instructions are the kernel's");

/* On these the kernel sees what libpcap compiled for; cooked ones want it rewritten. */
static bool
is_plain(struct pcap *pcap)
{
	int type = pcap_datalink(pcap);

	return type == DLT_EN10MB || type == DLT_RAW;
}

int
ring_filter_attach(int fd, const struct bpf_program *program)
{
	struct sock_fprog p = {.len = (unsigned short)program->bf_len,
			       .filter = (struct sock_filter *)program->bf_insns};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)) < 0)
		return -errno;
	return 0;
}

static void
attach_constant(int fd, uint32_t bytes)
{
	struct sock_filter constant = BPF_STMT(BPF_RET | BPF_K, bytes);
	struct sock_fprog p = {.len = 1, .filter = &constant};

	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

void
ring_filter_attach_none(int fd)
{
	attach_constant(fd, 0);
}

void
ring_filter_attach_all(int fd)
{
	attach_constant(fd, UINT32_MAX);
}

/* How much of a frame is kept is the ring's to say, and not this handle's. */
static void
keep_whole(struct bpf_program *program)
{
	for (unsigned int i = 0; i < program->bf_len; i++) {
		struct bpf_insn *insn = &program->bf_insns[i];

		if (insn->code == (BPF_RET | BPF_K) && insn->k != 0)
			insn->k = UINT32_MAX;
	}
}

static int
compile(struct pcap *pcap, const char *text, struct bpf_program *program, char *error)
{
	if (pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		snprintf(error, RING_ERROR_BYTES, "filter: %s", pcap_geterr(pcap));
		return -EINVAL;
	}
	if (program->bf_len <= BPF_MAXINSNS) {
		keep_whole(program);
		return 0;
	}
	snprintf(error, RING_ERROR_BYTES, "filter of %u instructions: too long",
		 program->bf_len);
	pcap_freecode(program);
	return -EINVAL;
}

static int
put(struct pcap *pcap, const struct bpf_program *program, char *error)
{
	struct bpf_program copy = *program;
	int rc = 0;

	if (!is_plain(pcap))
		rc = pcap_setfilter(pcap, &copy) < 0 ? -EINVAL : 0;
	else
		rc = ring_filter_attach(pcap_fileno(pcap), program);
	if (rc < 0)
		snprintf(error, RING_ERROR_BYTES, "filter of %u instructions: %s",
			 program->bf_len,
			 is_plain(pcap) ? strerror(-rc) : pcap_geterr(pcap));
	return rc;
}

/* Where it cannot be changed later it does not depend on the channels. */
static bool
suits(struct pcap *pcap, int width)
{
	return is_plain(pcap) || width == FILTER_WIDE || width == FILTER_WIDE_PLAIN;
}

int
ring_filter_set(struct pcap *pcap, filter_texts texts, char *error)
{
	int rc = -EINVAL;

	for (int i = 0; i < FILTER_WIDTH_COUNT && rc < 0; i++) {
		struct bpf_program program;

		if (!suits(pcap, i))
			continue;
		rc = compile(pcap, texts[i], &program, error);
		if (rc < 0)
			continue;
		rc = put(pcap, &program, error);
		pcap_freecode(&program);
	}
	return rc;
}

/* NULL: the interface is down, or gone. */
static struct pcap *
open_trial(const char *interface)
{
	char reason[PCAP_ERRBUF_SIZE];
	struct pcap *pcap = pcap_create(interface, reason);

	if (pcap == NULL)
		return NULL;
	if (pcap_set_snaplen(pcap, TRIAL_SNAPLEN) == 0 &&
	    pcap_set_buffer_size(pcap, TRIAL_BYTES) == 0 && pcap_activate(pcap) >= 0)
		return pcap;
	pcap_close(pcap);
	return NULL;
}

static bool
take_everything(struct bpf_program *program)
{
	program->bf_insns = calloc(1, sizeof(*program->bf_insns));
	if (program->bf_insns == NULL)
		return false;
	program->bf_len = 1;
	program->bf_insns[0] =
		(struct bpf_insn){.code = BPF_RET | BPF_K, .k = UINT32_MAX};
	return true;
}

struct bpf_program *
ring_filter_compile(const char *interface, filter_texts texts)
{
	struct bpf_program *program = calloc(1, sizeof(*program));
	struct pcap *pcap = open_trial(interface);
	char error[RING_ERROR_BYTES];
	bool fixed = pcap != NULL && !is_plain(pcap), done = fixed;

	for (int i = 0; program != NULL && pcap != NULL && !done; i++) {
		if (i == FILTER_WIDTH_COUNT)
			break;
		done = compile(pcap, texts[i], program, error) == 0;
	}
	if (pcap != NULL)
		pcap_close(pcap);
	if (program != NULL && (fixed || (!done && !take_everything(program)))) {
		free(program);
		program = NULL;
	}
	return program;
}

void
ring_filter_free(struct bpf_program *program)
{
	if (program == NULL)
		return;
	pcap_freecode(program); /* free() of the instructions */
	free(program);
}
