/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx-kernel -- the device of a kernel form that sends
 *
 * The form finds in its map "target" what it needs to know, and the frames that it does
 * not send come to the C form, which waits, tells, and looks for the device itself. So
 * what is told here may be late, but not wrong for long: a frame for a device that is
 * gone fails in the kernel, one too long for a smaller MTU too.
 *
 * At XDP that is not so: what is redirected to a device that is down is dropped without a
 * word, up to a tenth of a second long, until the form is told.
 */
#include <bpf/bpf.h>

#include "tx.h"
#include "tx-kernel.h"

static struct sl_tx_target target_of(const struct sl_iface *dev)
{
	return (struct sl_tx_target){ .ifindex = (uint32_t)dev->index, .mtu = dev->mtu, .up = dev->up };
}

int sl_sender_kernel(struct sl_kernel *k, const struct sl_sender *s)
{
	struct sl_tx_target t;
	struct sl_iface dev;

	if (s->via != SL_TX_VIA_AUTO)
		return sl_kernel_refuse(k, "via=%s brings frames to the device from user space", sl_tx_vias[s->via]);
	if (sl_kernel_hook(k) == SL_KERNEL_TC && !s->finish)
		return sl_kernel_refuse(k, "finish=off: in the kernel the device does its part");
	if (sl_kernel_hook(k) == SL_KERNEL_TC && s->qdisc == SL_TX_BYPASS)
		return sl_kernel_refuse(k, "qdisc=bypass: in the kernel copies go by the queue");
	if (sl_iface_get(s->interface, &dev) < 0)
		return sl_kernel_refuse(k, "there is no interface '%s'", s->interface);
	if (dev.link != SL_LINK_ETHERNET || dev.loopback)
		return sl_kernel_refuse(k, "%s is no Ethernet", s->interface);
	t = target_of(&dev);
	return sl_kernel_table(k, "target", &t, sizeof(t));
}

/* What XDP redirects to, where the form does. Another device under the name may not take frames
 * from there, or not yet. */
static void tell_device(int map, const struct sl_iface *dev)
{
	uint32_t zero = 0, is = 0, index = (uint32_t)dev->index;
	char why[160];

	bpf_map_lookup_elem(map, &zero, &is);
	if (is == index)
		return;
	if (index && sl_tx_takes_xdp(dev, why, sizeof(why)))
		bpf_map_update_elem(map, &zero, &index, BPF_ANY);
	else if (is)
		bpf_map_delete_elem(map, &zero);
}

int sl_sender_sync(struct sl_kernel_view *v, struct sl_sender *s)
{
	int target = sl_kernel_view_map(v, "target"), device = sl_kernel_view_map(v, "device");
	struct sl_iface dev = { 0 };
	struct sl_tx_target t, was;
	uint32_t zero = 0;

	if (target < 0 || bpf_map_lookup_elem(target, &zero, &was) < 0)
		return 0;
	if (sl_iface_get(s->interface, &dev) < 0 || dev.link != SL_LINK_ETHERNET || dev.loopback)
		dev = (struct sl_iface){ 0 };
	if (device >= 0)
		tell_device(device, &dev);
	t = target_of(&dev);
	if (t.ifindex != was.ifindex || t.mtu != was.mtu || t.up != was.up)
		bpf_map_update_elem(target, &zero, &t, BPF_ANY);
	return 0;
}
