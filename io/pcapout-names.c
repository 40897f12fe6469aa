/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapout-names.c -- see pcapout.h */
#include <stdio.h>
#include <string.h>

#include "net/decode.h"
#include "pcapout.h"

const char *sl_pcapout_link(uint16_t link, char *buf, size_t size)
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

void sl_pcapout_name(struct sl_filter *f, struct sl_block *b, char *out, size_t size)
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

void sl_pcapout_add_link(char *name, size_t size, uint16_t link)
{
	char buf[16], end[PCAPOUT_NAME], *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
	size_t n = dot && dot > name && (!slash || dot > slash + 1) ? (size_t)(dot - name) : strlen(name);

	snprintf(end, sizeof(end), "%s", name + n);
	snprintf(name + n, size - n, "-%s%s", sl_pcapout_link(link, buf, sizeof(buf)), end);
}
