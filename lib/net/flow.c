/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/flow.c -- addresses and ports of a packet, and what is written of them
 *
 * The community id is a published way to name a flow, so that tools agree:
 * "1:" and the base64 of SHA-1 over seed, addresses, protocol, a zero byte and
 * ports, the lesser end first. SHA-1 serves as a plain hash here; nothing rests on
 * its strength.
 */
#include "net/decode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ICMP types that answer each other, so that both are one flow. */
static const uint8_t icmp4_pairs[][2] = {
	{ 0, 8 }, { 9, 10 }, { 13, 14 }, { 15, 16 }, { 17, 18 },
};

static const uint8_t icmp6_pairs[][2] = {
	{ 128, 129 }, { 130, 131 }, { 133, 134 }, { 135, 136 }, { 139, 140 }, { 144, 145 },
};

static bool icmp_answer(bool v6, uint8_t type, uint8_t *answer)
{
	const uint8_t (*pairs)[2] = v6 ? icmp6_pairs : icmp4_pairs;
	size_t n = v6 ? sizeof(icmp6_pairs) / 2 : sizeof(icmp4_pairs) / 2;

	for (size_t i = 0; i < n; i++) {
		if (pairs[i][0] == type || pairs[i][1] == type) {
			*answer = pairs[i][pairs[i][0] == type];
			return true;
		}
	}
	return false;
}

bool sl_tuple_of(struct sl_block *b, const uint8_t *frame, struct sl_tuple *t)
{
	const uint8_t *ip, *l4;
	uint8_t answer;

	sl_decode(b, frame);
	if (!sl_has_ip(b))
		return false;
	ip = frame + b->l3;
	memset(t, 0, sizeof(*t));
	t->v6 = *ip >> 4 == 6;
	t->proto = b->proto;
	if (t->v6) {
		memcpy(t->src, ip + 8, 16);
		memcpy(t->dst, ip + 24, 16);
	} else {
		memcpy(t->src, ip + 12, 4);
		memcpy(t->dst, ip + 16, 4);
	}
	if (!b->l4 || b->l4 + 4u > b->frame_len)
		return true;
	l4 = frame + b->l4;
	if (sl_proto_has_ports(t->proto)) {
		t->sport = sl_be16(l4);
		t->dport = sl_be16(l4 + 2);
	} else if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		t->sport = l4[0];
		t->dport = icmp_answer(t->proto == IPPROTO_ICMPV6, l4[0], &answer) ? answer : l4[1];
	}
	return true;
}

const char *sl_addr_text(bool v6, const uint8_t *addr, char *buf)
{
	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, addr, buf, 46))
		buf[0] = 0;
	return buf;
}

static inline uint32_t rol(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

/* SHA-1 of at most 55 bytes, which are one block. */
static void sha1_short(const uint8_t *data, size_t len, uint8_t out[20])
{
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	uint32_t w[80], v[5], t;
	uint8_t block[64] = { 0 };

	memcpy(block, data, len);
	block[len] = 0x80;
	block[62] = (uint8_t)(len * 8 >> 8);
	block[63] = (uint8_t)(len * 8);
	for (int i = 0; i < 16; i++)
		w[i] = sl_be32(block + 4 * i);
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	memcpy(v, h, sizeof(v));
	for (int i = 0; i < 80; i++) {
		if (i < 20)
			t = (v[3] ^ (v[1] & (v[2] ^ v[3]))) + 0x5a827999;
		else if (i < 40)
			t = (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1;
		else if (i < 60)
			t = ((v[1] & v[2]) | (v[3] & (v[1] | v[2]))) + 0x8f1bbcdc;
		else
			t = (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
		t += rol(v[0], 5) + v[4] + w[i];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rol(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (int i = 0; i < 5; i++) {
		t = h[i] + v[i];
		out[4 * i] = (uint8_t)(t >> 24);
		out[4 * i + 1] = (uint8_t)(t >> 16);
		out[4 * i + 2] = (uint8_t)(t >> 8);
		out[4 * i + 3] = (uint8_t)t;
	}
}

static void base64_20(const uint8_t *in, char *out)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t b[21] = { 0 };

	memcpy(b, in, 20);
	for (int i = 0; i < 7; i++) {
		uint32_t v = (uint32_t)b[3 * i] << 16 | (uint32_t)b[3 * i + 1] << 8 | b[3 * i + 2];

		for (int k = 0; k < 4; k++)
			*out++ = abc[v >> (18 - 6 * k) & 63];
	}
	out[-1] = '=';	/* 20 bytes leave one over */
	*out = 0;
}

const char *sl_community_id(const struct sl_tuple *t, char *buf)
{
	size_t n = t->v6 ? 16 : 4, at = 2;
	const uint8_t *src = t->src, *dst = t->dst;
	uint16_t sport = t->sport, dport = t->dport;
	bool icmp = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;
	bool ports = icmp || t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP || t->proto == IPPROTO_SCTP;
	uint8_t msg[2 + 16 + 16 + 2 + 4] = { 0 }, sum[20], answer;
	int order;

	if (ports && !sport && !dport)
		return NULL;	/* a fragment: its ports are not known */
	order = memcmp(src, dst, n);
	if (!order)
		order = sport < dport ? -1 : 1;
	/* ICMP without an answer goes one way, and stays as it is. */
	if (icmp && !icmp_answer(t->proto == IPPROTO_ICMPV6, (uint8_t)sport, &answer))
		order = -1;
	if (order > 0) {
		src = t->dst;
		dst = t->src;
		sport = t->dport;
		dport = t->sport;
	}
	memcpy(msg + at, src, n);
	at += n;
	memcpy(msg + at, dst, n);
	at += n;
	msg[at++] = t->proto;
	msg[at++] = 0;
	if (ports) {
		msg[at++] = (uint8_t)(sport >> 8);
		msg[at++] = (uint8_t)sport;
		msg[at++] = (uint8_t)(dport >> 8);
		msg[at++] = (uint8_t)dport;
	}
	sha1_short(msg, at, sum);
	buf[0] = '1';
	buf[1] = ':';
	base64_20(sum, buf + 2);
	return buf;
}

uint64_t sl_secret(void)
{
	struct timespec t;
	uint64_t v;

	/* Never in want of patience: what is early in the boot gets the next best. */
	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) == sizeof(v))
		return v;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_nsec << 32 ^ (uint64_t)(uintptr_t)&t) * 0x9e3779b97f4a7c15u;
}
