/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * completion.c -- the scripts that shells load
 *
 * They hold no names: at each key they ask "streamline complete", so what they
 * offer is what the installed filters are. Where that has nothing to offer they
 * fall back on file names.
 */
#include "cli.h"

#include <string.h>

static const char bash_script[] =
"# SPDX-License-Identifier: LGPL-2.1-or-later\n"
"# streamline(1) for bash. Written by \"streamline completion bash\".\n"
"_streamline()\n"
"{\n"
"	local cur cword line line_words words\n"
"	words=(\"${COMP_WORDS[@]:1:COMP_CWORD}\")\n"
"	# Bash splits words at = and : too; where its helper is there they are joined.\n"
"	if declare -F _get_comp_words_by_ref >/dev/null; then\n"
"		_get_comp_words_by_ref -n =: -c cur -w line_words -i cword 2>/dev/null &&\n"
"			words=(\"${line_words[@]:1:cword}\")\n"
"	fi\n"
"	COMPREPLY=()\n"
"	while IFS= read -r line; do\n"
"		COMPREPLY+=(\"${line%%$'\\t'*}\")\n"
"	done < <(streamline complete -- \"${words[@]}\" 2>/dev/null)\n"
"	case ${#COMPREPLY[@]} in\n"
"	0)\n"
"		compopt -o default\n"
"		;;\n"
"	1)\n"
"		# A request goes on: bash must not close its quote, which it does\n"
"		# for a single candidate only.\n"
"		case ${words[-1]} in\n"
"		[\\'\\\"]*)\n"
"			compopt -o nospace\n"
"			# What is only listed (type 63) is listed once.\n"
"			[ \"${COMP_TYPE:-63}\" = 63 ] || COMPREPLY+=(\"${COMPREPLY[0]} \")\n"
"			;;\n"
"		'')\n"
"			case ${COMPREPLY[0]} in\n"
"			\\'*)	compopt -o nospace ;;\n"
"			esac\n"
"			;;\n"
"		esac\n"
"		;;\n"
"	esac\n"
"}\n"
"complete -F _streamline streamline\n";

static const char zsh_script[] =
"#compdef streamline\n"
"# SPDX-License-Identifier: LGPL-2.1-or-later\n"
"# streamline(1) for zsh. Written by \"streamline completion zsh\".\n"
"_streamline()\n"
"{\n"
"	local line word what\n"
"	local -a found texts\n"
"	while IFS= read -r line; do\n"
"		word=${line%%$'\\t'*}\n"
"		what=${line#*$'\\t'}\n"
"		found+=(\"$word\")\n"
"		texts+=(\"${word##*[ (]}${what:+  -- $what}\")\n"
"	done < <(streamline complete -- \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
"	if (( $#found == 0 )); then\n"
"		_files\n"
"	else\n"
"		compadd -U -S '' -l -d texts -a -- found\n"
"	fi\n"
"}\n"
"if [ \"$funcstack[1]\" = _streamline ]; then\n"
"	_streamline \"$@\"\n"
"else\n"
"	compdef _streamline streamline\n"
"fi\n";

static const char fish_script[] =
"# SPDX-License-Identifier: LGPL-2.1-or-later\n"
"# streamline(1) for fish. Written by \"streamline completion fish\".\n"
"function __streamline_complete\n"
"	set -l words (commandline -opc) (commandline -ct)\n"
"	streamline complete -- $words[2..-1] 2>/dev/null\n"
"end\n"
"complete -c streamline -a '(__streamline_complete)'\n";

int verb_completion(const struct call *c)
{
	static const struct {
		const char *shell, *script;
	} all[] = {
		{ "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script },
	};

	if (c->n_words != 1)
		return out_call_error("completion wants a shell: bash, zsh or fish");
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(c->words[0], all[i].shell))
			continue;
		fputs(all[i].script, stdout);
		return EXIT_OK;
	}
	return out_call_error("no completion for '%s': bash, zsh or fish", c->words[0]);
}
