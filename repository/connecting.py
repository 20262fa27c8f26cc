"""Opening connections as the URL specifies, to the server itself or to a pooler in front of it.

Behind a pooler in transaction mode each transaction may run in another session of the server. So nothing may be left
in a session: no named prepared statement (asyncpg numbers them, and two clients would use the same numbers), no
setting, no session lock. This works with PgBouncer without `max_prepared_statements`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.pool import PoolConnectionProxy

from repository.database_url import DatabaseUrl, KeepAlive, UnusableUrl, read_database_url
from repository.errors import ReadOnlyDatabase, StoreUnavailable

Pooler = Literal["auto", "none", "transaction"]
"""Whether a pooler is in front of the server; `auto` detects it."""

# generic in the stubs only
Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_TIMEOUT_S = 10.0
RESOLVE_S = 1.0
KEPT_STATEMENTS = 100


class Connector:
    """Opens connections of one kind; what it learns from the first applies to the others.

    A pool calls it in place of `asyncpg.connect`. `current_url` returns the current URL, whose password may have
    changed.
    """

    def __init__(
        self,
        url: DatabaseUrl,
        *,
        application_name: str,
        pooler: Pooler = "auto",
        must_write: bool = True,
        current_url: Callable[[], str] | None = None,
    ) -> None:
        self._current_url = current_url
        self.pooler: Pooler = "transaction" if pooler == "auto" and url.names_pooler else pooler
        self._url = url
        self._settings = {"application_name": application_name, **url.server_settings}
        self._accesses = _accesses(url, must_write=must_write)

    async def __call__(self, _: str | None = None, **options: Any) -> Session:  # noqa: ANN401 - asyncpg's own
        """Open a connection; `options` are further ones of `asyncpg.connect`, without the URL."""
        if self.pooler == "auto":
            first = await self._open(keeps_statements=False, **options)
            if await is_pooled(first):
                self.pooler = "transaction"
                return first
            self.pooler = "none"
            await first.close()
        return await self._open(keeps_statements=self.pooler == "none", **options)

    async def _open(self, *, keeps_statements: bool, **options: Any) -> Session:  # noqa: ANN401
        options["statement_cache_size"] = KEPT_STATEMENTS if keeps_statements else 0
        if self._url.tls is not None:
            options["ssl"] = self._url.tls
        for access in self._accesses:
            with suppress(asyncpg.TargetServerAttributeNotMatched):
                opened = await self._connect(access, options)
                _keep_alive(opened, self._url.keep_alive)
                return opened
        raise ReadOnlyDatabase(f"no server here is {self._accesses[0].value}: {_READ_ONLY_BECAUSE}")

    async def _connect(self, access: SessionAttribute, options: dict[str, Any]) -> Session:
        try:
            return await asyncpg.connect(
                read_database_url(self._current_url()).dsn if self._current_url else self._url.dsn,
                timeout=self._url.connect_timeout_s,
                server_settings=self._settings,
                target_session_attrs=access,
                **options,
            )
        except _REFUSED_SETTING as error:
            self._name_refused_setting(error)
            raise
        except asyncpg.ConnectionDoesNotExistError as error:
            if self._url.wants_tls:
                raise StoreUnavailable(f"the server closes the connection: it may want {_OWN_CERTIFICATE}") from error
            raise
        except TimeoutError as error:
            raise StoreUnavailable(await self._said_of_silence()) from error
        except socket.gaierror as error:
            raise StoreUnavailable(f"nobody resolves the name {urlsplit(self._url.dsn).hostname}") from error
        except (ssl.SSLError, ConnectionError) as error:
            self._name_channel_binding(error)
            _name_own_certificate(error)
            raise

    async def _said_of_silence(self) -> str:
        host = urlsplit(self._url.dsn).hostname
        why = f": nobody resolves the name {host}" if host and not await _is_resolved(host) else ""
        return f"no connection within {self._url.connect_timeout_s:g} s{why}"

    def _name_refused_setting(self, error: asyncpg.PostgresError) -> None:
        """Raise for a parameter passed to the server as a setting, which it does not know or a pooler does not pass on.

        Raises:
            UnusableUrl: naming the parameter.
        """
        message = str(error.args[0])
        for name in self._url.server_settings:
            if name.lower() in message.lower() or name == "options":
                reason = message.partition(":")[0]
                raise UnusableUrl(f"has the parameter {name}, which the server refuses: {reason}") from error

    def _name_channel_binding(self, error: OSError) -> None:
        if not self._url.verifies_for_channel_binding:
            return
        if isinstance(error, ssl.SSLError) or "SSL upgrade" in str(error):
            raise StoreUnavailable(
                "channel_binding=require is kept by verifying the server's certificate, which failed "
                f"({error}); name its CA in sslrootcert, or leave channel_binding out"
            ) from error


def _name_own_certificate(error: OSError) -> None:
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLCertVerificationError):
        return
    if error.reason == "KEY_VALUES_MISMATCH":
        raise UnusableUrl("has the parameters sslcert and sslkey, which do not belong together") from error
    if "PEM" in str(error):  # Python's errors for a file that is missing or stays encrypted
        raise UnusableUrl(
            "has the parameter sslkey, which sslpassword does not open, or an unusable sslcert"
        ) from error
    if "ALERT" in str(error):
        raise StoreUnavailable(f"the server breaks off the TLS handshake: it may want {_OWN_CERTIFICATE}") from error


# The last is said of `options` that are no -c NAME=VALUE.
_REFUSED_SETTING = (
    asyncpg.UndefinedObjectError,
    asyncpg.DataError,
    asyncpg.ProtocolViolationError,
    asyncpg.PostgresSyntaxError,
)
_OWN_CERTIFICATE = "a client certificate, or another one (sslcert, sslkey)"
_READ_ONLY_BECAUSE = "a replica, or a database or role with default_transaction_read_only=on"


async def _is_resolved(host: str) -> bool:
    try:
        async with asyncio.timeout(RESOLVE_S):
            await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, TimeoutError):
        return False
    return True


async def is_pooled(session: "Session | PoolConnectionProxy[asyncpg.Record]") -> bool:
    """Return whether a pooler is in front of the server: it invents the process id that a client gets at the start."""
    return bool(await session.fetchval("SELECT pg_backend_pid()") != session.get_server_pid())


def _accesses(url: DatabaseUrl, *, must_write: bool) -> Sequence[SessionAttribute]:
    """Return the acceptable kinds of server, best first: after a failover a pool must find the new primary."""
    if must_write and url.access in {"standby", "read-only"}:
        raise UnusableUrl(f"has target_session_attrs={url.access}, where the consumer must write")
    if must_write:
        return (SessionAttribute.read_write,)
    if url.access is not None:
        return (SessionAttribute(url.access),)
    return (SessionAttribute.read_write, SessionAttribute.any)


def _keep_alive(session: Session, wanted: KeepAlive) -> None:
    """Enable TCP keepalives, as libpq does and asyncpg does not.

    Without them a connection dropped by a firewall is only noticed when a statement gets no response.
    """
    opened = session._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    if not wanted.enabled or opened is None or opened.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", wanted.idle_s),
        ("TCP_KEEPINTVL", wanted.interval_s),
        ("TCP_KEEPCNT", wanted.count),
        ("TCP_USER_TIMEOUT", wanted.user_timeout_ms),
    ):
        if value is not None and hasattr(socket, option):  # macOS lacks some
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
