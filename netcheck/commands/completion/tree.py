"""What can be typed: commands, options and what their values are, as the parsers have them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcheck.settings.config import BY_NAME


class Value(StrEnum):
    """What a value is, as far as a shell can help with it."""

    NONE = "none"
    ANYTHING = "anything"
    WORDS = "words"
    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Taken:
    """An option (`flags` as typed, the longest last) or, without flags, a positional argument."""

    flags: tuple[str, ...]
    help: str
    value: Value
    name: str
    words: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command with everything that it takes."""

    name: str
    help: str
    takes: tuple[Taken, ...]

    @property
    def options(self) -> tuple[Taken, ...]:
        return tuple(each for each in self.takes if each.flags)

    @property
    def positionals(self) -> tuple[Taken, ...]:
        return tuple(each for each in self.takes if not each.flags)


def commands(parser: argparse.ArgumentParser, checks: Sequence[str]) -> tuple[Command, ...]:
    """The commands of a parser, the parser itself first, as the command "". `checks` are the ids that stand
    where an id or a glob of ids is wanted.
    """
    own = Command("", parser.description or "", tuple(_taken(parser, checks)))
    below = next(each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    helps = {each.dest: each.help or "" for each in below._choices_actions}
    found = (
        Command(name, helps.get(name, ""), tuple(_taken(each, checks)))
        for name, each in below.choices.items()
    )
    return (own, *found)


def _taken(parser: argparse.ArgumentParser, checks: Sequence[str]) -> Iterator[Taken]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        value, words = _value(action, checks)
        name = action.metavar if isinstance(action.metavar, str) else action.dest
        help = " ".join((action.help or "").split()).replace("%%", "%")
        many = action.nargs in ("+", "*") or isinstance(action, argparse._AppendAction)
        yield Taken(tuple(action.option_strings), help, value, name, words, many)


def _value(action: argparse.Action, checks: Sequence[str]) -> tuple[Value, tuple[str, ...]]:
    option = BY_NAME.get(action.dest)
    known = option.choices if option and option.flag in action.option_strings else ()
    parts = action.metavar.split("|") if isinstance(action.metavar, str) else []
    if action.nargs == 0:
        return Value.NONE, ()
    if words := tuple(map(str, action.choices or known)):
        return Value.WORDS, words
    if "GLOB" in parts or (parts == ["ID"] and not action.option_strings):
        return Value.WORDS, tuple(checks)
    if "FILE" in parts or not action.option_strings:
        return Value.FILE, ()
    return (Value.FOLDER if "DIR" in parts else Value.ANYTHING), ()
