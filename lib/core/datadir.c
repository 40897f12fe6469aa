/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/datadir.c -- where rule sets and library files lie
 *
 * The folder of the sources counts only while the running program itself lies in
 * the tree of sources or in that of the build: a copy elsewhere must not take its rules
 * from a path that somebody else may own by then.
 */
#include "core/datadir.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool lies_in(const char *path, const char *dir)
{
	char real[PATH_MAX];
	size_t n;

	if (!realpath(dir, real))
		return false;
	n = strlen(real);
	return !strncmp(path, real, n) && path[n] == '/';
}

static bool is_at_home(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return false;
	exe[n] = '\0';
	return lies_in(exe, SL_SOURCE_ROOT) || lies_in(exe, SL_BUILD_ROOT);
}

const char *sl_datadir(unsigned int i)
{
	switch (i) {
	case 0:
		return SL_DATADIR;
	case 1:
		return is_at_home() ? SL_SOURCE_ROOT "/share/streamline" : NULL;
	default:
		return NULL;
	}
}
