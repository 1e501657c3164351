"""`netcheck completion SHELL`: what completes netcheck's command line in a shell."""

from __future__ import annotations

import argparse
import sys

SHELLS = ("bash", "zsh", "fish")
EPILOG = """The script is made from netcheck's own options, so it has exactly those of this version.

set up:
  bash  in ~/.bashrc:                  eval "$(netcheck completion bash)"
  zsh   in ~/.zshrc, after compinit:   eval "$(netcheck completion zsh)"
  fish  once, and after each update:   netcheck completion fish > ~/.config/fish/completions/netcheck.fish

examples:
  netcheck completion bash
  netcheck completion bash > /etc/bash_completion.d/netcheck

exit codes:
  0  printed
  2  wrong usage
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `netcheck completion` to the commands."""
    parser = commands.add_parser(
        "completion",
        help="print what completes netcheck in bash, zsh or fish",
        description="Prints a script that completes commands, options and their values in a shell.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script. Returns the exit code."""
    from netcheck.commands import main
    from netcheck.commands.completion.scripts import script
    from netcheck.commands.completion.tree import commands
    from netcheck.engine import plugins

    checks = [check.id for check in plugins.find(None).checks]
    sys.stdout.write(script(args.shell, commands(main.whole_parser(), checks)))
    return 0
