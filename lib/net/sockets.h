/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/sockets.h -- which socket of this machine has a packet's address, and who holds it
 *
 * The kernel is asked as it looks itself (sock_diag): for the one socket that these two ends lead
 * to, connected or only bound. It tells the socket's number in the file system and its
 * cookie. Who holds a number is in /proc alone: a table of all is read at once.
 */
#ifndef SL_NET_SOCKETS_H
#define SL_NET_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

struct sl_ends {		/* ports in host order; an address of IPv4 takes 4 bytes, zeros behind */
	uint8_t local[16], remote[16];
	uint16_t lport, rport;
	uint8_t v6, proto;	/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t pad[2];
};

struct sl_socket {
	uint64_t cookie;
	uint32_t inode;		/* 0: nobody has it yet, or not any more */
	bool listens;		/* TCP: it waits for connections */
	bool connected;		/* it has this remote end alone */
};

struct sl_sockets;

int sl_sockets_open(struct sl_sockets **out);
void sl_sockets_close(struct sl_sockets *s);
/* 0; -ENOENT: there is none. ifindex: where the packet is; 0: not known. */
int sl_sockets_find(struct sl_sockets *s, const struct sl_ends *e, int ifindex, struct sl_socket *out);
/* Is it an address of this machine, of one host alone? */
bool sl_sockets_here(struct sl_sockets *s, bool v6, const uint8_t *addr, int ifindex);

/* ---- who holds them ------------------------------------------------- */

struct sl_holder {
	uint32_t inode;		/* of a socket */
	uint32_t pid;		/* 0: several have it */
	char name[16];		/* "": several of different names */
};

struct sl_holders;

/* All sockets of all processes that this one may look at. 0 or a negative errno. */
int sl_holders_read(struct sl_holders **out);
const struct sl_holder *sl_holders_find(const struct sl_holders *h, uint32_t inode);	/* NULL: nobody's */
void sl_holders_free(struct sl_holders *h);

#endif
