/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/rights.c -- see rights.h */
#include "kern/rights.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	unsigned int bit;
	bool by_admin;
} caps[] = {
	{ "CAP_NET_RAW", CAP_NET_RAW, false }, { "CAP_NET_ADMIN", CAP_NET_ADMIN, false },
	{ "CAP_BPF", CAP_BPF, true }, { "CAP_PERFMON", CAP_PERFMON, true },
	{ "CAP_IPC_LOCK", CAP_IPC_LOCK, false }, { "CAP_SYS_ADMIN", CAP_SYS_ADMIN, false },
};

#define N_CAPS	(sizeof(caps) / sizeof(caps[0]))

unsigned int sl_rights(void)
{
	FILE *f = fopen("/proc/thread-self/status", "re");
	unsigned long long have = 0;
	unsigned int rights = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "CapEff:", 7))
			have = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
	for (unsigned int i = 0; i < N_CAPS; i++)
		if (have >> caps[i].bit & 1 || (caps[i].by_admin && have >> CAP_SYS_ADMIN & 1))
			rights |= 1u << i;
	return rights;
}

char *sl_rights_words(unsigned int rights, char *buf, size_t size)
{
	size_t n = 0;

	snprintf(buf, size, "none");
	for (unsigned int i = 0; i < N_CAPS && n < size; i++)
		if (rights & 1u << i)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", caps[i].name);
	return buf;
}
