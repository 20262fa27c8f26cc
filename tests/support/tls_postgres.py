"""TLS before PostgreSQL, as the server does it itself: the embedded one is built without.

It answers the request for TLS, shows a real certificate, and passes on what is encrypted inside.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
NO_ENCRYPTION = 'no pg_hba.conf entry for host "127.0.0.1", no encryption'


@asynccontextmanager
async def tls_postgres(database_url: str, folder: Path, certificate: str, *, asks: bool = False) -> AsyncIterator[str]:
    """The URL of the database by way of TLS; without TLS it refuses. `asks`: it wants a client certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    url = urlsplit(database_url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                writer.write(_error(NO_ENCRYPTION))
                await writer.drain()
            else:
                writer.write(b"S")
                await writer.start_tls(context)
                upstream = await asyncio.open_connection(url.hostname, url.port)
                await asyncio.gather(_passed(reader, upstream[1]), _passed(upstream[0], writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        login = url.netloc.rpartition("@")[0]
        yield url._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()
        server.close()


async def _passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while content := await source.read(65_536):
            target.write(content)
            await target.drain()
    target.close()


def _error(message: str) -> bytes:
    fields = b"SFATAL\0VFATAL\0C28000\0M" + message.encode() + b"\0\0"
    return b"E" + (len(fields) + 4).to_bytes(4) + fields
