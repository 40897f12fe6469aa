/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fileout -- write byte streams to files, one for each flow and direction
 *
 *	(fileout dir=streams)
 *
 * in   byte streams
 * out  none
 * read files, written, reopened
 *
 * A file is named after the sender and the receiver, as tcpflow does:
 * 010.000.000.001.40000-010.000.000.002.00080, for IPv6 the plain address; --TAG
 * follows for a packet with a VLAN tag. When a file of that name is there, from an
 * earlier connection between the same ports or an earlier run, c1, c2, ... is
 * appended; nothing is ever overwritten. A direction without data makes no file.
 * Bytes of a process (exec) go to a file called stream- and a number.
 *
 * Each byte is written at its place in the stream, so that what is missing (a
 * gap) is a hole in the file that reads as zeros. The time of a file is that of its
 * last packet. The folder is made when it is not there. At most files= files are open at
 * once; others are closed and opened again when more comes for them.
 *
 * A full disk ends the writing and is an error that says what was saved; what
 * does not fit is counted as lost.
 */
/*
 * Streams are found by number in a table of pointers; those with an open file
 * are in a list, the one written last first. Blocks that follow each other in
 * one stream gather in `run` and are written by one call.
 *
 *	stream		file			fd
 *	new		none: no data yet	-1
 *	named		exists			open (in the list), or -1 after it gave way
 *
 * Never: a second name for a stream; a stream in the list without a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/human.h"
#include "core/target.h"
#include "net/decode.h"
#include "streamline/filter.h"

#define RUN		64
#define NAME_BYTES	128

struct stream {
	uint32_t number;
	int fd;
	uint32_t again;			/* the n of cn; 0: none */
	bool named;
	uint64_t time_ns;		/* of its latest block */
	struct stream *newer, *older;	/* in the list of open ones */
	char name[];			/* without the cn */
};

struct fileout {
	const char *dir;
	uint32_t files_open;
	int dirfd;
	bool opened;
	unsigned int made;		/* folders that open() made, dir itself and those above it */
	const char *failed;		/* why nothing is written any more */
	struct stream **table;
	uint32_t mask, n;
	struct stream *newest, *oldest;
	uint32_t n_open;
	struct stream *run_of;
	struct sl_block *run[RUN];
	unsigned int n_run;
	uint64_t run_end;		/* where the next byte of the run would be */
	struct sl_count files, written, reopened;
};

static const struct sl_param fileout_params[] = {
	SL_STRING(struct fileout, dir, .required = true, .pos = 1, .help = "folder for the files"),
	{ .name = "files", .type = SL_P_U32, .off = offsetof(struct fileout, files_open),
	  .def = 256, .min = 1, .max = 65536, .help = "files open at once" },
	{ }
};

static const struct sl_value fileout_values[] = {
	SL_COUNT(struct fileout, files, .help = "files made"),
	SL_COUNT(struct fileout, written, .help = "bytes written"),
	SL_COUNT(struct fileout, reopened, .help = "files opened again"),
	{ }
};

/* ---- streams ------------------------------------------------------ */

static uint32_t slot_of(const struct fileout *o, uint32_t number)
{
	return (number * 0x9e3779b1u >> 7) & o->mask;
}

static int table_grow(struct fileout *o)
{
	uint32_t size = o->table ? (o->mask + 1) * 2 : 1024, old = o->mask;
	struct stream **from = o->table, **to = calloc(size, sizeof(*to));

	if (!to)
		return -ENOMEM;
	o->mask = size - 1;
	for (uint32_t i = 0; from && i <= old; i++) {
		uint32_t at;

		if (!from[i])
			continue;
		for (at = slot_of(o, from[i]->number); to[at]; at = (at + 1) & o->mask)
			;
		to[at] = from[i];
	}
	free(from);
	o->table = to;
	return 0;
}

static struct stream *stream_find(const struct fileout *o, uint32_t number)
{
	for (uint32_t i = slot_of(o, number); o->table[i]; i = (i + 1) & o->mask) {
		if (o->table[i]->number == number)
			return o->table[i];
	}
	return NULL;
}

