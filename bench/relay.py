"""A relay that gives loopback connections the latency of a real network: python -m bench.relay MS FROM>TO ...

Each byte arrives MS milliseconds after it was sent, in both directions. Connecting itself is not
delayed. Prints "ready" when it listens everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence


async def delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Forward all data in order, delayed."""
    loop = asyncio.get_running_loop()

    def send(data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)

    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            loop.call_later(seconds, send, data)
    await asyncio.sleep(seconds)
    with contextlib.suppress(OSError):
        writer.write_eof()


async def relay(source: tuple[str, int], target: tuple[str, int], seconds: float) -> asyncio.Server:
    serving: set[asyncio.Task[None] | None] = set()  # the event loop keeps only weak references to tasks

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            onward = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            serving.discard(asyncio.current_task())
            return
        forward = delayed(reader, onward[1], seconds)
        backward = delayed(onward[0], writer, seconds)
        await asyncio.gather(forward, backward, return_exceptions=True)
        for end in (writer, onward[1]):
            end.close()
        serving.discard(asyncio.current_task())

    return await asyncio.start_server(serve, *source)


async def main(arguments: Sequence[str]) -> None:
    seconds = float(arguments[0]) / 1000
    for pair in arguments[1:]:
        source, target = (_address(end) for end in pair.split(">"))
        await relay(source, target, seconds)
    print("ready", flush=True)
    await asyncio.Event().wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
