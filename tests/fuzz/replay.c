/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain main for a fuzz target: feeds it every file of its corpus, so that what
 * a fuzzer once found is tried again in every make check. The corpus of replay_frame
 * is tests/fuzz/corpus/frame; files named as arguments are taken instead.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input ends where its memory ends, so that a sanitizer sees one byte more. */
static void
replay_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	uint8_t *room = malloc(INPUT_BYTES_MAX), *input;
	size_t size;

	if (f == NULL || room == NULL) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		exit(1);
	}
	size = fread(room, 1, INPUT_BYTES_MAX, f);
	if (ferror(f) != 0 || !feof(f)) {
		fprintf(stderr, "%s: cannot be read whole\n", name);
		exit(1);
	}
	fclose(f);
	input = malloc(size != 0 ? size : 1);
	if (input == NULL)
		exit(1);
	memcpy(input, room, size);
	free(room);
	(void)LLVMFuzzerTestOneInput(input, size);
	free(input);
}

static unsigned int
replay_directory(const char *name)
{
	struct dirent **entries;
	int n = scandir(name, &entries, NULL, alphasort);
	unsigned int replayed = 0;
	char *file;

	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			if (asprintf(&file, "%s/%s", name, entries[i]->d_name) < 0)
				exit(1);
			replay_file(file);
			free(file);
			replayed++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return replayed;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("TOMBOLO_SRCDIR");
	const char *what = strchr(program_invocation_short_name, '_');
	unsigned int replayed = 0;
	char *corpus;

	for (int i = 1; i < argc; i++, replayed++)
		replay_file(argv[i]);
	if (argc == 1 && what != NULL) {
		if (asprintf(&corpus, "%s/tests/fuzz/corpus/%s",
			     top != NULL ? top : ".", what + 1) < 0)
			exit(1);
		replayed = replay_directory(corpus);
		free(corpus);
	}
	printf("%u inputs replayed\n", replayed);
	return replayed > 0 ? 0 : 1;
}
