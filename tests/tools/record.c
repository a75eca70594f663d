/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: a subscriber that misses nothing. Writes the multicast UDP that an
 * interface receives to a capture file with nanoseconds, until it has heard WORDS
 * last words: datagrams to port 9, which whoever stops it sends behind all the
 * others. One from each processor is needed, since a virtual cable is a queue for
 * each of them, and a word from one may overtake what another still holds.
 *
 *   record INTERFACE FILE WORDS
 *
 * Says "listening" on stdout when nothing more can be missed. Exit status 0; 1 when
 * the kernel dropped some of it, so that a test never blames the bridge for its own
 * ears; 2 on an error.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

/* In immediate mode each place of the ring has the size of the snapshot: 16 KiB. */
#define SNAPSHOT_BYTES 9728
#define RING_BYTES     (512 << 20) /* 1.6 s of 20,000 a second, on a busy machine */

struct recorder {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	struct bpf_program last_word;
	unsigned long words; /* still to come */
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "record: %s: %s\n", what, why);
	exit(2);
}

static pcap_t *
open_interface(const char *name)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_create(name, error);

	if (pcap == NULL)
		die(name, error);
	if (pcap_set_snaplen(pcap, SNAPSHOT_BYTES) != 0 ||
	    pcap_set_buffer_size(pcap, RING_BYTES) != 0 ||
	    pcap_set_immediate_mode(pcap, 1) != 0 ||
	    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO) != 0 ||
	    pcap_activate(pcap) != 0)
		die(name, pcap_geterr(pcap));
	if (pcap_setdirection(pcap, PCAP_D_IN) != 0)
		die(name, pcap_geterr(pcap));
	return pcap;
}

static void
compile(pcap_t *pcap, struct bpf_program *program, const char *text)
{
	if (pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		die(text, pcap_geterr(pcap));
}

static void
record(struct recorder *r)
{
	struct pcap_pkthdr *h;
	const u_char *bytes;
	int rc;

	while (r->words > 0) {
		rc = pcap_next_ex(r->pcap, &h, &bytes);
		if (rc < 0)
			die("reading", pcap_geterr(r->pcap));
		if (rc == 0)
			continue;
		if (pcap_offline_filter(&r->last_word, h, bytes) != 0)
			r->words--;
		else
			pcap_dump((u_char *)r->dumper, h, bytes);
	}
}

int
main(int argc, char **argv)
{
	struct recorder r = {0};
	struct bpf_program wanted;
	struct pcap_stat stat;

	if (argc != 4)
		die("usage", "record INTERFACE FILE WORDS");
	r.words = strtoul(argv[3], NULL, 10);
	if (r.words == 0)
		die(argv[3], "no number of last words");
	r.pcap = open_interface(argv[1]);
	compile(r.pcap, &wanted, "udp and dst net 224.0.0.0/4");
	compile(r.pcap, &r.last_word, "udp dst port 9");
	if (pcap_setfilter(r.pcap, &wanted) != 0)
		die(argv[1], pcap_geterr(r.pcap));
	r.dumper = pcap_dump_open(r.pcap, argv[2]);
	if (r.dumper == NULL)
		die(argv[2], pcap_geterr(r.pcap));
	puts("listening");
	fflush(stdout);
	record(&r);
	if (pcap_stats(r.pcap, &stat) != 0)
		die(argv[1], pcap_geterr(r.pcap));
	fprintf(stderr, "%u received, %u dropped by the kernel\n", stat.ps_recv,
		stat.ps_drop);
	if (pcap_dump_flush(r.dumper) != 0)
		die(argv[2], "cannot be written");
	pcap_dump_close(r.dumper);
	pcap_freecode(&wanted);
	pcap_freecode(&r.last_word);
	pcap_close(r.pcap);
	return stat.ps_drop == 0 ? 0 : 1;
}
