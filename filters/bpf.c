/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf -- pass packets that match a pcap-filter expression
 *
 *	(bpf "EXPRESSION")
 *	(bpf "EXPRESSION", netmask=255.255.255.0)
 *
 * in   packets
 * out  those that match, unchanged
 *
 * The language is that of pcap-filter(7), as in tcpdump; libpcap compiles it. What
 * an expression means depends on the link type ("wlan type mgt" exists on wireless
 * links alone), so it is compiled once for each link type that is met. A wrong
 * expression is refused before anything runs. One that is right for other links
 * only is accepted; packets of a link that it has no meaning for are lost, with
 * that reason, and the run fails.
 *
 * netmask tells "ip broadcast" what the network is. A name in the expression
 * ("host www.example.net") is looked up when it is compiled. As in tcpdump,
 * "tcp port 80" does not look behind VLAN tags; "vlan and tcp port 80" does.
 */
#include <pcap/pcap.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "bpf-vm.h"
#include "bpf-words.h"
#include "filter.h"

struct program {
	int link;		/* LINKTYPE_ value; -1: the slot is free */
	struct sl_bpf *vm;	/* NULL: no meaning on this link */
};

enum { LINKS_MAX = 16, LINK_MAX = 300 };	/* link types one instance tells apart; the highest value */

struct bpf {
	const char *expression;
	const char *netmask;
	bool said;		/* that packets of the kernel form were lost */
	struct program *now;	/* that of the last packet */
	struct program programs[LINKS_MAX];
};

static const struct sl_param bpf_params[] = {
	SL_STRING(struct bpf, expression, .pos = 1, .required = true,
		  .help = "what passes, in the language of pcap-filter(7)"),
	SL_STRING(struct bpf, netmask, .def_text = "0.0.0.0",
		  .help = "network mask that \"ip broadcast\" goes by"),
	{ }
};

/* Old versions of libpcap keep the compiler's state in static memory. */
static pthread_mutex_t compiler = PTHREAD_MUTEX_INITIALIZER;

/* Files name links by LINKTYPE_ values, the compiler by DLT_ values of the
 * system it was built on. Where both differ: */
static int dlt_of(int link)
{
	static const struct { int link, dlt; } odd[] = {
		{ 14, DLT_RAW }, { 100, DLT_ATM_RFC1483 }, { 101, DLT_RAW }, { 102, DLT_SLIP_BSDOS },
		{ 103, DLT_PPP_BSDOS }, { 106, DLT_ATM_CLIP }, { 108, DLT_LOOP }, { 109, DLT_ENC },
		{ 246, DLT_PFSYNC }, { 258, DLT_PKTAP },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (odd[i].link == link)
			return odd[i].dlt;
	}
	return link;
}

/* Words in why (PCAP_ERRBUF_SIZE); code is to be freed with pcap_freecode(). */
static int compile_text(const char *expression, uint32_t netmask, int dlt, struct bpf_program *code, char *why)
{
	pcap_t *pcap;
	int r = 0;

	pthread_mutex_lock(&compiler);
	pcap = pcap_open_dead(dlt, 262144);
	if (!pcap) {
		r = -ENOMEM;
	} else if (pcap_compile(pcap, code, expression, 1, netmask) < 0) {
		snprintf(why, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(pcap));
		r = -EINVAL;
	}
	if (pcap)
		pcap_close(pcap);
	pthread_mutex_unlock(&compiler);
	return r;
}

/*
 * Compile for a DLT_ value. Returns 0, -EINVAL with libpcap's words in why (of
 * PCAP_ERRBUF_SIZE bytes), -ENOMEM.
 */
static int compile(const char *expression, uint32_t netmask, int dlt, struct sl_bpf **out, char *why)
{
	struct bpf_program code;
	int r = compile_text(expression, netmask, dlt, &code, why);

	if (r < 0)
		return r;
	r = sl_bpf_new(code.bf_insns, code.bf_len, out);
	pcap_freecode(&code);
	if (r == -EINVAL)
		snprintf(why, PCAP_ERRBUF_SIZE, "libpcap made a program that is not valid");
	if (r == -ENOTSUP) {
		snprintf(why, PCAP_ERRBUF_SIZE, "direction and interface are not told on this link type");
		r = -EINVAL;
	}
	return r;
}

