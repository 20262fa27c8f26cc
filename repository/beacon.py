"""A beacon: an advisory lock on a session of its own, which ends the moment its process does.

It also receives hints (NOTIFY) at once. Both need a session of this process alone. Behind a pooler there is none: the
lock would stay with a session that another client uses next.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any

from repository.connecting import Pooler, Session, is_pooled
from repository.errors import StoreError, translated
from repository.pool import open_session

TRY_AGAIN_S = 5.0
ANSWER_S = 2.0  # the lease is not renewed meanwhile


class Beacon:
    """Lit while the process lives and its session lasts."""

    def __init__(
        self,
        current_url: Callable[[], str],
        owner: str,
        *,
        application_name: str,
        channel: str,
        pooler: Pooler = "auto",
    ) -> None:
        self.on_hint: Callable[[], None] = _ignore
        self._current_url = current_url
        self._application_name = application_name
        self._owner = owner
        self._key = 0
        self._sessions = 0
        self._channel = channel
        self._session: Session | None = None
        self._is_possible = pooler != "transaction"
        self._try_from_s = 0.0

    async def lit(self) -> int | None:
        """Return its key, lighting it if necessary; None if that is impossible, now or at all."""
        if self._session is not None and not self._session.is_closed():
            return self._key
        if not self._is_possible or time.monotonic() < self._try_from_s:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                self._session = await self._light()
        except (StoreError, TimeoutError):
            self._try_from_s = time.monotonic() + TRY_AGAIN_S
            return None
        self._is_possible = self._session is not None
        return self._key if self._is_possible else None

    async def put_out(self) -> None:
        """End the session, and so the lock."""
        session, self._session = self._session, None
        self._is_possible = False
        if session is not None:
            with suppress(StoreError), translated():
                await session.close(timeout=ANSWER_S)

    async def _light(self) -> "Session | None":
        session = await open_session(self._current_url(), application_name=self._application_name)
        try:
            with translated():
                self._key = self._next_key()
                if await is_pooled(session):
                    session.terminate()
                    return None
                await session.execute(f"SELECT pg_advisory_lock({self._key})", timeout=ANSWER_S)
                await session.add_listener(self._channel, self._heard)
                session.add_termination_listener(self._heard)
        except BaseException:
            session.terminate()
            raise
        return session

    def _next_key(self) -> int:
        # a new key for each session: the server may not know yet that the last one has ended
        self._sessions += 1
        name = f"{self._owner} {self._sessions}"
        return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)

    def _heard(self, *_: Any) -> None:  # noqa: ANN401 - what asyncpg tells a listener
        self.on_hint()


def _ignore() -> None:
    """Do nothing, by default."""
