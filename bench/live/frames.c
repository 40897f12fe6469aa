/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the generator sends. A file of its own because the headers of libpcap and those
 * of the kernel both define struct bpf_insn.
 */
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include "frames.h"

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* 10.19.0.1:40000 to 10.19.0.2:9, UDP without a checksum. */
void frames_one(struct frames *f, uint32_t len, const uint8_t mac[6])
{
	uint8_t *p = f->template, *ip = p + 14, *udp = ip + 20;
	uint32_t sum = 0;

	memcpy(p, mac, 6);
	memcpy(p + 6, (const uint8_t[]){ 2, 0, 0, 0, 0, 0x0a }, 6);
	put16(p + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, len - 14);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, (const uint8_t[]){ 10, 19, 0, 1, 10, 19, 0, 2 }, 8);
	for (int i = 0; i < 20; i += 2)
		sum += get16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum);
	put16(udp, 40000);
	put16(udp + 2, 9);
	put16(udp + 4, len - 34);
	for (uint32_t i = GEN_FRAME_MIN; i < len; i++)
		p[i] = (uint8_t)(i * 131 >> 3);
	f->template_len = len;
}

static uint32_t l4_sum_at(const struct gen_frame *f, uint32_t proto, uint32_t at)
{
	uint32_t sum = proto == 6 ? at + 16 : proto == 17 ? at + 6 : proto == 58 ? at + 2 : 0;

	if (!sum || sum + 2 > f->len || (proto == 17 && !get16(f->data + sum)))
		return 0;
	return sum;
}

/*
 * Where the words lie that a turn changes. The upper half of an address is one: hosts of
 * one net share it, so no two of them fall together.
 */
static void find_words(struct gen_frame *f)
{
	const uint8_t *p = f->data;
	uint32_t at = 12, type;

	while (at + 4 <= f->len && (get16(p + at) == 0x8100 || get16(p + at) == 0x88a8))
		at += 4;
	type = at + 2 <= f->len ? get16(p + at) : 0;
	at += 2;
	if (type == 0x0800 && at + 20 <= f->len && p[at] >> 4 == 4) {
		f->src = (uint16_t)(at + 12);
		f->dst = (uint16_t)(at + 16);
		f->ip_sum = (uint16_t)(at + 10);
		if (!(get16(p + at + 6) & 0x1fff) && p[at + 9] != 58)
			f->l4_sum = (uint16_t)l4_sum_at(f, p[at + 9], at + (p[at] & 15) * 4u);
	} else if (type == 0x86dd && at + 40 <= f->len && p[at] >> 4 == 6) {
		f->l4_sum = (uint16_t)l4_sum_at(f, p[at + 6], at + 40);
		if (f->l4_sum) {
			f->src = (uint16_t)(at + 10);
			f->dst = (uint16_t)(at + 26);
		}
	}
}

void frames_read(struct frames *in, const char *path, uint32_t most, uint32_t longest)
{
	char err[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	pcap_t *pcap = pcap_open_offline(path, err);
	int r;

	if (!pcap)
		die("%s", err);
	if (pcap_datalink(pcap) != DLT_EN10MB)
		die("%s is no capture of Ethernet", path);
	in->frame = calloc(most, sizeof(*in->frame));
	if (!in->frame)
		die("no memory for %u frames", most);
	while (in->n_frames < most && (r = pcap_next_ex(pcap, &h, &data)) == 1) {
		struct gen_frame *f = &in->frame[in->n_frames];

		/* what was cut would be sent short: no valid stream */
		if (h->caplen < h->len || h->caplen < 14) {
			in->cut++;
			continue;
		}
		if (h->caplen > longest || h->caplen > GEN_FRAME_MAX) {
			in->too_long++;
			continue;
		}
		f->len = h->caplen;
		memcpy(f->data, data, h->caplen);
		find_words(f);
		if (f->len > in->template_len)
			in->template_len = f->len;
		in->n_frames++;
	}
	pcap_close(pcap);
	if (!in->n_frames)
		die("%s has no whole frame of %u bytes at most", path, longest);
}

void frames_done(struct frames *in)
{
	free(in->frame);
	in->frame = NULL;
}
