/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bundled filters, sorted: SL_FILTER(x) is filters/x.c, SL_IO(x) is io/x.c; each defines sl_x_type. */
SL_FILTER(ac)
SL_FILTER(count)
SL_FILTER(grep)
SL_FILTER(head)
SL_FILTER(null)
SL_FILTER(pass)
SL_FILTER(print)
SL_FILTER(sample)
