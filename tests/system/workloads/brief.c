/* SPDX-License-Identifier: GPL-2.0-only
 *
 * brief.c - a process that lives about a millisecond: creates the file that its
 * argument names.
 */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	_exit(argc < 2 || open(argv[1], O_WRONLY | O_CREAT | O_EXCL, 0600) < 0);
}
