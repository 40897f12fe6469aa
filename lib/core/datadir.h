/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* core/datadir.h -- where rule sets and library files lie */
#ifndef SL_CORE_DATADIR_H
#define SL_CORE_DATADIR_H

/* The i-th folder to look in, NULL beyond: the installed one; for a program that was
 * not installed but runs where it was built, that of the sources. Static text. */
const char *sl_datadir(unsigned int i);

#endif