static void list_remove(struct fileout *o, struct stream *s)
{
	*(s->newer ? &s->newer->older : &o->newest) = s->older;
	*(s->older ? &s->older->newer : &o->oldest) = s->newer;
	s->newer = s->older = NULL;
	o->n_open--;
}

static void list_add(struct fileout *o, struct stream *s)
{
	s->newer = NULL;
	s->older = o->newest;
	*(o->newest ? &o->newest->newer : &o->oldest) = s;
	o->newest = s;
	o->n_open++;
}

/* Close a stream's file; an error that only shows now (a file system over the
 * network) is returned. */
static int stream_close(struct fileout *o, struct stream *s)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT } };
	int r;

	if (s->fd < 0)
		return 0;
	t[1].tv_sec = (time_t)(s->time_ns / 1000000000u);
	t[1].tv_nsec = (long)(s->time_ns % 1000000000u);
	if (s->time_ns)
		futimens(s->fd, t);
	r = close(s->fd) < 0 ? -errno : 0;
	s->fd = -1;
	list_remove(o, s);
	return r;
}

static int stream_forget(struct fileout *o, uint32_t number)
{
	uint32_t i, j;
	struct stream *s;
	int r;

	for (i = slot_of(o, number); (s = o->table[i]) && s->number != number; i = (i + 1) & o->mask)
		;
	if (!s)
		return 0;
	r = stream_close(o, s);
	free(s);
	for (j = (i + 1) & o->mask; o->table[j]; j = (j + 1) & o->mask) {
		uint32_t home = slot_of(o, o->table[j]->number);

		if (((j - home) & o->mask) >= ((j - i) & o->mask)) {
			o->table[i] = o->table[j];
			i = j;
		}
	}
	o->table[i] = NULL;
	o->n--;
	return r;
}

static int addr_name(char *to, size_t size, bool v6, const uint8_t *a, uint16_t port)
{
	char text[64];

	if (v6)
		return snprintf(to, size, "%s.%05u", sl_addr_text(true, a, text), port);
	return snprintf(to, size, "%03u.%03u.%03u.%03u.%05u", a[0], a[1], a[2], a[3], port);
}

/* The name of a stream by the packet that its first bytes came in. */
static void make_name(const struct sl_filter *f, struct sl_block *b, char *name)
{
	const uint8_t *frame = sl_frame(f, b);
	struct sl_tuple t;
	int n;

	if (!b->head || !sl_tuple_of(b, frame, &t)) {
		snprintf(name, NAME_BYTES, "stream-%u", b->stream);
		return;
	}
	n = addr_name(name, NAME_BYTES, t.v6, t.src, t.sport);
	name[n++] = '-';
	n += addr_name(name + n, NAME_BYTES - (size_t)n, t.v6, t.dst, t.dport);
	if (b->link == 1 && b->frame_len >= 16 && sl_be16(frame + 12) == 0x8100)
		snprintf(name + n, NAME_BYTES - (size_t)n, "--%u", sl_be16(frame + 14));
}

static struct stream *stream_get(struct sl_filter *f, struct fileout *o, struct sl_block *b)
{
	struct stream *s = stream_find(o, b->stream);
	char name[NAME_BYTES];
	uint32_t i;

	if (s)
		return s;
	if (o->n >= o->mask / 2 && table_grow(o) < 0)
		return NULL;
	make_name(f, b, name);
	s = calloc(1, sizeof(*s) + strlen(name) + 1);
	if (!s)
		return NULL;
	s->number = b->stream;
	s->fd = -1;
	strcpy(s->name, name);
	for (i = slot_of(o, s->number); o->table[i]; i = (i + 1) & o->mask)
		;
	o->table[i] = s;
	o->n++;
	return s;
}

/* ---- files -------------------------------------------------------- */

