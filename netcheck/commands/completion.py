"""`netcheck completion SHELL`: a completion script for a shell, written by shtab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from netcheck.core.model import Cause
from netcheck.settings.config import BY_NAME

SHELLS = ("bash", "zsh", "fish")
EPILOG = """The script is generated from the options of this version of netcheck.

set up:
  bash  in ~/.bashrc:                  eval "$(netcheck completion bash)"
  zsh   in ~/.zshrc, after compinit:   eval "$(netcheck completion zsh)"
  fish  once, and after each update:   netcheck completion fish > ~/.config/fish/completions/netcheck.fish

examples:
  netcheck completion bash
  netcheck completion bash > /etc/bash_completion.d/netcheck

exit codes:
  0  printed
  2  wrong usage, or the package shtab is missing
"""
PATH_IN_FISH = "(__fish_complete_path (commandline -ct | string unescape))"
"""shtab's own pattern keeps the backslashes of the command line in the path."""
WITH_EQUALS_SIGNS = """
# bash splits `--format=json` into three words, but shtab knows only `--format json`.
_netcheck() {
    local word words=()
    for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        [ "$word" = "=" ] || words+=("$word")
    done
    word=${COMP_WORDS[COMP_CWORD]}
    local COMP_WORDS=("${words[@]}" "${word#=}") COMP_CWORD=${#words[@]}
    _shtab_netcheck
}
complete -o bashdefault -F _netcheck netcheck
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck completion` to the commands."""
    parser = commands.add_parser(
        "completion",
        help="print the completion script for bash, zsh or fish",
        description="Prints a script that completes commands, options and their values in a shell.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script. Returns the exit code."""
    try:
        import shtab
    except ImportError:
        print("netcheck: completion needs the package shtab: pip install shtab", file=sys.stderr)
        return 2
    from netcheck.commands import main
    from netcheck.engine import plugins

    parser = main.whole_parser()
    checks = [check.id for check in plugins.find(None).checks]
    for action in _actions(parser):
        _describe(action, checks, shtab.FILE | {"fish": PATH_IN_FISH}, shtab.DIRECTORY)
    script = shtab.complete(parser, args.shell)
    sys.stdout.write(f"{script}\n{WITH_EQUALS_SIGNS if args.shell == 'bash' else ''}")
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The options and positional arguments of every command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action


def _describe(action: argparse.Action, checks: Sequence[str], file: object, folder: object) -> None:
    """Set shtab's attributes for the values of an argument: words, a file or a folder."""
    option = BY_NAME.get(action.dest)
    known = option.choices if option and option.flag in action.option_strings else ()
    kinds = action.metavar.split("|") if isinstance(action.metavar, str) else []
    action.metavar = None  # shtab's zsh would read the colon of HOST:PORT
    if words := tuple(map(str, action.choices or known)):
        action.choices = words
    elif action.dest in ("only", "skip"):
        action.choices = tuple(checks)
    elif action.dest == "id":
        action.choices = (*checks, *Cause)
    elif "FILE" in kinds or not action.option_strings:
        action.complete = file  # type: ignore[attr-defined]
    elif "DIR" in kinds:
        action.complete = folder  # type: ignore[attr-defined]
