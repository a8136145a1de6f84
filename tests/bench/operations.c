// SPDX-License-Identifier: GPL-2.0-only
//
// operations.c - what an operation in a directory costs the process that does it.
//
//	operations DIRECTORY REPEATS OPERATION
//
// Prints ns of CPU time each. Under QEMU's -icount shift=0 a nanosecond is a
// guest instruction.
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int kept; // a descriptor that stays open

static void check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
}

static void do_stat(void)
{
	struct stat st;

	check(stat("file", &st), "stat");
}

static int opened(int flags)
{
	int fd = open("file", flags, 0600);

	check(fd, "open");
	return fd;
}

static void do_open_close(void)
{
	check(close(opened(O_RDONLY)), "close");
}

static void do_read(void)
{
	char byte;

	check((int)pread(kept, &byte, 1, 0), "pread");
}

static void do_write(void)
{
	check((int)pwrite(kept, "x", 1, 0), "pwrite");
}

static void do_open_write_close(void)
{
	int fd = opened(O_WRONLY);

	check((int)pwrite(fd, "x", 1, 0), "pwrite");
	check(close(fd), "close");
}

static void do_create_unlink(void)
{
	int fd = open("new", O_CREAT | O_EXCL | O_WRONLY, 0600);

	check(fd, "create");
	check(close(fd), "close");
	check(unlink("new"), "unlink");
}

static void do_rename(void)
{
	static int turn;

	check(turn ? rename("b", "a") : rename("a", "b"), "rename");
	turn = !turn;
}

static void do_mkdir_rmdir(void)
{
	check(mkdir("dir", 0700), "mkdir");
	check(rmdir("dir"), "rmdir");
}

static void do_chmod(void)
{
	static int turn;

	check(chmod("file", turn ? 0600 : 0640), "chmod");
	turn = !turn;
}

static void do_map(void)
{
	void *at = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, kept, 0);

	check(at == MAP_FAILED ? -1 : 0, "mmap");
	check(munmap(at, 1), "munmap");
}

static const struct {
	const char *name;
	void (*act)(void);
} operations[] = {
	{"stat", do_stat},
	{"open read-only, close", do_open_close},
	{"read 1 byte", do_read},
	{"write 1 byte", do_write},
	{"open, write, close", do_open_write_close},
	{"create, close, unlink", do_create_unlink},
	{"rename", do_rename},
	{"mkdir, rmdir", do_mkdir_rmdir},
	{"chmod", do_chmod},
	{"mmap shared, munmap", do_map},
};

static double seconds(void)
{
	struct timespec now;

	check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), "clock_gettime");
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double measure(void (*act)(void), int repeats)
{
	double start;

	for (int i = 0; i < 20; i++)
		act();
	start = seconds();
	for (int i = 0; i < repeats; i++)
		act();
	return (seconds() - start) / repeats * 1e9;
}

static void prepare(const char *directory)
{
	check(chdir(directory), directory);
	kept = open("file", O_RDWR | O_CREAT, 0600);
	check(kept, "file");
	check((int)pwrite(kept, "x", 1, 0), "pwrite");
	check(unlink("b") < 0 && errno != ENOENT ? -1 : 0, "b");
	check(close(open("a", O_WRONLY | O_CREAT, 0600)), "a");
}

int main(int argc, char **argv)
{
	int repeats = argc == 4 ? atoi(argv[2]) : 0;

	if (repeats < 1)
		errx(2, "usage: operations DIRECTORY REPEATS OPERATION");
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (strcmp(operations[i].name, argv[3]) == 0) {
			prepare(argv[1]);
			printf("%.0f\n", measure(operations[i].act, repeats));
			return 0;
		}
	errx(2, "%s: no such operation", argv[3]);
}