static int open_at(struct fileout *o, const char *name, int flags)
{
	int fd;

	for (;;) {
		fd = openat(o->dirfd, name, flags | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
		/* The process may allow fewer descriptors than we would take. */
		if (fd < 0 && (errno == EMFILE || errno == ENFILE) && o->oldest) {
			stream_close(o, o->oldest);
			continue;
		}
		return fd < 0 ? -errno : fd;
	}
}

static void full_name(char *to, size_t size, const struct stream *s, uint32_t again)
{
	if (again)
		snprintf(to, size, "%sc%u", s->name, again);
	else
		snprintf(to, size, "%s", s->name);
}

static int stream_open(struct fileout *o, struct stream *s)
{
	char name[NAME_BYTES + 16];
	int fd;

	if (s->fd >= 0) {
		if (o->newest != s) {
			list_remove(o, s);
			list_add(o, s);
		}
		return 0;
	}
	while (o->n_open >= o->files_open)
		stream_close(o, o->oldest);
	full_name(name, sizeof(name), s, s->again);
	fd = s->named ? open_at(o, name, 0) : open_at(o, name, O_CREAT | O_EXCL);
	while (!s->named && fd == -EEXIST) {
		full_name(name, sizeof(name), s, ++s->again);
		fd = open_at(o, name, O_CREAT | O_EXCL);
	}
	if (fd < 0)
		return fd;
	if (s->named)
		sl_count(&o->reopened);
	else
		sl_count(&o->files);
	s->named = true;
	s->fd = fd;
	list_add(o, s);
	return 0;
}

static void give_up(struct sl_filter *f, struct fileout *o, int err)
{
	bool full = sl_target_full(err);
	char size[SL_HUMAN];

	o->failed = sl_target_loss(err);
	sl_trouble(f, full ? "E207" : "E302", true, "can't go on writing to %s: %s; %llu files with %s were saved there",
		   o->dir, strerror(-err), (unsigned long long)o->files.n,
		   sl_human_bytes(o->written.n, size));
	sl_finished(f);
}

/* Write the run: all its blocks are done, or from the first that failed on lost. */
static void write_run(struct sl_filter *f, struct fileout *o)
{
	struct iovec v[RUN];
	unsigned int i = 0, n = o->n_run;
	uint32_t skip = 0;		/* bytes of block i that were written */
	size_t left;
	int err;

	if (!n)
		return;
	o->n_run = 0;
	err = o->failed ? -EIO : stream_open(o, o->run_of);
	while (i < n && !err) {
		struct sl_block *b = o->run[i];
		ssize_t r;

		for (unsigned int k = i; k < n; k++) {
			v[k - i].iov_base = (void *)sl_data(f, o->run[k]);
			v[k - i].iov_len = o->run[k]->len;
		}
		v[0].iov_base = (char *)v[0].iov_base + skip;
		v[0].iov_len -= skip;
		r = pwritev(o->run_of->fd, v, (int)(n - i), (off_t)(b->pos + skip));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			err = r < 0 ? -errno : -EIO;
			break;
		}
		sl_count_add(&o->written, (uint64_t)r);
		for (left = (size_t)r; i < n && left >= o->run[i]->len - skip; i++) {
			left -= o->run[i]->len - skip;
			skip = 0;
			o->run_of->time_ns = o->run[i]->time_ns;
			sl_done(f, o->run[i]);
		}
		skip += (uint32_t)left;
	}
	if (err && !o->failed)
		give_up(f, o, err);
	for (; i < n; i++)
		sl_lose(f, o->run[i], o->failed);
}

static int fileout_work(struct sl_filter *f, struct sl_batch *in)
{
	struct fileout *o = sl_state(f);
	struct sl_block *b;
	int r;

	while ((b = sl_batch_take(f, in))) {
		bool close = b->flags & SL_B_CLOSE;
		uint32_t number = b->stream;

		if (o->failed) {
			sl_lose(f, b, o->failed);
			continue;
		}
		if (b->len) {
			struct stream *s = o->run_of && o->n_run && o->run_of->number == number ?
					   o->run_of : NULL;

			if (!s || b->pos != o->run_end || o->n_run == RUN) {
				write_run(f, o);
				s = stream_get(f, o, b);
			}
			if (!s) {
				sl_lose(f, b, "out of memory");
				continue;
			}
			o->run_of = s;
			o->run[o->n_run++] = b;
			o->run_end = b->pos + b->len;
		} else {
			sl_done(f, b);
		}
		if (close) {
			write_run(f, o);
			r = stream_forget(o, number & ~1u);
			if (!r)
				r = stream_forget(o, number | 1u);
			if (r < 0 && !o->failed)
				give_up(f, o, r);
		}
	}
	write_run(f, o);
	return 0;
}

