/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- who ----------------------------------------------------------------- */

/* The first line of a small file, "" if it cannot be read. */
static void read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "r");

	if (!file || !fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void tell_id(const char *key, const char *path)
{
	char line[64];

	read_line(path, line, sizeof(line));
	printf("\"%s\":%s,", key, *line && strcmp(line, "4294967295") ? line : "null");
}

static void tell_link(const char *key, const char *path)
{
	char text[4096];
	ssize_t length = readlink(path, text, sizeof(text));

	printf("\"%s\":\"%.*s\",", key, (int)(length < 0 ? 0 : length), text);
}

/* Clock ticks since boot: field 22; the name in field 2 may hold anything. */
static void tell_start(void)
{
	char line[1024], *field;
	int i;

	read_line("/proc/self/stat", line, sizeof(line));
	field = strrchr(line, ')') + 1;
	for (i = 3; i < 22; i++)
		field = strchr(field + 1, ' ');
	printf("\"start_ticks\":%ld,", strtol(field, NULL, 10));
}

static void tell_process(void)
{
	char comm[16], cgroup[4096];
	struct stat exe;

	prctl(PR_GET_NAME, comm);
	read_line("/proc/self/cgroup", cgroup, sizeof(cgroup));
	stat("/proc/self/exe", &exe);
	printf("\"pid\":%d,\"ppid\":%d,", getpid(), getppid());
	printf("\"uid\":%u,\"euid\":%u,\"gid\":%u,", getuid(), geteuid(), getgid());
	printf("\"comm\":\"%s\",\"exe_ino\":\"%ju\",", comm, (uintmax_t)exe.st_ino);
	printf("\"cgroup\":\"%s\",", cgroup);
	tell_id("auid", "/proc/self/loginuid");
	tell_id("ses", "/proc/self/sessionid");
	tell_link("exe", "/proc/self/exe");
	tell_link("mnt_ns", "/proc/self/ns/mnt");
	tell_start();
}

/* --- what ---------------------------------------------------------------- */

static const char *type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFDIR: return "directory";
	case S_IFLNK: return "symlink";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFCHR: return "char";
	default: return "?";
	}
}

static void print_time(const char *key, struct timespec when, FILE *out)
{
	char text[32];
	struct tm tm;

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&when.tv_sec, &tm));
	fprintf(out, ",\"%s\":\"%s.%09ldZ\"", key, text, when.tv_nsec);
}

static void print_stat(const char *key, char letter, int n, FILE *out)
{
	struct stat st;

	if (!letter)
		return;
	if (lstat(name(letter, n), &st) < 0)
		die(name(letter, n));
	fprintf(out, ",\"%s\":{\"dev\":\"%u:%u\",\"ino\":\"%ju\",\"type\":\"%s\",\"mode\":\"%04o\",",
		key, major(st.st_dev), minor(st.st_dev), (uintmax_t)st.st_ino,
		type_of(st.st_mode), st.st_mode & 07777);
	fprintf(out, "\"uid\":%u,\"gid\":%u,\"size\":%ju,\"nlink\":%ju", st.st_uid, st.st_gid,
		(uintmax_t)st.st_size, (uintmax_t)st.st_nlink);
	print_time("mtime", st.st_mtim, out);
	print_time("ctime", st.st_ctim, out);
	fprintf(out, "}");
}

/* What a file system or kernel says to what it cannot do. */
static bool is_refusal(int error)
{
	return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EISDIR ||
	       error == ENOTTY;
}

/* 0, or why this file system or kernel cannot do it. */
static int act_once(int i, FILE *out)
{
	int n = workload.single ? 0 : i;
	uint64_t from;
	long value;

	fprintf(out, "%s{\"n\":%d", i ? "," : "", n);
	print_stat("was", workload.was, n, out);
	from = now();
	value = workload.act(n);
	if (value < 0 && i == 0 && is_refusal(errno))
		return errno;
	if (value < 0)
		die("the act failed");
	fprintf(out, ",\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"value\":%ld", from, now(), value);
	print_stat("is", workload.is, n, out);
	print_stat("other", workload.other, n, out);
	fprintf(out, "}");
	return 0;
}

static void *act_all(void *times)
{
	char *acts = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&acts, &size);
	int refused = 0;

	for (int i = 0; !refused && i < (workload.once ? 1 : *(int *)times); i++)
		refused = act_once(i, out);
	fclose(out);
	printf("\"tid\":%ld,\"refused\":%d,", syscall(SYS_gettid), refused);
	printf("\"acts\":[%s]", refused ? "" : acts);
	free(acts);
	return NULL;
}

static void run(int times)
{
	pthread_t thread;

	if (!workload.threaded) {
		act_all(&times);
		return;
	}
	if (pthread_create(&thread, NULL, act_all, &times))
		die("pthread_create");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const char *root = NULL;

	if (argc > 3 && strcmp(argv[1], "--root") == 0) {
		root = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc < 2)
		return 2;
	umask(027);
	printf("{");
	tell_process();
	if (root && (chroot(root) < 0 || chdir("/") < 0))
		die(root);
	if (chdir(argv[1]) < 0)
		die(argv[1]);
	run(argc > 2 ? atoi(argv[2]) : TIMES);
	printf("}\n");
	return 0;
}
