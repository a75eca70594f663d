/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notifyrun: runs a daemon as a service manager would, and writes down what it
 * says by sd_notify(3), so that a test waits for a state and not for a time.
 *
 *   notifyrun STATES PIDFILE COMMAND [ARGUMENT...]
 *
 * Appends every line it is sent (READY=1, STATUS=..., STOPPING=1) to STATES, and
 * writes the command's process id to PIDFILE before anything else. SIGTERM, SIGINT
 * and SIGHUP are handed on. Ends when the command ends, with its exit status, or
 * 128 + the signal that killed it. Neither outlives the one that started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
die(const char *what)
{
	fprintf(stderr, "notifyrun: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* An abstract name: nothing is left behind, and each network namespace has its
 * own. */
static int
open_notify_socket(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char name[sizeof(un.sun_path)];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int len;

	len = snprintf(name, sizeof(name), "@tombolo-notify-%ld", (long)getpid());
	memcpy(un.sun_path, name, (size_t)len);
	un.sun_path[0] = '\0';
	if (fd < 0 || bind(fd, (struct sockaddr *)&un,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				       (size_t)len)) != 0)
		die("notify socket");
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static int
open_signals(sigset_t *old)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, old);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("signalfd");
	return fd;
}

static pid_t
run(char **command, const sigset_t *mask)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	sigprocmask(SIG_SETMASK, mask, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	execvp(command[0], command);
	die(command[0]);
	return -1;
}

static void
write_pid(const char *file, pid_t pid)
{
	FILE *f = fopen(file, "w");

	if (f == NULL || fprintf(f, "%ld\n", (long)pid) < 0 || fclose(f) != 0)
		die(file);
}

static void
write_states(int fd, int states)
{
	char text[4096];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		if (text[n - 1] != '\n')
			text[n++] = '\n';
		if (write(states, text, (size_t)n) != n)
			die("states");
	}
}

/* False when the command has ended. */
static bool
hand_on_signals(int fd, pid_t pid, int *status)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			kill(pid, (int)info.ssi_signo);
		else if (waitpid(pid, status, WNOHANG) == pid)
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int states, status = 0;
	sigset_t mask;
	pid_t pid;

	if (argc < 4) {
		fputs("usage: notifyrun STATES PIDFILE COMMAND [ARGUMENT...]\n",
		      stderr);
		return 125;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	states = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (states < 0)
		die(argv[1]);
	fds[0].fd = open_notify_socket();
	fds[1].fd = open_signals(&mask);
	pid = run(argv + 3, &mask);
	write_pid(argv[2], pid);
	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("poll");
		write_states(fds[0].fd, states);
	} while (hand_on_signals(fds[1].fd, pid, &status));
	write_states(fds[0].fd, states);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