/* ---- */

static int fileout_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct fileout *o = state;
	struct stat st;

	(void)shared;
	if (!sl_prepare_env(p))
		return 0;
	if (stat(o->dir, &st) == 0 && !S_ISDIR(st.st_mode))
		return sl_prepare_error(p, "dir", "E206", "'%s' is not a folder", o->dir);
	if (access(o->dir, W_OK | X_OK) < 0 && errno != ENOENT)
		return sl_prepare_error(p, "dir", "E206", "can't write to '%s': %s", o->dir, strerror(errno));
	return 0;
}

/* Make the folder, and those on the way to it; count them. */
static int make_dirs(const char *dir, unsigned int *made)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		/* the end of a name, not one of several slashes */
		if ((path[i] != '/' && path[i]) || path[i - 1] == '/')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0777) == 0)
			++*made;
		else if (errno != EEXIST && errno != EISDIR && i == len)
			return -errno;
		if (i < len)
			path[i] = '/';
	}
	return 0;
}

/* Nothing ran: take away the folders that were made, the innermost first. */
static void unmake_dirs(const char *dir, unsigned int made)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);

	if (len >= sizeof(path))
		return;
	memcpy(path, dir, len + 1);
	while (made) {
		while (len && path[len - 1] == '/')
			len--;
		path[len] = '\0';
		if (!len)
			return;
		if (rmdir(path) == 0)
			made--;
		else if (errno != EINVAL)	/* it is for "." */
			return;
		while (len && path[len - 1] != '/')
			len--;
	}
}

static int fileout_open(struct sl_filter *f)
{
	struct fileout *o = sl_state(f);
	int r;

	o->opened = true;
	o->dirfd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = o->dirfd < 0 ? -errno : 0;
	if (r == -ENOENT) {
		r = make_dirs(o->dir, &o->made);
		if (!r) {
			o->dirfd = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			r = o->dirfd < 0 ? -errno : 0;
		}
	}
	if (!r)
		r = table_grow(o);
	if (r < 0)
		return sl_fail(f, "E206", "can't write to %s: %s", o->dir, strerror(-r));
	return 0;
}

static int fileout_flush(struct sl_filter *f)
{
	struct fileout *o = sl_state(f);
	char size[SL_HUMAN];
	int r, first = 0;

	while (o->oldest) {
		r = stream_close(o, o->oldest);
		first = first ? first : r;
	}
	if (first && !o->failed)
		give_up(f, o, first);
	if (!o->failed)
		sl_saved(f, "%s: %llu file%s, %s", o->dir, (unsigned long long)o->files.n,
			 o->files.n == 1 ? "" : "s", sl_human_bytes(o->written.n, size));
	return 0;
}

static void fileout_close(struct sl_filter *f)
{
	struct fileout *o = sl_state(f);

	if (!o->opened)
		return;
	for (uint32_t i = 0; o->table && i <= o->mask; i++) {
		if (o->table[i])
			stream_close(o, o->table[i]);
		free(o->table[i]);
	}
	free(o->table);
	o->table = NULL;
	if (o->dirfd >= 0)
		close(o->dirfd);
	if (sl_aborted(f))
		unmake_dirs(o->dir, o->made);
}

static const char *const fileout_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (untcp) > (fileout dir=streams)",
	"(pcapin web.pcap) > (tcp) > (untcp) > (grep \"GET /\") > (fileout gets)",
	NULL
};

const struct sl_filter_type sl_fileout_type = {
	.name	  = "fileout",
	.brief	  = "write byte streams to files, one for each flow and direction",
	.group	  = "save",
	.state	  = sizeof(struct fileout),
	.params	  = fileout_params,
	.values	  = fileout_values,
	.in	  = SL_BYTES,
	.prepare  = fileout_prepare,
	.open	  = fileout_open,
	.work	  = fileout_work,
	.flush	  = fileout_flush,
	.close	  = fileout_close,
	.examples = fileout_examples,
	.see_also = "untcp, pcapout",
};
