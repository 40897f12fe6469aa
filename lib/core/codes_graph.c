/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codes_graph -- pages for names, parameters, values, types, spaces, shape: E1xx */
#include "core/codes.h"

const struct sl_code sl_codes_graph[] = {
	PAGE("E104", "no filter of that name",
	     "The first word in parentheses names a filter or a def. There is none of this\n"
	     "name; the error shows the nearest. A def from another file needs 'use'.\n",
	     "(tcp) -80-> (untpc) > (count)\n",
	     "(tcp) -80-> (untcp) > (count)\n",
	     "streamline inspect"),
	PAGE("E105", "no node of that name",
	     "A bare word refers to a filter that was named before: (web: tcp). When the\n"
	     "word is a filter's own name, the parentheses are missing.\n",
	     "(tcp) > count\n",
	     "(tcp) > (count)\n",
	     "streamline fmt 'REQUEST'"),
	PAGE("E106", "a name is declared twice",
	     "Every name (web: tcp), variable, parameter and def is declared once. The\n"
	     "error shows both places.\n",
	     "(w: tcp) > (count); (w: udp) > (count)\n",
	     "(w: tcp) > (count); (u: udp) > (count)\n",
	     "streamline fmt FILE"),
	PAGE("E107", "'use' found nothing, or two files define the same name",
	     "use \"lib/http.srl\" is looked up beside the file it is written in, use http\n"
	     "in the library's path. What it brings in may not clash with other defs.\n",
	     "use \"lib/htpp.srl\"\n",
	     "use \"lib/http.srl\"\n",
	     "ls lib"),
	PAGE("E108", "a variable is not set",
	     "$name stands for a value given by let, by a def's parameter or by -D. No\n"
	     "such name is set here. In '...' a dollar is only a dollar.\n",
	     "let port = 80; (tcp) -$prot-> (count)\n",
	     "let port = 80; (tcp) -$port-> (count)\n",
	     "streamline run -f FILE --help"),
	PAGE("E109", "no such input",
	     "NAME.INPUT names one of several inputs of a filter. This filter has none of\n"
	     "that name.\n",
	     "(tcp) > c.left; (c: count) > (null)\n",
	     "(tcp) > c; (c: count) > (null)\n",
	     "streamline inspect FILTER"),
	PAGE("E111", "the filter has no such parameter",
	     "Nothing unknown is accepted in silence: a key that the filter does not know\n"
	     "is an error, and the nearest one is shown.\n",
	     "(ac web.ac nocsae=on)\n",
	     "(ac web.ac nocase=on)\n",
	     "streamline inspect FILTER"),
	PAGE("E112", "a stream has no such option",
	     "An arrow takes buffer, batch, drop, name and copy in brackets behind it.\n",
	     "(tcp) -80->[bufer=4MiB] (untcp)\n",
	     "(tcp) -80->[buffer=4MiB] (untcp)\n",
	     "man 7 srl"),
	PAGE("E113", "a parameter is given twice",
	     "The same parameter has two values, by its name and by its position perhaps.\n"
	     "Only one of them can be meant.\n",
	     "(pcapout a.pcap file=b.pcap)\n",
	     "(pcapout a.pcap)\n",
	     "streamline inspect FILTER"),
	PAGE("E114", "a required parameter is missing",
	     "This filter cannot run without a parameter that was not given, and there is\n"
	     "no default for it. 'inspect' marks such parameters with a star.\n",
	     "(bpf) > (count)\n",
	     "(bpf \"tcp port 80\") > (count)\n",
	     "streamline inspect FILTER"),
	PAGE("E115", "too many values without a name",
	     "Values without key= fill a filter's first positions, and there are more\n"
	     "values than positions. Words that belong together go in quotes.\n",
	     "(bpf tcp port 80)\n",
	     "(bpf \"tcp port 80\")\n",
	     "streamline inspect FILTER"),
	PAGE("E116", "there is no such setting",
	     "'set' changes defaults of the whole request, such as buffer, batch, overflow\n"
	     "and workers. Parameters of a filter are given with the filter.\n",
	     "set bufer=16MiB\n",
	     "set buffer=16MiB\n",
	     "man 7 srl"),
	PAGE("E117", "a space has no such option",
	     "Options behind @space tell where and how to run: cpu and policy for user,\n"
	     "name for proc and host. This space does not know this one.\n",
	     "(ac)@user[cpus=2-3]\n",
	     "(ac)@user[cpu=2-3]\n",
	     "man 7 srl"),
	PAGE("E121", "a unit is missing, or could be read two ways",
	     "Sizes, times and rates are written with their unit, so that nobody has to\n"
	     "guess: 4M could be 4MB (4 000 000 bytes) or 4MiB (4 194 304 bytes). Only 0\n"
	     "needs none.\n",
	     "(ac web.ac hold=4M)\n",
	     "(ac web.ac hold=4MiB)\n",
	     "man 7 srl"),
	PAGE("E122", "a value is not of its parameter's kind",
	     "A number, time, size, switch or name was expected and something else is\n"
	     "written, or the number cannot be held exactly.\n",
	     "(head many)\n",
	     "(head 10)\n",
	     "streamline inspect FILTER"),
	PAGE("E123", "a value is out of range",
	     "The value is of the right kind, but smaller or larger than the parameter\n"
	     "takes. The error and 'inspect' show the limits.\n",
	     "(fileout dir=streams files=0)\n",
	     "(fileout dir=streams files=256)\n",
	     "streamline inspect FILTER"),
	PAGE("E124", "a value is not one of the choices",
	     "The parameter takes one of a few words, and this is none of them; or it is one\n"
	     "that does not go together with another parameter, which the error names.\n",
	     "(tcp class=sprot)\n",
	     "(tcp class=sport)\n",
	     "streamline inspect FILTER"),
	PAGE("E125", "there is no such unit",
	     "Sizes: B kB MB GB TB KiB MiB GiB TiB. Times: ns us ms s min h d. Rates: bps\n"
	     "kbps Mbps Gbps, B/s kB/s MB/s MiB/s, pps kpps Mpps. Bit and byte never share\n"
	     "a letter, and capitals matter.\n",
	     "(ac web.ac hold=10Mb)\n",
	     "(ac web.ac hold=10MB)\n",
	     "man 7 srl"),
	PAGE("E131", "two stages do not fit",
	     "A stream carries packets, byte streams or records, and this filter does not\n"
	     "take what the one before it gives. The error shows the shortest way between.\n",
	     "(tcp) > (fileout dir=streams)\n",
	     "(tcp) > (untcp) > (fileout dir=streams)\n",
	     "streamline inspect FILTER"),
	PAGE("E132", "no class of that name",
	     "The tag on an arrow names a class that the filter before it can give: a port\n"
	     "or its service name after tcp, a pattern's group after ac. There is none of\n"
	     "this name.\n",
	     "(tcp) -htpp-> (count)\n",
	     "(tcp) -http-> (count)\n",
	     "streamline inspect FILTER"),
	PAGE("E133", "a tag on a stream that has no classes",
	     "The filter before this arrow gives its blocks no class, so nothing can be\n"
	     "chosen by one. Put a filter that classifies before the arrow, or use >.\n",
	     "(count) -80-> (print)\n",
	     "(tcp) -80-> (print)\n",
	     "streamline inspect FILTER"),
	PAGE("E134", "a number that no class can have",
	     "Classes of this filter have a range, ports for example end at 65535. A tag\n"
	     "outside of it would never match.\n",
	     "(tcp) -80000-> (count)\n",
	     "(tcp) -8000-> (count)\n",
	     "streamline inspect FILTER"),
	PAGE("E141", "the filter cannot run in this space",
	     "@space is an order, and the filter has no form for that space. Drop it, or\n"
	     "write @space? to wish for it and take the best that is possible.\n",
	     "(untcp)@xdp\n",
	     "(untcp)@xdp?\n",
	     "streamline inspect FILTER"),
	PAGE("E142", "there is no such space",
	     "Spaces are user, proc, kernel and its parts xdp, tc and sk, and host.\n",
	     "(tcp)@usre\n",
	     "(tcp)@user\n",
	     "man 7 srl"),
	PAGE("E143", "not yet",
	     "The request is right, but this version cannot run it: other machines (@host)\n"
	     "and streams in both directions (<>) come later.\n",
	     "(ac)@host[name=ids2]\n",
	     "(ac)\n",
	     "streamline plan 'REQUEST'"),
	PAGE("E144", "a copy where none is allowed",
	     "The arrow says copy=never, but its stream must copy: a process is at one of\n"
	     "its ends, and bytes go to processes and come back through pipes.\n",
	     "(pcapin web.pcap) >[copy=never] (exec \"sort\") > (null)\n",
	     "(pcapin web.pcap) > (exec \"sort\") > (null)\n",
	     "streamline plan 'REQUEST'"),
	PAGE("E151", "the arrows run in a circle",
	     "A block could come back to a filter that it left. Version 1 has no circles:\n"
	     "a pipeline starts at sources and ends at sinks.\n",
	     "(x: tcp) > (y: udp) > x\n",
	     "(x: tcp) > (y: udp) > (count)\n",
	     "streamline graph 'REQUEST'"),
	PAGE("E152", "a pipeline has no source",
	     "Nothing would ever flow: the first filter takes blocks and none are given.\n"
	     "Name a source with -i DEVICE or -r FILE, or write one.\n",
	     "streamline run '(tcp) > (count)'\n",
	     "streamline run -r trace.pcap '(tcp) > (count)'\n",
	     "streamline inspect"),
	PAGE("E153", "an arrow leaves a sink",
	     "A sink takes blocks and gives none. To use the same stream twice, give the\n"
	     "stage before it two branches.\n",
	     "(tcp) > (null) > (count)\n",
	     "(tcp) { > (null); > (count) }\n",
	     "streamline inspect FILTER"),
	PAGE("E154", "an arrow enters a source",
	     "A source begins a pipeline and takes no blocks.\n",
	     "(tcp) > (pcapin a.pcap) > (count)\n",
	     "(pcapin a.pcap) > (tcp) > (count)\n",
	     "streamline inspect FILTER"),
	PAGE("E155", "'in' or 'out' outside of a def",
	     "in and out are the open ends of a def's pipelines. Outside of one they mean\n"
	     "nothing.\n",
	     "in > (tcp) > (count)\n",
	     "def web() { in > (tcp) > out }\n",
	     "man 7 srl"),
	PAGE("E156", "a def contains itself, or grows too large",
	     "A def is replaced by its pipelines wherever it is used. One that uses itself,\n"
	     "directly or through others, would never end.\n",
	     "def a() { in > (a) > out }\n",
	     "def a() { in > (tcp) > out }\n",
	     "streamline fmt --expand FILE"),
	PAGE("E157", "a stage is not connected",
	     "No arrow enters or leaves this stage, so it would do nothing. Often an arrow\n"
	     "at the end or the start of a line was lost.\n",
	     "(tcp) > (count); (u: udp)\n",
	     "(tcp) > (count); (u: udp) > (null)\n",
	     "streamline graph 'REQUEST'"),
	PAGE("E158", "what is sent is captured again",
	     "A source captures both directions of an interface, and its packets lead to a\n"
	     "filter that sends on the same one. So each is sent, captured, and sent again,\n"
	     "without end. It is a warning, since arrows may still end it. With direction=in\n"
	     "the source sees only what others send.\n",
	     "(rx eth0) > (tx eth1); (rx eth1) > (tx eth0)\n",
	     "(rx eth0 direction=in) > (tx eth1); (rx eth1 direction=in) > (tx eth0)\n",
	     "streamline plan 'REQUEST'"),
	{ NULL, NULL }
};
