"""On an island: name servers on port 53, and a command that asks them.

    python -m tests.e2e.resolvers ORDINARY 10.0.0.2 OUTSIDE 10.0.0.3 -- netcheck run ...

Each view is a table of tests/servers/dns.py, by its name there, or SILENT (reads and never answers) or CLOSED
(no program there).
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.servers import dns
from tests.servers.dns import DnsServer, Entry

VIEWS: Mapping[str, Mapping[str, Entry]] = {
    "ORDINARY": dns.ORDINARY,
    "INSIDE": dns.INSIDE,
    "OUTSIDE": dns.OUTSIDE,
    # What a resolver that forwards to nobody says to everything.
    "FAILING": dict.fromkeys(dns.ORDINARY, dns.Fault.SERVFAIL),
}
PORT = 53
PATIENCE_S = 50.0


def main(arguments: Sequence[str]) -> int:
    end = arguments.index("--")
    pairs, command = arguments[:end], arguments[end + 1 :]
    with contextlib.ExitStack() as servers:
        for view, address in zip(pairs[::2], pairs[1::2], strict=True):
            if view == "SILENT":
                deaf = servers.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                deaf.bind((address, PORT))
            elif view != "CLOSED":
                servers.enter_context(DnsServer(VIEWS[view], address, PORT))
        return subprocess.run(command, timeout=PATIENCE_S, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
