"""Assemble the root of netcheck's image: /opt/netcheck/bin/python deploy/image.py TREE

Run it with the interpreter of the virtual environment that netcheck is installed in. It copies to the folder
TREE, each at its own path: that environment, its interpreter and standard library, the shared libraries that
these need and those that glibc loads itself, root certificates, and the files of /etc that the resolver
reads. No shell, no package manager, nothing that netcheck does not need.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

USER = 65532
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""All root certificates of Debian's package ca-certificates."""

ETC = {
    "passwd": f"root:x:0:0:root:/:/sbin/nologin\nnetcheck:x:{USER}:{USER}:netcheck:/:/sbin/nologin\n",
    "group": f"root:x:0:\nnetcheck:x:{USER}:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nservices: files\n",
    # Docker and the kubelet replace these.
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "",
}
MOUNTED = ("dev", "proc", "sys")
LOADED_BY_GLIBC = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
"""Loaded with dlopen, so `ldd` does not list them: to end a thread and to resolve names. In libc's folder."""

UNUSED = frozenset(
    {
        *("test", "tests", "idlelib", "lib2to3", "ensurepip", "venv", "tkinter", "turtledemo", "pydoc_data"),
        *("site-packages", "dist-packages", "curses", "dbm", "sqlite3", "turtle", "distutils"),
        *(
            "_tkinter",
            "_curses",
            "_curses_panel",
            "_dbm",
            "_gdbm",
            "_sqlite3",
            "readline",
            "nis",
            "_ctypes_test",
        ),
    }
)
"""Parts of the standard library that are left out, extension modules by their bare names: those that need a
further library, a screen or an installer.
"""
FOR_BUILDERS = re.compile(r"config-|_test|_?xx")
"""The folder for linking an interpreter, and extension modules for the interpreter's own tests."""
NO_CODE = (".a", ".c", ".h", ".pxd", ".pyi", ".pyx", ".opt-1.pyc", ".opt-2.pyc")
UNUSED_DATA = re.compile(r"/botocore/data/.*/(examples|paginators|waiters)-\d")
"""botocore's data that netcheck does not use. The rest is kept for every service, as --aws-service accepts
any name.
"""


class Tree:
    """A folder that becomes the root of a file system. Files and links keep their paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def put(self, path: Path) -> None:
        """Copy a file, and every link in its path with the link's target."""
        here = Path("/")
        for number, part in enumerate(path.parts[1:], 2):
            here /= part
            if here.is_symlink():
                target = here.readlink()
                self._link(here, target)
                self.put(Path(os.path.normpath(here.parent / target), *path.parts[number:]))
                return
            if here.is_dir():
                self.at(here).mkdir(exist_ok=True)
            elif not self.at(here).exists():
                shutil.copy2(here, self.at(here))

    def write(self, path: str, text: str) -> None:
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)

    def link(self, path: Path, target: Path) -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self._link(path, target)

    def _link(self, path: Path, target: Path) -> None:
        if not self.at(path).is_symlink():
            self.at(path).symlink_to(target)


def main(root: Path) -> None:
    """Assemble the tree. Raises SystemExit if something is missing."""
    root.mkdir(parents=True)
    root.chmod(0o755)
    tree = Tree(root)
    library = Path(sysconfig.get_path("stdlib"))
    for path in (*environment(Path(sys.prefix)), *standard_library(library)):
        tree.put(path)
    programs = [path for path in root.rglob("*") if is_program(path)]
    libraries = shared(programs)
    for path in libraries:
        tree.put(path)
    certificates(tree)
    settings(tree, {path.parent for path in libraries if not path.is_relative_to(sys.prefix)})
    for folder in (library, Path(sys.prefix) / "lib"):
        # workers=0: one process per CPU. Files that are compiled already are skipped.
        compileall.compile_dir(
            tree.at(folder), maxlevels=30, quiet=2, stripdir=str(root), prependdir="/", workers=0
        )
    print_size(root)


def environment(prefix: Path) -> Iterator[Path]:
    """The virtual environment: its interpreter, the netcheck command, and the packages."""
    yield prefix / "pyvenv.cfg"
    yield from (path for path in (prefix / "bin").iterdir() if path.name.startswith(("python", "netcheck")))
    for path in files(prefix / "lib"):
        if "tests" not in path.relative_to(prefix).parts and not UNUSED_DATA.search(str(path)):
            yield path


def standard_library(folder: Path) -> Iterator[Path]:
    for path in files(folder):
        names = {*path.relative_to(folder).parts, path.name.partition(".")[0]}
        if not names & UNUSED and not any(map(FOR_BUILDERS.match, names)):
            yield path


def files(folder: Path) -> Iterator[Path]:
    """Every file in the folder that a run may need."""
    for path in sorted(folder.rglob("*")):
        if not path.is_dir() and not path.name.endswith(NO_CODE):
            yield path


def is_program(path: Path) -> bool:
    """Whether this is an ELF file: the interpreter, a shared library, an extension module."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def shared(programs: Iterable[Path]) -> set[Path]:
    """The loader and all libraries that the programs need."""
    found: set[Path] = set()
    for program in programs:
        ran = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=60, check=False)
        if "not found" in ran.stdout:
            raise SystemExit(f"image: {program} needs a missing library:\n{ran.stdout}")
        found |= {Path(path) for path in re.findall(r"(?:^|=>)\s*(/\S+) \(0x", ran.stdout, re.MULTILINE)}
    (libc,) = {path for path in found if path.name == "libc.so.6"}
    found |= {libc.with_name(name) for name in LOADED_BY_GLIBC}
    return found


def certificates(tree: Tree) -> None:
    """Debian's root certificates, as one file where OpenSSL looks for it."""
    if not BUNDLE.exists():
        raise SystemExit(f"image: {BUNDLE} is missing: apt-get install ca-certificates")
    tree.put(BUNDLE)
    tree.link(Path(ssl.get_default_verify_paths().openssl_cafile), BUNDLE)


def settings(tree: Tree, folders: Iterable[Path]) -> None:
    """The files that glibc reads: the table of libraries in `folders`, users, and name resolution."""
    for name, text in ETC.items():
        tree.write(f"etc/{name}", text)
    for name in MOUNTED:
        (tree.root / name).mkdir(exist_ok=True)
    (tree.root / "tmp").mkdir(exist_ok=True)
    (tree.root / "tmp").chmod(0o1777)
    tree.write("etc/ld.so.conf", "".join(f"{folder}\n" for folder in sorted(folders)))
    ldconfig = shutil.which("ldconfig", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "ldconfig"
    subprocess.run([ldconfig, "-r", str(tree.root)], timeout=60, check=True)


def print_size(root: Path) -> None:
    sizes = [path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    print(f"{root}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
