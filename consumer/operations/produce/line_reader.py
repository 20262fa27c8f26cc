"""Lines from a file, a pipe or a terminal, as they come in."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress

from consumer.operations.produce.event_lines import EventLine

CHUNK_BYTES = 262_144
CHUNKS_AHEAD = 4


async def line_batches(descriptor: int) -> AsyncIterator[list[EventLine]]:
    """Yield the lines that have come in since the last batch; blank ones among them.

    Nothing can interrupt a read from a pipe or a terminal, so a thread does it, one that does not keep
    the program from ending.
    """
    chunks: asyncio.Queue[bytes] = asyncio.Queue(CHUNKS_AHEAD)
    loop = asyncio.get_running_loop()

    def read() -> None:
        chunk = b"any"
        # at Ctrl-C the loop ends while this thread reads: nobody is left to put a chunk for
        with suppress(RuntimeError, CancelledError):
            while chunk:
                chunk = os.read(descriptor, CHUNK_BYTES)
                asyncio.run_coroutine_threadsafe(chunks.put(chunk), loop).result()

    threading.Thread(target=read, name="line reader", daemon=True).start()
    number, rest = 0, b""
    while chunk := await chunks.get():
        *values, rest = (rest + chunk).split(b"\n")
        yield [EventLine(number + count, value) for count, value in enumerate(values, 1)]
        number += len(values)
    if rest:
        yield [EventLine(number + 1, rest)]