static bool parse_netmask(const char *text, uint32_t *out)
{
	struct in_addr a;

	if (!text || inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = a.s_addr;	/* pcap_compile() takes it in network order */
	return true;
}

/* Words of libpcap about the text itself, or about a name: no other link would help. */
static bool is_of_text(const char *why)
{
	return strstr(why, "syntax error") || strstr(why, "illegal char") || strstr(why, "unknown host") ||
	       strstr(why, "unknown network") || strstr(why, "unknown ether host");
}

static int bpf_prepare(struct sl_prepare *p, const void *state, void **shared)
{
	const struct bpf *s = state;
	char why[PCAP_ERRBUF_SIZE] = "", other[PCAP_ERRBUF_SIZE];
	struct sl_bpf *vm = NULL;
	uint32_t netmask;
	int r;

	(void)shared;
	if (!parse_netmask(s->netmask, &netmask)) {
		sl_prepare_error(p, "netmask", "E205", "'%s' is not a network mask such as 255.255.255.0",
				 s->netmask);
		return -EINVAL;
	}
	r = compile(s->expression, netmask, DLT_EN10MB, &vm, why);
	for (int dlt = 0; r == -EINVAL && dlt < LINK_MAX && !is_of_text(why); dlt++) {
		if (pcap_datalink_val_to_name(dlt))
			r = compile(s->expression, netmask, dlt, &vm, other);
	}
	sl_bpf_free(vm);
	if (r == -ENOMEM)
		return sl_prepare_error(p, "expression", "E205", "out of memory"), r;
	if (r < 0 && !sl_prepare_env(p) && strstr(why, "unknown") && is_of_text(why))
		return 0;	/* a name, and names are not to be looked up */
	if (r < 0)
		sl_prepare_error(p, "expression", "E205", "libpcap does not take the expression: %s", why);
	return r;
}

static int bpf_open(struct sl_filter *f)
{
	struct bpf *s = sl_state(f);

	for (int i = 0; i < LINKS_MAX; i++)
		s->programs[i].link = -1;
	s->now = &s->programs[0];
	return 0;
}

/* The program for a link, compiled when it is first met. */
static int find_program(struct sl_filter *f, struct bpf *s, int link)
{
	char why[PCAP_ERRBUF_SIZE];
	uint32_t netmask = 0;
	struct program *p;
	int r;

	for (p = s->programs; p < s->programs + LINKS_MAX && p->link >= 0; p++) {
		if (p->link == link) {
			s->now = p;
			return 0;
		}
	}
	if (p == s->programs + LINKS_MAX) {	/* never more than this many at a time */
		p--;
		sl_bpf_free(p->vm);
	}
	p->vm = NULL;
	parse_netmask(s->netmask, &netmask);
	r = compile(s->expression, netmask, dlt_of(link), &p->vm, why);
	if (r == -ENOMEM)
		return sl_fail(f, "E205", "out of memory");
	if (r < 0)
		sl_trouble(f, "E205", true, "the expression of (%s) means nothing on link type %d: %s",
			   f->name, link, why);
	p->link = link;
	s->now = p;
	return 0;
}

static int bpf_work(struct sl_filter *f, struct sl_batch *in)
{
	struct bpf *s = sl_state(f);
	const struct sl_block *ahead;
	struct sl_block *b;
	int r;

	while ((b = sl_batch_take(f, in))) {
		ahead = sl_batch_ahead(in, 4);
		if (ahead)
			__builtin_prefetch(sl_frame(f, ahead));
		if (b->link != s->now->link) {
			r = find_program(f, s, b->link);
			if (r < 0) {
				sl_lose(f, b, "no filter program");
				return r;
			}
		}
		if (!s->now->vm)
			sl_lose(f, b, "link type without meaning");
		else if (sl_bpf_run(s->now->vm, sl_frame(f, b), b->wire_len, b->frame_len))
			sl_emit(f, 0, b);
		else
			sl_drop(f, b);
	}
	return 0;
}

static void bpf_close(struct sl_filter *f)
{
	struct bpf *s = sl_state(f);

	for (int i = 0; i < LINKS_MAX; i++)
		sl_bpf_free(s->programs[i].vm);
}

/* ---- of two, one ----------------------------------------------------------- */

/* Has the expression a meaning on this link type, one that this machine can run? */
static bool has_meaning(const char *expression, uint32_t netmask, int dlt)
{
	char why[PCAP_ERRBUF_SIZE];
	struct sl_bpf *vm = NULL;
	int r = compile(expression, netmask, dlt, &vm, why);

	sl_bpf_free(vm);
	return !r;
}

static bool bpf_decides(const void *state)
{
	const struct bpf *s = state;
	uint32_t netmask = 0;

	parse_netmask(s->netmask, &netmask);
	return bpf_plain_words(s->expression) && has_meaning(s->expression, netmask, DLT_EN10MB) &&
	       has_meaning(s->expression, netmask, DLT_RAW);
}

/*
 * `A and B`, where both are made of words that mean the same in any place. On a link that only one of them has a
 * meaning for, the whole has none: then more packets are lost than before, and the run fails as before, if
 * something that passes the first came.
 */
static int bpf_merge(const void *first, const void *second, char *text, size_t size)
{
	const struct bpf *a = first, *b = second;
	uint32_t mask = 0;
	int n;

	if (!bpf_plain_words(a->expression) || !bpf_plain_words(b->expression))
		return -ENOTSUP;
	n = snprintf(text, size, "(%s) and (%s)", a->expression, b->expression);
	if (n < 0 || (size_t)n >= size)
		return -ENOTSUP;
	parse_netmask(a->netmask, &mask);
	for (int dlt = 0; dlt < LINK_MAX; dlt++) {
		bool both;

		if (!pcap_datalink_val_to_name(dlt))
			continue;
		both = has_meaning(a->expression, mask, dlt) && has_meaning(b->expression, mask, dlt);
		if (both != has_meaning(text, mask, dlt))
			return -ENOTSUP;
	}
	return 0;
}

/* In the kernel each link type whose packets can come gets a program, Ethernet first; in that order they are
 * looked for. Packets of links without meaning are lost, as in bpf_work(). */
static int bpf_kernel(struct sl_kernel *k, const void *state, const void *shared)
{
	const struct bpf *s = state;
	char why[PCAP_ERRBUF_SIZE];
	struct bpf_program code;
	struct sl_bpf *vm;
	bool any = false;
	uint32_t netmask = 0;
	int r;

	(void)shared;
	parse_netmask(s->netmask, &netmask);
	for (int i = 0; i <= LINK_MAX + 1; i++) {
		int link = i ? i - 1 : 1;

		if (!sl_kernel_link(k, (unsigned int)link) || i == 2)
			continue;
		r = compile_text(s->expression, netmask, dlt_of(link), &code, why);
		if (r == -ENOMEM)
			return r;
		if (r < 0 && is_of_text(why))
			return sl_kernel_refuse(k, "%s", why);
		if (r < 0)
			continue;
		vm = NULL;
		r = sl_bpf_new(code.bf_insns, code.bf_len, &vm);	/* as the C form, it asks for bytes alone */
		sl_bpf_free(vm);
		if (!r)
			r = sl_kernel_classic(k, (unsigned int)link, code.bf_insns, code.bf_len);
		else if (r != -ENOMEM)
			r = 1;
		pcap_freecode(&code);
		if (r < 0)
			return r;
		any |= r == 0;
	}
	return any ? 0 : sl_kernel_refuse(k, "the expression has no meaning on this link type");
}

/* As bpf_work() says it of a link without meaning. */
static int bpf_sync(struct sl_filter *f, struct sl_kernel_view *v)
{
	struct bpf *s = sl_state(f);

	if (sl_kernel_view_lost(v) && !s->said)
		sl_trouble(f, "E205", true, "the expression of (%s) means nothing on the link type of some packets",
			   f->name);
	s->said |= sl_kernel_view_lost(v) > 0;
	return 0;
}

static const char *const bpf_examples[] = {
	"(pcapin web.pcap) > (bpf 'tcp port 80 and host 192.0.2.1') > (count)",
	"(pcapin web.pcap) > (bpf 'tcp[tcpflags] & tcp-syn != 0') > (print)",
	NULL
};

const struct sl_filter_type sl_bpf_type = {
	.name	  = "bpf",
	.brief	  = "pass packets that match a pcap-filter expression",
	.group	  = "select",
	.state	  = sizeof(struct bpf),
	.params	  = bpf_params,
	.in	  = SL_PACKET,
	.out	  = SL_PACKET,
	.flags	  = SL_F_SHARD | SL_F_SELECT,
	.prepare  = bpf_prepare,
	.open	  = bpf_open,
	.work	  = bpf_work,
	.merge	  = bpf_merge,
	.decides  = bpf_decides,
	.close	  = bpf_close,
	.kernel	  = bpf_kernel,
	.kernel_sync = bpf_sync,
	.examples = bpf_examples,
	.see_also = "tcp, udp, ip",
};
