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

#include "capfile.h"
#include "core/human.h"
#include "core/writer.h"
#include "net/decode.h"
#include "streamline/filter.h"

#define NAME_MAX_BYTES	4096
#define SAID_FILES	8	/* named one by one at the end */
#define ITEMS		4096u	/* packets under way at once, and their bytes: */
#define ITEM_BYTES	(8u << 20)
#define BESIDE		(1u << 20)	/* bytes after which a thread is worth its making */

/*
 * A file. What is told about it, and its descriptor while nothing of it is under way, is
 * work()'s; the rest of `file` is the writer's, once a packet was put into its ring.
 */
struct out {
	struct sl_capfile file;		/* first */
	int error;			/* as work() knows it: no more goes there */
	uint32_t under_way;		/* packets in the ring */
	struct out *hash_next;
	struct out *next;		/* of all, in order of their making */
	uint32_t first, last;		/* of the batch's chain; valid while queued */
	bool queued;
};

struct pcapout {
	const char *file;
	int format, precision;
	struct sl_count packets, bytes, files, rounded;

	bool by_class, by_flow, finished, said_link, knows_names;
	char names[SL_CAPFILE_NAMES][32];	/* of interfaces */
	unsigned int max_open, n_open;
	struct sl_capfile *newest, *oldest;	/* of the open ones */
	struct out *all, **all_end;
	struct out **hash;
	uint32_t hash_size, n_all;
	struct out *memo;			/* for memo_class and memo_link */
	uint32_t memo_class;
	uint16_t memo_link;

	/* On their way: the ring of writer.h, item i is at [i % ITEMS]. */
	struct sl_writer writer;
	struct item *item;
	uint64_t item_bytes, pushed_bytes;	/* under way; of them, not yet pushed */
	uint64_t all_bytes;			/* that ever were */
	bool in_line;				/* some file is a pipe or a device: no thread */
	int failure;				/* of a write, for work() to return */
	struct sl_filter *filter;		/* (w) for sl_frame() alone */
	struct sl_capfile_batch *batch;		/* (w) */
};

struct item {
	struct sl_block b;
	struct out *out;
	int error;		/* (w) 0: it is in the file */
	bool rounded;		/* (w) */
};

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

/* ---- names ------------------------------------------------------------- */

static const char *link_name(uint16_t link, char *buf, size_t size)
{
	static const struct { uint16_t link; const char *name; } names[] = {
		{ 0, "null" }, { 1, "ether" }, { 9, "ppp" }, { 101, "rawip" }, { 104, "chdlc" },
		{ 105, "wlan" }, { 108, "loop" }, { 113, "sll" }, { 127, "radiotap" }, { 192, "ppi" },
		{ 228, "ip4" }, { 229, "ip6" }, { 276, "sll2" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].link == link)
			return names[i].name;
	snprintf(buf, size, "link%u", link);
	return buf;
}

/* "tcp-10.0.0.5.40001-10.0.0.80.80": the same for both directions. */
static void flow_name(struct sl_block *b, const uint8_t *frame, char *buf, size_t size)
{
	static const struct { uint8_t proto; const char *name; } names[] = {
		{ 1, "icmp" }, { 6, "tcp" }, { 17, "udp" }, { 58, "icmp6" }, { 132, "sctp" },
	};
	char a[46], z[46], proto[16];
	struct sl_tuple t;
	bool turn;

	if (!sl_tuple_of(b, frame, &t)) {
		snprintf(buf, size, "other");
		return;
	}
	snprintf(proto, sizeof(proto), "ip%u", t.proto);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].proto == t.proto)
			snprintf(proto, sizeof(proto), "%s", names[i].name);
	turn = t.sport != t.dport ? t.sport < t.dport : memcmp(t.src, t.dst, sizeof(t.src)) < 0;
	sl_addr_text(t.v6, turn ? t.dst : t.src, a);
	sl_addr_text(t.v6, turn ? t.src : t.dst, z);
	if (sl_proto_has_ports(t.proto))
		snprintf(buf, size, "%s-%s.%u-%s.%u", proto, a, turn ? t.dport : t.sport, z,
			 turn ? t.sport : t.dport);
	else
		snprintf(buf, size, "%s-%s-%s", proto, a, z);
}

/* Whatever a class is called, it stays within its directory. */
static void harmless(char *s)
{
	if (!*s || *s == '.')
		memmove(s + 1, s, strlen(s) + 1), *s = '_';
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+@", *s))
			*s = '_';
}

