/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pcapout -- save packets to a capture file
 *
 *	(pcapout clean.pcap)
 *	(pcapout "web-{class}.pcapng")
 *	(pcapout -)
 *
 * in   packets, or byte streams: then the packets that their bytes came in
 * read packets, bytes, files, rounded
 *
 * The original frames are written, whatever part of them is in view. "-" is
 * standard output, so that `| wireshark -k -i -` works; what is written is on its way
 * after every batch.
 *
 * format=auto is pcapng for names that end so, else pcap. precision=auto keeps
 * nanoseconds where the first packet's source has them; where the file has no
 * room for a packet's nanoseconds, `rounded` counts it. A pcap file holds one link type:
 * packets of another go to a second file, whose name has the link type in it
 * (clean-rawip.pcap); pcapng holds any.
 *
 * {class} and {flow} in the name make one file for each class (port, protocol, pattern
 * group...) or flow (named tcp-ADDRESS.PORT-ADDRESS.PORT, the higher port first;
 * connections that use the same addresses and ports share a file). Any
 * number of files may result; only some of them are open at a time.
 *
 * Files are written by a thread of their own once a megabyte came, so that a slow disk does
 * not hold the pipeline up at once; up to 8 MiB are on their way then, and count as
 * held. Pipes and devices, and all where there is one processor, are written in line.
 *
 * When the disk is full, or a write fails in another way, the file ends with the
 * last whole packet, and an error says how many it holds. Packets that found no
 * place count as lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/human.h"
#include "pcapout.h"

#define SAID_FILES	8	/* named one by one at the end */
#define BESIDE		(1u << 20)	/* bytes after which a thread is worth its making */

enum { FORMAT_AUTO, FORMAT_PCAP, FORMAT_PCAPNG };

static const char *const formats[] = { "auto", "pcap", "pcapng", NULL };
static const char *const precisions[] = { "auto", "us", "ns", NULL };

static int pcapout_supply(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return strftime(out, size, "pcapout-%Y%m%d-%H%M.pcap", &tm) ? 0 : -ENOENT;
}

static const struct sl_param pcapout_params[] = {
	SL_OUT_FILE(struct pcapout, file, .pos = 1, .supply = pcapout_supply,
		    .help = "capture file to write, may contain {class} and {flow}; \"-\": standard output"),
	SL_CHOICE(struct pcapout, format, .choices = formats, .def = FORMAT_AUTO,
		  .help = "auto: pcapng where the name ends so, else pcap"),
	SL_CHOICE(struct pcapout, precision, .choices = precisions, .def = SL_CLOCK_AUTO,
		  .help = "unit of the times; auto: as the source has them"),
	{ }
};

static const struct sl_value pcapout_values[] = {
	SL_COUNT(struct pcapout, packets, .help = "packets written"),
	SL_COUNT(struct pcapout, bytes, .help = "bytes of packets written"),
	SL_COUNT(struct pcapout, files, .help = "files written"),
	SL_COUNT(struct pcapout, rounded, .help = "times whose nanoseconds did not fit"),
	{ }
};

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static int pcapout_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct pcapout *s = state;
	const char *at;

	(void)shared;
	if (!s->file)
		return 0;
	if (ends_in(s->file, ".gz") || ends_in(s->file, ".zst") || ends_in(s->file, ".bz2") ||
	    ends_in(s->file, ".xz")) {
		sl_prepare_error(p, "file", "E206", "pcapout does not compress");
		sl_prepare_note(p, "write to standard output, (pcapout -), and pipe it through a compressor");
		return -EINVAL;
	}
	for (at = s->file; (at = strchr(at, '{')); at++) {
		size_t n = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");

		if (at[1 + n] != '}' || (n == 5 && !strncmp(at, "{class}", 7)) ||
		    (n == 4 && !strncmp(at, "{flow}", 6)))
			continue;
		return sl_prepare_error(p, "file", "E124", "a file name can have {class} and {flow}, not %.*s",
					(int)n + 2, at);
	}
	return 0;
}

/* ---- working ----------------------------------------------------------- */

/* Some blocks of a batch for one file, in order. */
static void put(struct sl_filter *f, struct pcapout_file *o, struct sl_block *const *b, unsigned int n)
{
	int r = o->error ? 0 : sl_pcapout_use(f, o);

	if (r < 0)
		sl_pcapout_failed(f, o, r);
	sl_pcapout_put(f, o, b, n);
}

/* Those of a chain. */
static void put_chain(struct sl_filter *f, struct pcapout_file *o, struct sl_block *const *b, const uint32_t *next)
{
	struct sl_block *its[SL_BATCH_MAX];
	unsigned int n = 0;

	for (uint32_t i = o->first; i != UINT32_MAX; i = next[i])
		its[n++] = b[i];
	put(f, o, its, n);
}

static int hand_over(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	int r;

	sl_pcapout_settle(f, false);
	if (!s->in_line && !s->writer.beside && s->all_bytes >= BESIDE)
		sl_writer_start(&s->writer);
	r = s->failure;
	s->failure = 0;
	return r;
}

static void learn_names(struct sl_filter *f, struct pcapout *s)
{
	struct sl_iface_info i;

	for (unsigned int k = 0; k < SL_CAPFILE_NAMES; k++)
		if (sl_iface_info(f, k, &i))
			memcpy(s->names[k], i.name, sizeof(s->names[k]));
	s->knows_names = true;
}

