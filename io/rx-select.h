/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rx-select.h -- the filter behind rx, run in the packet socket
 *
 * What the socket screens out is never copied; what it lets pass the filter looks at once
 * more. So it may let pass what it does not understand, and does: packets whose VLAN tag
 * was taken off, which the filter sees with the tag put back. It screens out only what it
 * has counted.
 */
#ifndef SL_IO_RX_SELECT_H
#define SL_IO_RX_SELECT_H

#include "rx.h"

struct rx_select;

enum rx_select_direction { RX_SELECT_ALL, RX_SELECT_NO_OUT, RX_SELECT_ONLY_OUT };

/* NULL: there is nothing to select by, or it can't be had here. */
struct rx_select *rx_select_new(struct sl_filter *f);
void rx_select_free(struct rx_select *s);

/*
 * Make a socket on packets of link type `link` choose. snap: bytes of a packet, at most; longer
 * ones on the wire than `longest` are several (0: not known). 0 or a negative errno; then
 * the socket is as it was.
 */
int rx_select_attach(const struct rx_select *s, int fd, uint16_t link, enum rx_select_direction d,
		     uint32_t snap, uint32_t longest);

/* Bring the ledger and rx's values up to date. */
void rx_select_count(struct rx_select *s, struct sl_filter *f, struct rx *rx);

#endif
