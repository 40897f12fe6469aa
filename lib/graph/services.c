/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/services.c -- names of ports, protocols and ICMP types
 *
 * The common ones are built in, so that a request means the same on a machine
 * without /etc/services; what is not among them is asked of the system.
 */
#include <errno.h>
#include <netdb.h>

#include "graph/build.h"

struct number {
	const char *name;
	uint16_t n;
};

/* Nearer to the top is likelier to be meant. */
static const struct number services[] = {
	{ "http", 80 }, { "https", 443 }, { "ssh", 22 }, { "dns", 53 }, { "domain", 53 },
	{ "smtp", 25 }, { "ftp", 21 }, { "ftp-data", 20 }, { "telnet", 23 }, { "imap", 143 },
	{ "imap2", 143 }, { "imaps", 993 }, { "pop3", 110 }, { "pop3s", 995 }, { "ntp", 123 },
	{ "snmp", 161 }, { "snmp-trap", 162 }, { "ldap", 389 }, { "ldaps", 636 }, { "dhcp", 67 },
	{ "bootps", 67 }, { "bootpc", 68 }, { "tftp", 69 }, { "syslog", 514 }, { "sip", 5060 },
	{ "sips", 5061 }, { "rdp", 3389 }, { "vnc", 5900 }, { "irc", 6667 }, { "ircs", 6697 },
	{ "mysql", 3306 }, { "postgresql", 5432 }, { "redis", 6379 }, { "mongodb", 27017 },
	{ "memcached", 11211 }, { "amqp", 5672 }, { "mqtt", 1883 }, { "nfs", 2049 }, { "smb", 445 },
	{ "microsoft-ds", 445 }, { "netbios-ns", 137 }, { "netbios-dgm", 138 }, { "netbios-ssn", 139 },
	{ "kerberos", 88 }, { "rsync", 873 }, { "git", 9418 }, { "submission", 587 },
	{ "submissions", 465 }, { "bgp", 179 }, { "rtsp", 554 }, { "whois", 43 }, { "finger", 79 },
	{ "gopher", 70 }, { "nntp", 119 }, { "radius", 1812 }, { "isakmp", 500 }, { "openvpn", 1194 },
	{ "http-alt", 8080 }, { "echo", 7 }, { "discard", 9 }, { "daytime", 13 }, { "chargen", 19 },
	{ "time", 37 }, { "sunrpc", 111 }, { "mdns", 5353 }, { "llmnr", 5355 }, { "x11", 6000 },
	{ NULL, 0 }
};

static const struct number protos[] = {
	{ "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 }, { "ipv6-icmp", 58 },
	{ "sctp", 132 }, { "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "igmp", 2 }, { "ospf", 89 },
	{ "ipip", 4 }, { "ipv6", 41 }, { "vrrp", 112 }, { "pim", 103 }, { "dccp", 33 },
	{ "udplite", 136 }, { "eigrp", 88 }, { "l2tp", 115 },
	{ NULL, 0 }
};

static const struct number icmp_types[] = {
	{ "echo", 8 }, { "reply", 0 }, { "unreachable", 3 }, { "exceeded", 11 }, { "redirect", 5 },
	{ "parameter", 12 }, { "timestamp", 13 }, { "quench", 4 }, { "router", 9 }, { "solicit", 10 },
	{ "echo6", 128 }, { "reply6", 129 }, { "unreachable6", 1 }, { "big6", 2 }, { "exceeded6", 3 },
	{ "router6", 134 }, { "neighbor6", 135 }, { "advert6", 136 },
	{ NULL, 0 }
};

static int find(const struct number *table, const char *name, uint32_t *out)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name)) {
			*out = table->n;
			return 0;
		}
	return -ENOENT;
}

int sl_service_find(const char *name, uint32_t *port)
{
	struct servent se, *found = NULL;
	char buf[2048];

	if (find(services, name, port) == 0)
		return 0;
	if (getservbyname_r(name, NULL, &se, buf, sizeof(buf), &found) || !found)
		return -ENOENT;
	*port = (uint32_t)((se.s_port & 0xff) << 8 | (se.s_port >> 8 & 0xff));
	return 0;
}

int sl_proto_find(const char *name, uint32_t *proto)
{
	struct protoent pe, *found = NULL;
	char buf[2048];

	if (find(protos, name, proto) == 0)
		return 0;
	if (getprotobyname_r(name, &pe, buf, sizeof(buf), &found) || !found)
		return -ENOENT;
	*proto = (uint32_t)pe.p_proto & 0xff;
	return 0;
}

int sl_icmp_find(const char *name, uint32_t *type)
{
	return find(icmp_types, name, type);
}

const char *sl_service_at(unsigned int i)
{
	return i < sizeof(services) / sizeof(services[0]) ? services[i].name : NULL;
}

const char *sl_proto_at(unsigned int i)
{
	return i < sizeof(protos) / sizeof(protos[0]) ? protos[i].name : NULL;
}

const char *sl_icmp_at(unsigned int i)
{
	return i < sizeof(icmp_types) / sizeof(icmp_types[0]) ? icmp_types[i].name : NULL;
}
