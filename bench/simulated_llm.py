"""CPU per request of the simulated LLM, and whether one core would serve 2,000 requests a second.

``python -m bench.simulated_llm`` starts the server as a process, keeps a fixed number of calls in
flight over as many kept-alive connections, and reads the server's CPU time from ``/proc`` (Linux).
The driver is written on bare sockets so that, on a small machine, it leaves the server its core.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import cast
from uuid import uuid4

import uvloop

AIM_CPU_MS_PER_REQUEST = 0.5  # 2,000 requests a second on one core
WARM_UP_S = 2.0
_END_OF_HEADERS = b"\r\n\r\n"
_CONTENT_LENGTH = b"content-length:"


def request(number: int) -> bytes:
    """Return a request of 2 to 3 kB like the consumer's, with a product and an id of its own."""
    user = (
        f"<refined_ad_copy_eng>Shirt {number} — Blue cotton shirt.</refined_ad_copy_eng>\n"
        "<tone_style>따뜻하고 다정한 말투, 이모지 조금</tone_style>\n"
        f"<product_description>{'Soft, light, made to last. ' * 20}</product_description>\n"
        "<store_information>오션앤코 성수점 · 서울 성동구 연무장길 12</store_information>"
    )
    system = "인스타그램 광고 글을 한국어로 쓰고 JSON으로만 답하세요. " * 20
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    chat = {"model": "gpt-4o-mini", "messages": messages, "max_completion_tokens": 800}
    body = json.dumps(chat, ensure_ascii=False).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key\r\n"
        f"Content-Type: application/json\r\nX-Client-Request-Id: {uuid4()}/1/1\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class AnswerCount:
    """How many answers all connections have received."""

    def __init__(self) -> None:
        self.answers = 0


class Connection(asyncio.Protocol):
    """One kept-alive connection with one call in flight: every answer makes it ask again."""

    def __init__(self, number: int, count: AnswerCount) -> None:
        self._request = request(number)
        self._count = count
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Send the next request once the answer is whole."""
        self._received += data
        head, end_of_headers, body = self._received.partition(_END_OF_HEADERS)
        if not end_of_headers or len(body) < _body_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(self._received.decode())
        self._received = b""
        self._count.answers += 1
        self._transport.write(self._request)


def _body_length(head: bytes) -> int:
    _, _, after = head.lower().partition(_CONTENT_LENGTH)
    return int(after.partition(b"\r\n")[0])


def _cpu_s(pid: int) -> float:
    """Return user and system time of a process, from fields 14 and 15 of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port: int, pid: int, in_flight: int, seconds: float) -> None:
    """Drive the server and print requests per second and CPU per request."""
    loop = asyncio.get_running_loop()
    count = AnswerCount()
    for number in range(in_flight):
        await loop.create_connection(partial(Connection, number, count), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP_S)
    answers, cpu_s, started_s = count.answers, _cpu_s(pid), loop.time()
    await asyncio.sleep(seconds)
    answers, cpu_s = count.answers - answers, _cpu_s(pid) - cpu_s
    elapsed_s = loop.time() - started_s
    cpu_ms = cpu_s * 1000 / answers
    print(  # noqa: T201 - its result
        f"{answers} requests in {elapsed_s:.1f} s: {answers / elapsed_s:.0f}/s,"
        f" {cpu_ms:.3f} ms CPU per request (aim: at most {AIM_CPU_MS_PER_REQUEST}),"
        f" so {1000 / cpu_ms:.0f}/s on one core"
    )


def main() -> None:
    """Start the server, measure it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in-flight", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--latency", default="constant:0.2")
    options = parser.parse_args()
    command = [sys.executable, "-m", "devstack.simulated_llm", "--latency", options.latency]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            ready = json.loads(server.stdout.readline() if server.stdout else b"")
            port = int(ready["base_url"].rpartition(":")[2].partition("/")[0])
            uvloop.run(measure(port, server.pid, options.in_flight, options.seconds))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