static int pcapout_work(struct sl_filter *f, struct sl_batch *in)
{
	struct pcapout *s = sl_state(f);
	struct sl_block *b[SL_BATCH_MAX + 1];
	uint32_t next[SL_BATCH_MAX];
	struct pcapout_file *queue[SL_BATCH_MAX], *o = NULL;
	unsigned int n = 0, n_queue = 0;
	int r = 0, e;

	if (!s->knows_names)
		learn_names(f, s);
	/* Sort the batch by file: chains through next[]. */
	while ((b[n] = sl_batch_take(f, in))) {
		if (s->finished || r < 0) {
			sl_lose(f, b[n], s->finished ? "reader gone" : "write failed");
			continue;
		}
		o = sl_pcapout_same(s, b[n]);
		e = o ? 0 : sl_pcapout_of(f, b[n], &o);
		if (e) {
			sl_lose(f, b[n], e == 1 ? "other link type" : "write failed");
			r = e < 0 ? e : r;
			continue;
		}
		next[n] = UINT32_MAX;
		if (o->queued) {
			next[o->last] = n;
		} else {
			o->queued = true;
			o->first = n;
			queue[n_queue++] = o;
		}
		o->last = n++;
	}
	for (unsigned int i = 0; i < n_queue; i++)
		queue[i]->queued = false;
	if (n_queue == 1)
		put(f, queue[0], b, n);
	for (unsigned int i = 0; n_queue > 1 && i < n_queue; i++)
		put_chain(f, queue[i], b, next);
	e = hand_over(f);
	return e < 0 ? e : r;
}

/* What the writer finished meanwhile is let go, also when nothing more comes here. */
static int pcapout_tick(struct sl_filter *f, uint64_t now_ns)
{
	struct pcapout *s = sl_state(f);

	(void)now_ns;
	return s->writer.next != s->writer.reaped ? hand_over(f) : 0;
}

static int pcapout_open(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	struct rlimit lim = { .rlim_cur = 1024 };
	struct pcapout_file *o;

	s->all_end = &s->all;
	if (sl_pcapout_way_init(s) < 0 || sl_pcapout_grow(s) < 0)
		return sl_fail(f, "E302", "out of memory");
	s->ng = s->format == FORMAT_PCAPNG || (s->format == FORMAT_AUTO && ends_in(s->file, ".pcapng"));
	s->by_class = strstr(s->file, "{class}");
	s->by_flow = strstr(s->file, "{flow}");
	getrlimit(RLIMIT_NOFILE, &lim);
	s->max_open = lim.rlim_cur / 4 < 256 ? (unsigned int)lim.rlim_cur / 4 + 1 : 256;
	return s->by_class || s->by_flow ? 0 : sl_pcapout_new(f, s->file, &o);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Every file gets its end; once. */
static int finish(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	uint64_t packets = 0, size = 0, said = 0;
	struct sl_iface_info info;
	char human[SL_HUMAN];
	struct pcapout_file *o;
	int r, res;

	sl_pcapout_settle(f, true);
	res = s->failure;
	s->failure = 0;
	for (o = s->all; o; o = o->next) {
		char *name = o->file.to.path ? strdup(o->file.to.path) : NULL;
		bool known = o->error;

		if (!o->file.to.path)
			continue;
		for (unsigned int k = 0; o->file.ng && k < SL_CAPFILE_NAMES; k++)
			if (sl_iface_info(f, k, &info) && info.counted)
				sl_capfile_counts(&o->file, (uint16_t)k, now_ns(), info.received,
						  info.dropped + info.missed);
		r = sl_capfile_done(&o->file);
		if (r < 0 && !known)
			res = sl_fail(f, sl_target_full(r) ? "E207" : "E206", "writing the end of %s failed: %s",
				      name ? name : s->file, sl_target_why(r));
		if (name && strcmp(name, "-") && said++ < SAID_FILES && (r == 0 || known))
			sl_saved(f, "%s: %llu packet%s, %s", name, (unsigned long long)o->file.packets,
				 o->file.packets == 1 ? "" : "s", sl_human_bytes(o->file.size, human));
		if (said > SAID_FILES) {
			packets += o->file.packets;
			size += o->file.size;
		}
		free(name);
	}
	if (said > SAID_FILES)
		sl_saved(f, "and %llu more files: %llu packets, %s", (unsigned long long)(said - SAID_FILES),
			 (unsigned long long)packets, sl_human_bytes(size, human));
	s->newest = s->oldest = NULL;
	s->n_open = 0;
	s->memo = NULL;
	return res;
}

static int pcapout_flush(struct sl_filter *f)
{
	return finish(f);
}

static void pcapout_close(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	struct pcapout_file *o;

	if (sl_aborted(f))
		for (o = s->all; o; o = o->next)
			sl_capfile_undo(&o->file);
	else if (s->all)
		finish(f);
	while ((o = s->all)) {
		s->all = o->next;
		free(o);
	}
	free(s->hash);
	sl_pcapout_way_done(s);
}

static const char *const pcapout_examples[] = {
	"(pcapin web.pcap) > (tcp) -80-> (pcapout clean.pcap)",
	"(pcapin web.pcap) > (tcp) > (pcapout \"port-{class}.pcap\")",
	"(pcapin web.pcap) > (udp) > (pcapout - format=pcapng)",
	NULL
};

const struct sl_filter_type sl_pcapout_type = {
	.name	  = "pcapout",
	.brief	  = "save packets to a capture file",
	.group	  = "save",
	.state	  = sizeof(struct pcapout),
	.params	  = pcapout_params,
	.values	  = pcapout_values,
	.in	  = SL_PACKET | SL_BYTES,
	.prepare  = pcapout_prepare,
	.open	  = pcapout_open,
	.work	  = pcapout_work,
	.tick	  = pcapout_tick,
	.flush	  = pcapout_flush,
	.close	  = pcapout_close,
	.examples = pcapout_examples,
	.see_also = "pcapin, fileout",
};