/* The name for this block: words in braces filled in. */
static void fill_name(struct sl_filter *f, struct sl_block *b, char *out, size_t size)
{
	const struct pcapout *s = sl_state(f);
	const char *at = s->file;
	size_t n = 0;

	while (*at && n + 1 < size) {
		char word[256];

		if (!strncmp(at, "{class}", 7)) {
			sl_class_text(f, b, word, sizeof(word) - 2);
			at += 7;
		} else if (!strncmp(at, "{flow}", 6)) {
			flow_name(b, sl_frame(f, b), word, sizeof(word) - 2);
			at += 6;
		} else {
			out[n++] = *at++;
			continue;
		}
		harmless(word);
		n += (size_t)snprintf(out + n, size - n, "%s", word);
		if (n >= size)
			n = size - 1;
	}
	out[n] = '\0';
}

/* "a/clean.pcap" -> "a/clean-rawip.pcap" */
static void link_into_name(char *name, size_t size, uint16_t link)
{
	char buf[16], end[NAME_MAX_BYTES], *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
	size_t n = dot && dot > name && (!slash || dot > slash + 1) ? (size_t)(dot - name) : strlen(name);

	snprintf(end, sizeof(end), "%s", name + n);
	snprintf(name + n, size - n, "-%s%s", link_name(link, buf, sizeof(buf)), end);
}

/* ---- writing ------------------------------------------------------------ */

/* In the writer's thread, where there is one: packets of one file, as many as go at once. */
static uint32_t write_items(void *arg, uint32_t from, uint32_t to)
{
	struct pcapout *s = arg;
	struct out *o = s->item[from % ITEMS].out;
	uint32_t first = from;
	unsigned int good, n = 0;
	int r;

	for (; from != to; from++) {
		struct item *it = &s->item[from % ITEMS];
		uint64_t rounded = o->file.rounded;

		if (it->out != o)
			break;
		if (to - from > 8)
			__builtin_prefetch(sl_frame(s->filter, &s->item[(from + 8) % ITEMS].b) - 16);
		r = o->file.error ? o->file.error : sl_capfile_put(&o->file, s->batch, &it->b,
								   sl_frame(s->filter, &it->b), s->precision);
		if (r == 0)
			break;
		it->error = r < 0 ? r : 0;
		it->rounded = o->file.rounded != rounded;
	}
	if (!s->batch->n)
		return from;
	r = sl_capfile_flush(&o->file, s->batch, &good);
	for (; first != from; first++) {
		struct item *it = &s->item[first % ITEMS];

		if (it->error || n++ < good)
			continue;
		if (r == 0)
			return first;	/* it has to be put again */
		it->error = r;
	}
	return from;
}

/* Words for a failed write: what the file holds now. */
static int report(struct sl_filter *f, const struct out *o, int error)
{
	const struct sl_capfile *c = &o->file;
	struct pcapout *s = sl_state(f);
	const char *name = strcmp(c->to.path, "-") ? c->to.path : "standard output";
	char human[SL_HUMAN], holds[128] = "no packet was saved there";

	if (error == -EPIPE) {
		/* Whoever was to read it has seen enough. */
		s->finished = true;
		sl_finished(f);
		return 0;
	}
	if (c->packets)
		snprintf(holds, sizeof(holds), "it holds the first %llu packet%s, %s", (unsigned long long)c->packets,
			 c->packets == 1 ? "" : "s", sl_human_bytes(c->size, human));
	if (sl_target_full(error))
		return sl_fail(f, "E207", "no room for more in %s (%s): %s", name, sl_target_why(error), holds);
	return sl_fail(f, "E206", "writing %s failed (%s): %s", name, sl_target_why(error), holds);
}

static void failed(struct sl_filter *f, struct out *o, int error)
{
	struct pcapout *s = sl_state(f);
	int r;

	o->error = error;
	r = report(f, o, error);
	s->failure = s->failure ? s->failure : r;
}

/*
 * Hand over what is there, and let go of what the writer is done with; `all`: wait for it.
 * A failure is reported once for each file, and kept for work() to return, since
 * it may show wherever somebody needs room.
 */
