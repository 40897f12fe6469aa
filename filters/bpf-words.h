/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf-words.h -- is an expression of pcap-filter(7) made of plain words alone?
 *
 * Plain: what it means depends neither on what stands before it nor on a name that is
 * looked up. `vlan`, `mpls`, `pppoes` and `geneve` shift the offsets of all that follows; a
 * number without a keyword ("10.0.0.1") takes the keywords before it; "host www" asks a
 * server. What is not known here is not plain.
 */
#ifndef FILTERS_BPF_WORDS_H
#define FILTERS_BPF_WORDS_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool bpf_plain_word(const char *w, size_t len)
{
	static const char *const plain[] = {
		"and", "arp", "broadcast", "dst", "ether", "greater", "host", "icmp", "icmp6", "igmp", "ip",
		"ip6", "len", "less", "mask", "multicast", "net", "not", "or", "port", "portrange", "proto",
		"rarp", "sctp", "src", "tcp", "tcp-ack", "tcp-fin", "tcp-push", "tcp-rst", "tcp-syn", "tcp-urg",
		"tcpflags", "udp", "icmptype", "icmpcode", "icmp-echo", "icmp-echoreply", "icmp-unreach",
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strlen(plain[i]) == len && !memcmp(plain[i], w, len))
			return true;
	return false;
}

/* Numbers, ranges and addresses: digits, or with hexadecimal letters 0x.. and what has a colon. */
static inline bool bpf_plain_number(const char *w, size_t len)
{
	bool letters = false;
	size_t i = len > 2 && w[0] == '0' && w[1] == 'x' ? 2 : 0;
	bool hex = i || memchr(w, ':', len);

	for (; i < len; i++) {
		letters |= isalpha((unsigned char)w[i]) != 0;
		if (!isxdigit((unsigned char)w[i]) && !strchr(".:/-", w[i]))
			return false;
	}
	return !letters || hex;
}

static inline bool bpf_plain_words(const char *e)
{
	bool first = true;

	while (*e) {
		const char *w = e;
		size_t len;

		if (strchr(" \t\n()!=<>&|[]:+*\\-", *e)) {	/* '\\' quotes names of protocols */
			e++;
			continue;
		}
		while (isalnum((unsigned char)*e) || (*e && strchr(".:/-_", *e)))
			e++;
		len = (size_t)(e - w);
		if (!len)
			return false;
		/* inside [] a colon stands between two numbers, and a minus between two words */
		if (isalpha((unsigned char)*w) ? !bpf_plain_word(w, len) && !(memchr(w, ':', len) && bpf_plain_number(w, len))
					       : first || !bpf_plain_number(w, len))
			return false;
		first = first && len == 3 && !memcmp(w, "not", 3);
	}
	return !first;
}

#endif
