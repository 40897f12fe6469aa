/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codes_run -- pages for files, the environment, rights and running: E2xx, E3xx */
#include "core/codes.h"

const struct sl_code sl_codes_run[] = {
	PAGE("E201", "a file cannot be opened",
	     "The file is not there, or may not be read by you. Paths are relative to the\n"
	     "directory that the command runs in; the ones of 'use' to their own file.\n",
	     "(pcapin tarce.pcap) > (count)\n",
	     "(pcapin trace.pcap) > (count)\n",
	     "ls -l FILE"),
	PAGE("E202", "not a capture file",
	     "The file opens, but does not begin as pcap or pcapng do (plain, gzip or\n"
	     "zstd), or is of a kind that cannot be read.\n",
	     "(pcapin notes.txt) > (count)\n",
	     "(pcapin trace.pcap) > (count)\n",
	     "file FILE"),
	PAGE("E203", "a capture is cut off or damaged",
	     "Everything before the damage was read and went its way; the message tells\n"
	     "where reading stopped. A capture that is still being written ends like this,\n"
	     "too.\n",
	     "(pcapin cut.pcap) > (count)\n",
	     "(pcapin whole.pcap) > (count)\n",
	     "streamline run -r FILE '(count)'"),
	PAGE("E204", "a pattern file has an error",
	     "Patterns stand one on a line, with an optional group before: 'sqli: union\n"
	     "select'. |0D 0A| are bytes in hex. The error shows the line in question.\n",
	     "sqli: |0D 0\n",
	     "sqli: |0D 0A|\n",
	     "streamline inspect ac"),
	PAGE("E205", "a bpf expression has an error",
	     "The expression is in the language of pcap-filter(7), the one of tcpdump, and\n"
	     "could not be compiled. It goes in quotes as a whole.\n",
	     "(bpf \"tcp prot 80\") > (count)\n",
	     "(bpf \"tcp port 80\") > (count)\n",
	     "man 7 pcap-filter"),
	PAGE("E206", "output cannot be written",
	     "The file or directory cannot be made or written: it does not exist, or you may\n"
	     "not write there. Or something else holds it: a filter of the request reads or\n"
	     "writes the same file, or it is the request itself.\n",
	     "(pcapout /nowhere/a.pcap)\n",
	     "(pcapout a.pcap)\n",
	     "ls -ld DIRECTORY"),
	PAGE("E207", "the disk is full",
	     "Writing stopped because there is no room left. What was written before is\n"
	     "whole and the message names it. (head N) and tighter arrows before it bound that.\n",
	     "(pcapout all.pcap)\n",
	     "(tcp) -80-> (head 100000) > (pcapout web.pcap)\n",
	     "df -h"),
	PAGE("E208", "no program of that name",
	     "A stage is to be an ordinary program, but none of this name is in PATH. With\n"
	     "bars every first word that names no filter is looked up as a program, so this\n"
	     "may be a misspelt filter.\n",
	     "pcapin a.pcap | cuont\n",
	     "pcapin a.pcap | count\n",
	     "command -v PROGRAM"),
	PAGE("E209", "no such interface",
	     "There is no network interface of that name in this network namespace, or it is\n"
	     "of a kind whose packets cannot be captured or sent. Or the way by which packets\n"
	     "are to come (via=) does not work on this machine. The error says which.\n",
	     "(rx eht0) > (count)\n",
	     "(rx eth0) > (count)\n",
	     "streamline doctor"),
	PAGE("E301", "not permitted",
	     "The user who runs this may not do it: read the file, write to the folder, or\n"
	     "capture from an interface. The error names what is missing. Live capture takes\n"
	     "CAP_NET_RAW; filters in the kernel CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON.\n"
	     "Either run it by sudo, or give the capabilities to the program once:\n"
	     "  sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep streamline\n"
	     "Captures that are files need no right but to read them.\n",
	     "(rx eth0) > (tcp) > (count)\n",
	     "(pcapin mine.pcap) > (tcp) > (count)\n",
	     "streamline doctor"),
	PAGE("E302", "something happened while running",
	     "The request was started and something came up on the way: a device went down or\n"
	     "away, another program has the place in the kernel that is wanted, a program\n"
	     "died, memory ran out. What ends or spoils the run is an error; what is only worth\n"
	     "knowing, such as an interface that came back, is a warning. The report at the\n"
	     "end tells what was read, written and lost until then.\n",
	     "(pcapin a.pcap) > (exec \"false\")\n",
	     "(pcapin a.pcap) > (exec \"cat\")\n",
	     "streamline doctor"),
	{ NULL, NULL }
};