static void settle(struct sl_filter *f, bool all)
{
	struct pcapout *s = sl_state(f);
	struct sl_writer *w = &s->writer;

	sl_writer_push(w, s->pushed_bytes);
	s->pushed_bytes = 0;
	if (all)
		sl_writer_wait(w, true);
	for (; w->reaped != w->seen; w->reaped++) {
		struct item *it = &s->item[w->reaped % ITEMS];

		it->out->under_way--;
		s->item_bytes -= it->b.frame_len;
		s->rounded.n += it->rounded;
		if (!it->error) {
			s->packets.n++;
			s->bytes.n += it->b.frame_len;
			sl_park_done(f, &it->b);
			continue;
		}
		sl_park_lose(f, &it->b, sl_target_loss(it->error));
		if (!it->out->error && it->error == it->out->file.error)
			failed(f, it->out, it->error);
	}
}

static bool is_full(const struct pcapout *s)
{
	return s->writer.next - s->writer.reaped == ITEMS || s->item_bytes >= ITEM_BYTES;
}

static void put(struct sl_filter *f, struct out *o, struct sl_block *b)
{
	struct pcapout *s = sl_state(f);
	struct item *it;

	if (is_full(s)) {
		settle(f, false);
		if (is_full(s)) {
			sl_writer_wait(&s->writer, false);
			settle(f, false);
		}
	}
	if (o->error) {
		sl_lose(f, b, sl_target_loss(o->error));
		return;
	}
	it = &s->item[s->writer.next++ % ITEMS];
	sl_park(f, b, &it->b, !s->writer.beside);
	it->out = o;
	it->error = 0;
	o->under_way++;
	s->item_bytes += it->b.frame_len;
	s->pushed_bytes += it->b.frame_len;
	s->all_bytes += it->b.frame_len;
}

/* ---- files ------------------------------------------------------------- */

static uint64_t hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (*name)
		h = (h ^ (uint8_t)*name++) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static int grow(struct pcapout *s)
{
	uint32_t size = s->hash_size ? s->hash_size * 4 : 64;
	struct out **hash = calloc(size, sizeof(*hash));

	if (!hash)
		return -ENOMEM;
	for (struct out *o = s->all; o; o = o->next) {
		struct out **at = &hash[hash_of(o->file.to.path) & (size - 1)];

		o->hash_next = *at;
		*at = o;
	}
	free(s->hash);
	s->hash = hash;
	s->hash_size = size;
	return 0;
}

/* The open files, the one that was used last in front. */
static void unlist(struct pcapout *s, struct sl_capfile *c)
{
	*(c->newer ? &c->newer->older : &s->newest) = c->older;
	*(c->older ? &c->older->newer : &s->oldest) = c->newer;
	c->newer = c->older = NULL;
	s->n_open--;
}

static void list(struct pcapout *s, struct sl_capfile *c)
{
	c->older = s->newest;
	c->newer = NULL;
	*(s->newest ? &s->newest->newer : &s->oldest) = c;
	s->newest = c;
	s->n_open++;
}

/* Close the file that was used least recently, for a while. False: none is open. */
static bool give_way(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	struct sl_capfile *c = s->oldest;

	if (!c)
		return false;
	if (((struct out *)c)->under_way)
		settle(f, true);
	unlist(s, c);
	sl_target_pause(&c->to);
	return true;
}

static void make_room(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);

	if (s->n_open >= s->max_open)
		give_way(f);
}

static int use(struct sl_filter *f, struct out *o)
{
	struct pcapout *s = sl_state(f);
	struct sl_capfile *c = &o->file;
	int r = 0;

	if (c->to.fd >= 0) {
		if (s->newest != c) {
			unlist(s, c);
			list(s, c);
		}
		return 0;
	}
	make_room(f);
	r = sl_target_resume(&c->to);
	while ((r == -EMFILE || r == -ENFILE) && give_way(f))
		r = sl_target_resume(&c->to);
	if (r == 0)
		list(s, c);
	return r;
}

static int out_new(struct sl_filter *f, const char *name, struct out **res)
{
	struct pcapout *s = sl_state(f);
	bool ng = s->format == FORMAT_PCAPNG || (s->format == FORMAT_AUTO && ends_in(s->file, ".pcapng"));
	struct out *o = calloc(1, sizeof(*o)), **at;
	int r;

	if (!o || (s->n_all >= s->hash_size && grow(s) < 0)) {
		free(o);
		return sl_fail(f, "E302", "out of memory for %s", name);
	}
	make_room(f);
	r = sl_capfile_open(&o->file, name, ng);
	/* The process may have fewer descriptors left than we would take. */
	while ((r == -EMFILE || r == -ENFILE) && give_way(f))
		r = sl_capfile_open(&o->file, name, ng);
	if (r < 0) {
		free(o);
		return sl_fail(f, "E206", "cannot write %s: %s", name, sl_target_why(r));
	}
	o->file.names = s->names;
	if (!o->file.to.regular && !s->in_line) {
		/* Who reads from a pipe sees things when they are written, and we see that he left. */
		settle(f, true);
		sl_writer_stop(&s->writer);
		s->in_line = true;
	}
	list(s, &o->file);
	at = &s->hash[hash_of(name) & (s->hash_size - 1)];
	o->hash_next = *at;
	*at = o;
	*s->all_end = o;
	s->all_end = &o->next;
	s->n_all++;
	sl_count(&s->files);
	*res = o;
	return 0;
}

