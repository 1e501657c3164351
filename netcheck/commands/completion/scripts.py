"""The scripts themselves: bash (3.2 and later), zsh and fish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netcheck.commands.completion.tree import Command, Taken, Value

BASH = """# Completion of netcheck for bash. In ~/.bashrc: eval "$(netcheck completion bash)"
_netcheck() {{
    local IFS=$'\\n' command= word words=
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    if [ "$current" = "=" ]; then
        current=
    elif [ "$before" = "=" ]; then
        before=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
            -*) ;;
            *) command=$word; break ;;
        esac
    done
    COMPREPLY=()
    case "$command $before" in
{values}
    esac
    case $command in
{words}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
_netcheck_paths() {{
    local IFS=$'\\n'
    type compopt >/dev/null 2>&1 && compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$1" -- "$2"))
}}
complete -F _netcheck netcheck
"""
ZSH = """#compdef netcheck
# Completion of netcheck for zsh. In ~/.zshrc, after compinit: eval "$(netcheck completion zsh)"
_netcheck() {{
    local curcontext="$curcontext" state line
    typeset -A opt_args
    _arguments -C \\
{own}
        '1:command:->command' \\
        '*::argument:->rest'
    case $state in
        command)
            local -a commands
            commands=(
{names}
            )
            _describe command commands
            ;;
        rest)
            case $line[1] in
{commands}
            esac
            ;;
    esac
}}
if [ "$funcstack[1]" = _netcheck ]; then
    _netcheck "$@"
else
    compdef _netcheck netcheck
fi
"""
FISH = """# Completion of netcheck for fish:
#   netcheck completion fish > ~/.config/fish/completions/netcheck.fish
complete -c netcheck -f
"""
NO_COMMAND = "__fish_use_subcommand"


def script(shell: str, commands: Sequence[Command]) -> str:
    """The completion of these commands for bash, zsh or fish."""
    match shell:
        case "bash":
            return _bash(commands)
        case "zsh":
            return _zsh(commands)
        case _:
            return FISH + "".join(f"{line}\n" for line in _fish(commands))


def _bash(commands: Sequence[Command]) -> str:
    values = [line for command in commands for line in _bash_values(command)]
    words = [line for command in commands for line in _bash_words(command, commands)]
    return BASH.format(values="\n".join(values), words="\n".join(words))


def _bash_values(command: Command) -> Iterator[str]:
    """What stands after an option that takes a value."""
    for taken in command.options:
        if taken.value is Value.NONE:
            continue
        pattern = "|".join(_bash_quoted(f"{command.name} {flag}") for flag in taken.flags)
        match taken.value:
            case Value.WORDS:
                words = _bash_quoted("\n".join(taken.words))
                told = f'COMPREPLY=($(compgen -W {words} -- "$current"))'
            case Value.FILE:
                told = '_netcheck_paths -f "$current"'
            case Value.FOLDER:
                told = '_netcheck_paths -d "$current"'
            case _:
                told = ":"
        yield f"        {pattern}) {told}; return ;;"


def _bash_words(command: Command, commands: Sequence[Command]) -> Iterator[str]:
    """What may stand where no value is wanted: options, and what the command is about."""
    words = [flag for taken in command.options for flag in taken.flags]
    if not command.name:
        words = [*(each.name for each in commands if each.name), *words]
    for taken in command.positionals:
        words = [*taken.words, *words]
    files = any(taken.value is Value.FILE for taken in command.positionals)
    paths = 'case $current in -*) ;; *) _netcheck_paths -f "$current"; return ;; esac; ' if files else ""
    quoted = _bash_quoted("\n".join(words))
    yield f"        {_bash_quoted(command.name)}) {paths}words={quoted} ;;"


def _bash_quoted(text: str) -> str:
    if "\n" in text:
        return "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh(commands: Sequence[Command]) -> str:
    own, *below = commands
    return ZSH.format(
        own="\n".join(f"        {line} \\" for line in _zsh_takes(own)),
        names="\n".join(f"                {_zsh_quoted(_zsh_item(each))}" for each in below),
        commands="\n".join(_zsh_command(each) for each in below),
    )


def _zsh_item(command: Command) -> str:
    return f"{command.name}:{command.help}"


def _zsh_command(command: Command) -> str:
    lines = " \\\n".join(f"                        {line}" for line in _zsh_takes(command))
    return (
        f"                {command.name})\n                    _arguments \\\n{lines}\n                    ;;"
    )


def _zsh_takes(command: Command) -> Iterator[str]:
    for number, taken in enumerate(command.positionals, 1):
        yield _zsh_quoted(f"{number}:{_zsh_plain(taken.name)}{_zsh_values(taken)}")
    for taken in command.options:
        for flag in taken.flags:
            wanted = "" if taken.value is Value.NONE else f":{_zsh_plain(taken.name)}{_zsh_values(taken)}"
            repeated = "*" if taken.many else ""
            yield _zsh_quoted(f"{repeated}{flag}[{_zsh_plain(taken.help)}]{wanted}")


def _zsh_values(taken: Taken) -> str:
    match taken.value:
        case Value.WORDS:
            return f":({' '.join(taken.words)})"
        case Value.FILE:
            return ":_files"
        case Value.FOLDER:
            return ":_files -/"
        case _:
            return ": "


def _zsh_plain(text: str) -> str:
    """Text between the signs that _arguments reads itself by."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(commands: Sequence[Command]) -> Iterator[str]:
    own, *below = commands
    for command in below:
        yield f"complete -c netcheck -n {NO_COMMAND} -a {command.name} -d {_fish_quoted(command.help)}"
    for taken in own.options:
        yield f"complete -c netcheck -n {NO_COMMAND} {_fish_taken(taken)}"
    for command in below:
        within = _fish_quoted(f"__fish_seen_subcommand_from {command.name}")
        for taken in command.takes:
            yield f"complete -c netcheck -n {within} {_fish_taken(taken)}"


def _fish_taken(taken: Taken) -> str:
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in taken.flags]
    told = [*flags]
    match taken.value:
        case Value.NONE:
            pass
        case Value.WORDS:
            told += [*(["-x"] if taken.flags else []), f"-a {_fish_quoted(' '.join(taken.words))}"]
        case Value.FILE:
            told += ["-r -F"] if taken.flags else ["-F"]
        case Value.FOLDER:
            told += ["-x -a '(__fish_complete_directories)'"]
        case _:
            told += ["-x"]
    return " ".join([*told, f"-d {_fish_quoted(taken.help)}"])


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
