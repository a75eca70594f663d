/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hang: makes one thread of a process hang, while the others go on.
 *
 *   hang PID THREAD
 *
 * THREAD is its name (/proc/PID/task/TID/comm). Says "held" when the thread stands
 * still, and holds it until SIGTERM or SIGINT, or until the one that started this
 * ends. The exit status is 77 when it may not be held here (ptrace(2)), 1 when there
 * is no such thread or it ended meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static bool
is_called(const char *pid, const char *tid, const char *name)
{
	char path[128], comm[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/comm", pid, tid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(comm, sizeof(comm), f) != NULL)
		comm[strcspn(comm, "\n")] = '\0';
	fclose(f);
	return strcmp(comm, name) == 0;
}

/* 0: there is none. */
static pid_t
find_thread(const char *pid, const char *name)
{
	char path[64];
	struct dirent *entry;
	pid_t tid = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
	d = opendir(path);
	while (d != NULL && tid == 0 && (entry = readdir(d)) != NULL)
		if (is_called(pid, entry->d_name, name))
			tid = (pid_t)strtol(entry->d_name, NULL, 10);
	if (d != NULL)
		closedir(d);
	return tid;
}

static int
hold(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
		fprintf(stderr, "hang: ptrace: %s\n", strerror(errno));
		return errno == EPERM ? 77 : 1;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 ||
	    waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status)) {
		fputs("hang: the thread ended\n", stderr);
		return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	sigset_t ends;
	pid_t tid;
	int rc, number;

	if (argc != 3) {
		fputs("usage: hang PID THREAD\n", stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	tid = find_thread(argv[1], argv[2]);
	if (tid == 0) {
		fprintf(stderr, "hang: process %s has no thread %s\n", argv[1],
			argv[2]);
		return 1;
	}
	rc = hold(tid);
	if (rc != 0)
		return rc;
	puts("held");
	fflush(stdout);
	sigwait(&ends, &number);
	return ptrace(PTRACE_DETACH, tid, NULL, NULL) == 0 ? 0 : 1;
}
