/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rx-share.h -- one capture for several processes
 *
 * rx offers its rings by a name: a Unix socket below /run/streamline (of other users than
 * root: below $XDG_RUNTIME_DIR). Who may open the socket by its file permissions, and is the
 * same user, root or of the group "streamline" by what the kernel says of the peer, gets
 * one message and the descriptor of the rings' map.
 *
 * The map is frozen before anybody gets it: only programs of the kernel can write into
 * it any more, no process can, neither by mapping nor by system call. So a reader can
 * harm nobody, and nobody waits for one.
 *
 * Readers look into the rings by a clock of their own, seldom while there is nothing. The owner, whom
 * the kernel wakes, pokes them over the socket then, so that a burst finds them awake; if he is stopped
 * they find out by themselves, only later.
 */
#ifndef SL_IO_RX_SHARE_H
#define SL_IO_RX_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rx.h"

#define RX_SHARE_MAGIC	0x65726168732d6c73ull	/* "sl-share" */
#define RX_SHARE_ABI	2u			/* grows when records do: kern/abi.h */
#define RX_SHARE_FULL	'f'			/* all that is told to whom there is no room for */
#define RX_SHARE_NAME	48			/* letters of a name, at most */
#define RX_SHARE_BORDER	255u			/* of entries that are for all readers */

struct rx_hello {		/* what a reader is told */
	uint64_t magic;
	uint32_t abi, n_rings;
	uint64_t stride, size;
	uint32_t n_ifs, pad;
	struct {
		char name[16];
		uint16_t link, pad[3];
	} ifs[RX_IFS_MAX];
};

struct rx_share;

/* Can a capture be called so? */
bool rx_share_name(const char *name);
/* Offer; map_fd is borrowed. 0 or a negative errno with the reason in why. */
int rx_share_open(const char *name, const struct rx_hello *hello, int map_fd, struct rx_share **out,
		  char *why, size_t size);
/* Can be read when a reader wants to come. */
int rx_share_fd(const struct rx_share *s);
/* Let in who wants to; now and then forget who left. */
void rx_share_serve(struct rx_share *s, uint64_t now_ns);
/* Something came after a silence, or suddenly much: readers may want to look. Waits for none. */
void rx_share_poke(struct rx_share *s);
void rx_share_close(struct rx_share *s);

/* Is that, n bytes of whoever answered, what a capture says? 0 and *out, or -EPROTO; -EUSERS: it has no room. */
int rx_hello_parse(const void *message, size_t n, struct rx_hello *out);

/* Attach: the socket (it ends when the capture does), the map, what was told. */
int rx_share_attach(const char *name, struct rx_hello *hello, int *map_fd, char *why, size_t size);

#endif
