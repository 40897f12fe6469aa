/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-replay.c -- packets of a capture file as if they came from an interface
 *
 * Each packet goes through the kernel's programs by BPF_PROG_TEST_RUN, at the hook that a
 * live one would come to, with the time and the length that the file has. So the
 * kernel's part of a request can be tried on a file, and its results compared with those of
 * (pcapin). The kernel takes only frames from 14 bytes to somewhat below a page that
 * way; others are lost, and counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cap/cap.h"
#include "rx-replay.h"

struct rx_replay {
	const uint8_t *data;
	size_t len, at;
	struct sl_cap *cap;
};

int rx_replay_open(const char *path, struct rx_replay **out, char *why, size_t size)
{
	struct rx_replay *r = calloc(1, sizeof(*r));
	struct stat st;
	void *p;
	int fd;

	if (!r)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0) {
		snprintf(why, size, "%s: %s", path, fd < 0 ? strerror(errno) : "empty");
		if (fd >= 0)
			close(fd);
		free(r);
		return -EINVAL;
	}
	r->len = (size_t)st.st_size;
	p = mmap(NULL, r->len, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	r->data = p == MAP_FAILED ? NULL : p;
	r->cap = sl_cap_new();
	if (!r->data || !r->cap) {
		rx_replay_close(r);
		return -ENOMEM;
	}
	*out = r;
	return 0;
}

void rx_replay_close(struct rx_replay *r)
{
	if (!r)
		return;
	sl_cap_free(r->cap);
	if (r->data)
		munmap((void *)(uintptr_t)r->data, r->len);
	free(r);
}

int rx_replay_next(struct rx_replay *r, struct rx_replayed *out)
{
	const uint8_t *p = r->data + r->at;
	struct sl_cap_rec rec;
	size_t used;
	int e;

	e = sl_cap_next(r->cap, p, r->len - r->at, true, &rec, &used);
	r->at += used;
	if (e <= 0)
		return e;
	*out = (struct rx_replayed){
		.frame = p + rec.off, .len = rec.cap_len, .wire_len = rec.wire_len, .time_ns = rec.time_ns,
		.link = rec.linktype, .iface = (uint16_t)rec.iface, .nano = rec.flags & SL_CAP_NANO,
		.flags = (uint16_t)((rec.flags & SL_CAP_IN ? SL_B_IN : 0) | (rec.flags & SL_CAP_OUT ? SL_B_OUT : 0)),
	};
	return 1;
}

const char *rx_replay_error(const struct rx_replay *r)
{
	uint64_t off, good;
	const char *why = sl_cap_error(r->cap, &off, &good);

	return why ? why : "damaged";
}