static int out_named(struct sl_filter *f, const char *name, struct out **res)
{
	struct pcapout *s = sl_state(f);
	struct out *o = s->hash_size ? s->hash[hash_of(name) & (s->hash_size - 1)] : NULL;

	while (o && strcmp(o->file.to.path, name))
		o = o->hash_next;
	*res = o;
	return o ? 0 : out_new(f, name, res);
}

/* The file that a block belongs to, begun. 1: there is none for it, 2: it takes no more (both were said). */
static int out_of(struct sl_filter *f, struct sl_block *b, struct out **res)
{
	struct pcapout *s = sl_state(f);
	bool nano = s->precision == SL_CLOCK_NS ||
		    (s->precision == SL_CLOCK_AUTO && b->flags & SL_B_NANO);
	char name[NAME_MAX_BYTES];
	struct out *o = s->memo;
	int r;

	if (o && !s->by_flow && (!s->by_class || b->class == s->memo_class) && b->link == s->memo_link) {
		*res = o;
		return 0;
	}
	fill_name(f, b, name, sizeof(name));
	r = out_named(f, name, &o);
	if (r < 0)
		return r;
	if (!o->file.ng && o->file.to.begun && o->file.link != b->link) {
		char buf[16];

		if (!strcmp(name, "-")) {
			if (!s->said_link)
				sl_trouble(f, "E206", true, "standard output is a pcap file of one link type, and "
					   "there are packets of another (%s): write format=pcapng",
					   link_name(b->link, buf, sizeof(buf)));
			s->said_link = true;
			return 1;
		}
		link_into_name(name, sizeof(name), b->link);
		r = out_named(f, name, &o);
		if (r < 0)
			return r;
	}
	if (o->error)
		return 2;
	if (!o->file.to.begun) {
		r = use(f, o);
		if (r == 0)
			r = sl_capfile_begin(&o->file, b->link, nano);
		if (r < 0)
			o->error = r;
		if (r < 0)
			return sl_fail(f, "E206", "cannot write %s: %s", name, sl_target_why(r));
	}
	s->memo = o;
	s->memo_class = b->class;
	s->memo_link = b->link;
	*res = o;
	return 0;
}

/* ---- working ----------------------------------------------------------- */

/* The chain of one file within a batch, in order. */
static void put_chain(struct sl_filter *f, struct out *o, struct sl_block **b, const uint32_t *next)
{
	int r;

	o->queued = false;
	r = o->error ? 0 : use(f, o);
	if (r < 0)
		failed(f, o, r);
	for (uint32_t i = o->first; i != UINT32_MAX; i = next[i])
		put(f, o, b[i]);
}

static int hand_over(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	int r;

	settle(f, false);
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
	struct out *queue[SL_BATCH_MAX], *o = NULL;
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
		e = out_of(f, b[n], &o);
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
	struct out *o;

	s->all_end = &s->all;
	s->filter = f;
	sl_writer_init(&s->writer, write_items, s);
	s->batch = malloc(sizeof(*s->batch));
	s->item = malloc(ITEMS * sizeof(*s->item));
	if (!s->batch || !s->item || grow(s) < 0)
		return sl_fail(f, "E302", "out of memory");
	sl_capfile_drop(s->batch);
	s->by_class = strstr(s->file, "{class}");
	s->by_flow = strstr(s->file, "{flow}");
	getrlimit(RLIMIT_NOFILE, &lim);
	s->max_open = lim.rlim_cur / 4 < 256 ? (unsigned int)lim.rlim_cur / 4 + 1 : 256;
	return s->by_class || s->by_flow ? 0 : out_new(f, s->file, &o);
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
	struct out *o;
	int r, res;

	settle(f, true);
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
	struct out *o;

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
	sl_writer_done(&s->writer);
	free(s->item);
	free(s->batch);
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
