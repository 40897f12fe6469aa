/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* codes_lang -- pages for letters and grammar, E0xx */
#include "core/codes.h"

const struct sl_code sl_codes_lang[] = {
	PAGE("E001", "a letter that cannot stand here",
	     "Outside of quotes a request is made of ASCII letters, digits and a few\n"
	     "signs. Anything else belongs in quotes: \"...\" with escapes and ${name},\n"
	     "or '...' which takes every letter as it is.\n",
	     "(pcapout caf\u00e9.pcap)\n",
	     "(pcapout \"caf\u00e9.pcap\")\n",
	     "man 7 srl"),
	PAGE("E002", "a letter that looks like another",
	     "Word processors, chats and web pages turn -> into an arrow, - into a dash\n"
	     "and \" into a curly quote. They look right and are other letters. The error\n"
	     "shows the ASCII spelling.\n",
	     "(tcp) \u219280\u2192 (count)\n",
	     "(tcp) -80-> (count)\n",
	     "streamline check 'REQUEST'"),
	PAGE("E003", "a quote is missing, or one too many",
	     "Text in quotes ends on the line on which it begins, with the quote that it\n"
	     "began with. The error shows where the missing one most likely belongs.\n",
	     "(bpf \"tcp port 80) > (count)\n",
	     "(bpf \"tcp port 80\") > (count)\n",
	     "streamline check 'REQUEST'"),
	PAGE("E004", "an escape or a dollar in a string that means nothing",
	     "Inside \"...\" a backslash begins one of \\n \\t \\r \\0 \\\\ \\\" \\$ \\xHH \\u{...}\n"
	     "and a variable is written ${name}. Patterns are easier in '...', where every\n"
	     "letter stands for itself.\n",
	     "(grep \"a\\d+\") > (count)\n",
	     "(grep 'a\\d+') > (count)\n",
	     "man 7 srl"),
	PAGE("E005", "bytes that are not UTF-8",
	     "Requests are UTF-8 text. This one has bytes that are not, perhaps because\n"
	     "the file was saved in another encoding. Bytes of any value can be written\n"
	     "as \\xHH inside \"...\".\n",
	     "(grep \"<byte e9>\")\n",
	     "(grep \"\\xe9\")\n",
	     "iconv -f latin1 -t utf-8 FILE"),
	PAGE("E010", "a filter was expected, something else was found",
	     "A pipeline is made of filters in parentheses, names that were declared\n"
	     "before, and groups in braces, with an arrow between each two. At this place\n"
	     "one of them is missing.\n",
	     "rx eth0 > (count)\n",
	     "(pcapin a.pcap) > (count)\n",
	     "streamline inspect"),
	PAGE("E011", "no arrow between two stages",
	     "Stages are joined by arrows: > for everything, -80-> for one class. Two\n"
	     "pipelines that have nothing to do with each other are separated by a new\n"
	     "line or ';'. A branch inside { } begins with its arrow.\n",
	     "(tcp) > (untcp) (ac)\n",
	     "(tcp) > (untcp) > (ac)\n",
	     "man 7 srl"),
	PAGE("E012", "an arrow is broken",
	     "There are three arrows: > (or ->) for all blocks, -TAG-> for blocks of a\n"
	     "class, <> for both directions. A tagged one has '-' before its tags and\n"
	     "'->' behind them.\n",
	     "(tcp) -80> (untcp)\n",
	     "(tcp) -80-> (untcp)\n",
	     "man 7 srl"),
	PAGE("E013", "something opened is not closed",
	     "A parenthesis, bracket or brace has no partner. The error points at the\n"
	     "place where it most likely belongs, and at the one that opened.\n",
	     "(tcp -80-> (untcp) > (count)\n",
	     "(tcp) -80-> (untcp) > (count)\n",
	     "streamline fmt FILE"),
	PAGE("E014", "something is closed that was not opened",
	     "A closing parenthesis, bracket or brace has no partner before it, or one is\n"
	     "there twice. Either it is too much, or its partner was lost.\n",
	     "tcp) -80-> (untcp)) > (count)\n",
	     "(tcp) -80-> (untcp) > (count)\n",
	     "streamline fmt FILE"),
	PAGE("E015", "an arrow has a tag that is none",
	     "Tags are numbers, ranges (8000..8010), names, variables ($port), '*' and\n"
	     "'else', separated by commas; '!' before one means all others. A name with\n"
	     "other letters than a-z, 0-9 and _ goes in quotes.\n",
	     "(tcp) -8000.8010-> (count)\n",
	     "(tcp) -8000..8010-> (count)\n",
	     "man 7 srl"),
	PAGE("E016", "an argument is written wrongly",
	     "Arguments are values, or key=value, separated by blanks or commas. A comma\n"
	     "stands between two of them, '=' between a key and its value; a position is\n"
	     "never left empty.\n",
	     "(ac web.ac,, hold=)\n",
	     "(ac web.ac, hold=1MiB)\n",
	     "streamline inspect FILTER"),
	PAGE("E017", "a def, let, use or set is written wrongly",
	     "def NAME(PARAMETERS) { PIPELINES } makes a filter out of pipelines,\n"
	     "let NAME = VALUE names a value, use FILE brings in defs, and set KEY=VALUE\n"
	     "changes a default of the whole request. Each is a statement of its own.\n",
	     "let iface eth0\n",
	     "let iface = eth0\n",
	     "man 7 srl"),
	PAGE("E018", "a statement begins with a word that is one slip from a keyword",
	     "Statements begin with def, let, use, set, or with a stage. This word is none\n"
	     "of these, and what follows it is no arrow.\n",
	     "dfe web(port=80) { in -$port-> out }\n",
	     "def web(port=80) { in -$port-> out }\n",
	     "man 7 srl"),
	PAGE("E019", "a word of the language is used as a name",
	     "def let use set in out else belong to the language; when for match import\n"
	     "are kept for later. They cannot name filters, variables or parameters.\n",
	     "(set: tcp) > (count)\n",
	     "(settings: tcp) > (count)\n",
	     "man 7 srl"),
	PAGE("E020", "too long, or nested too deep",
	     "Brackets may be nested 200 levels deep and a request may be 4 MiB long.\n"
	     "Long requests are better cut into defs in files of their own.\n",
	     "{ { { ... more than 200 ... } } }\n",
	     "use \"part.srl\"\n",
	     "man 7 srl"),
	PAGE("E021", "there is nothing here",
	     "A request needs at least one filter, and braces at least one pipeline or\n"
	     "branch.\n",
	     "(tcp) { }\n",
	     "(tcp) { -80-> (count) }\n",
	     "streamline"),
	PAGE("E022", "branches or a placement where none can be",
	     "Branches in { } follow a stage, and a stage has one such block. A placement\n"
	     "(@xdp) follows a filter or a group, not a name that refers to one.\n",
	     "web@xdp -80-> (count)\n",
	     "(web: tcp)@user -80-> (count)\n",
	     "man 7 srl"),
	PAGE("E023", "this cannot be said with bars",
	     "The notation with bars makes straight pipelines: a | b |80 c. Branches,\n"
	     "names, placement and arrow options need the one with brackets.\n",
	     "tcp | (count)\n",
	     "(tcp) > (count)\n",
	     "streamline fmt 'a | b'"),
	{ NULL, NULL }
};
