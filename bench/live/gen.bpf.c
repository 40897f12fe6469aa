/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The generator's half in the kernel: run again and again by BPF_PROG_TEST_RUN with
 * live frames, it fills the frame that it is given and redirects it to a device.
 *
 * Live frames come from a pool and return to it with their bytes as they were left;
 * their length is set back to that of the template before each run. One processor
 * runs this at a time, so state needs no atomics.
 */
#include "gen.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile struct gen_config config = { 0 };
struct gen_state state = { 0 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gen_frame);
} frames SEC(".maps");

static long is_time(__u32 i, void *next_ns256)
{
	(void)i;
	return bpf_ktime_get_ns() << 8 >= *(__u64 *)next_ns256;
}

/*
 * Waits until the frame may leave. Who was held up for long does not make up for it
 * by a burst.
 */
static void pace(void)
{
	__u64 now = bpf_ktime_get_ns() << 8, next = state.next_ns256;

	if (!next || now > next + (10000000ull << 8))
		next = now;
	if (now < next)
		bpf_loop(1 << 22, is_time, &next, 0);
	state.next_ns256 = next + config.interval;
}

static __u32 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __u16 *word(struct gen_frame *f, __u32 at)
{
	return (__u16 *)(f->data + (at & (GEN_FRAME_MAX - 2)));
}

/* Exclusive or of one word; gives what the sum over it gained (RFC 1624). */
static __u32 change(struct gen_frame *f, __u32 at, __u16 by)
{
	__u16 *w = word(f, at), old = *w;

	*w = old ^ by;
	return (__u16)~old + (__u32)*w;
}

static void correct(struct gen_frame *f, __u32 at, __u32 gain)
{
	__u16 *sum = word(f, at);

	if (at)
		*sum = (__u16)~fold((__u16)~*sum + gain);
}

static void readdress(struct gen_frame *f, __u16 turn)
{
	__u16 by = f->turn ^ turn;
	__u32 gain;

	if (!by || !f->src)
		return;
	f->turn = turn;
	gain = fold(change(f, f->src, by) + change(f, f->dst, by));
	correct(f, f->ip_sum, gain);
	correct(f, f->l4_sum, gain);
}

/* The next frame of the capture, whole. */
static int replay(struct xdp_md *ctx)
{
	__u32 at = state.at, len;
	struct gen_frame *f = bpf_map_lookup_elem(&frames, &at);

	if (!f)
		return XDP_ABORTED;
	if (config.fresh)
		readdress(f, (__u16)state.turn);
	if (++at >= config.n_frames) {
		at = 0;
		state.turn++;
	}
	state.at = at;

	len = f->len;
	if (len < 14 || len > GEN_FRAME_MAX)
		return XDP_ABORTED;
	if (bpf_xdp_adjust_tail(ctx, (int)len - (int)config.template_len) < 0 ||
	    bpf_xdp_store_bytes(ctx, 0, f->data, len) < 0)
		return XDP_ABORTED;
	state.bytes += len;
	return XDP_REDIRECT;
}

/* The template with a number of its own. */
static int numbered(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 seq = state.sent;

	if (p + GEN_FRAME_MIN > end)
		return XDP_ABORTED;
	*(__u64 *)(p + GEN_SEQ_AT) = seq;
	if (config.stamp)
		*(__u64 *)(p + GEN_STAMP_AT) = bpf_ktime_get_ns();
	if (config.n_flows > 1) {
		/* multiplied by an odd constant: not in the order of the ports */
		__u32 flow = (__u32)(seq * 2654435761u) % config.n_flows;

		p[34] = flow >> 8;
		p[35] = flow;
		p[36] = flow >> 24;
		p[37] = flow >> 16;
	}
	state.bytes += end - p;
	return XDP_REDIRECT;
}

SEC("xdp")
int gen(struct xdp_md *ctx)
{
	int verdict;

	if (config.interval)
		pace();
	verdict = config.n_frames ? replay(ctx) : numbered(ctx);
	if (verdict != XDP_REDIRECT)
		return XDP_DROP;
	state.sent++;
	return bpf_redirect(config.ifindex, 0);
}

/* A veth takes redirected frames only when a program sits on its other end. */
SEC("xdp")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
