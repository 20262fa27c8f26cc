"""The injectors: each kind of fault from its begin to its end, with a note of what it may cost."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast
from uuid import UUID

from consumer.pipeline.partitions.share import PARTITION_LEASE_S
from repository.partition_leases import Member
from tests.chaos import llm_faults
from tests.chaos.fleet import Consumer, kept_running
from tests.chaos.lost_answers import MARKERS
from tests.chaos.observations import Disruption, FaultSpan
from tests.chaos.observers import SERVER_AWAY, Reader, Rows, called_overlays
from tests.chaos.schedule import LANES, LEASE_S, Fault, FaultKind, LlmFault
from tests.chaos.servers import Servers
from tests.chaos.tcp_proxy import TcpProxy

STILL_S = 0.2  # for statements under way when a process is stopped
LEASES_LOST_AFTER_S = LEASE_S / 3  # leases are extended this often, and the next time may be this far off
SETTLING_S = PARTITION_LEASE_S + 2  # until the others have got over a frozen process
STORM_PAUSE_S = 0.4
STORM_LEASE_S = 1.0  # should it be cut off before it can leave
ASK_PAUSE_S = 0.2


class Injectors:
    """Makes faults happen to the parts of one run; `disruptions` and `spans` tell of those that happened."""

    def __init__(
        self,
        servers: Servers,
        consumers: list[Consumer],
        proxies: list[TcpProxy],
        rows: Rows,
        *,
        max_in_flight: int,
        replayer: Callable[[], Consumer],
        group_id: str,
    ) -> None:
        self.disruptions: list[Disruption] = []
        self.spans: list[FaultSpan] = []
        self.deleted: dict[int, int] = {}
        self._servers = servers
        self._consumers = consumers
        self._proxies = proxies
        self._rows = rows
        self._max_in_flight = max_in_flight
        self._replayer = replayer
        self._group_id = group_id
        self._injectors: Mapping[FaultKind, Callable[[Fault], Awaitable[None]]] = {
            **dict.fromkeys(LANES["llm"], self._spoil_llm),
            "kill_consumer": self._kill_consumer,
            "kill_storm": self._kill_storm,
            "freeze_consumer": self._freeze_consumer,
            "stop_consumer": self._stop_consumer,
            "rebalance_storm": self._rebalance_storm,
            "replay": self._replay,
            "kill_broker": self._kill_broker,
            "crash_postgres": self._crash_postgres,
            "refuse_connections": self._refuse_connections,
            "freeze_connections": self._freeze_connections,
            "cut_connections": self._cut_connections,
            "lose_answer": self._lose_answer,
            "lock_rows": self._lock_rows,
            "delete_unread": self._delete_unread,
        }

    async def inject(self, fault: Fault) -> None:
        """Have the fault happen, and wait for its end."""
        begin_s = time.time()
        try:
            await self._injectors[fault.kind](fault)
        finally:
            self.spans.append(FaultSpan(fault.kind, begin_s, time.time() + SETTLING_S))

    async def _kill_consumer(self, fault: Fault) -> None:
        consumer = self._consumers[fault.target]
        # stopped first, so that nothing moves between the count and the end
        consumer.send_signal(signal.SIGSTOP)
        await self._note_called(fault, consumer.owner)
        await consumer.end(signal.SIGKILL)
        await asyncio.sleep(fault.duration_s)
        consumer.want()

    async def _kill_storm(self, fault: Fault) -> None:
        """One after the other, each started again at once."""
        for number in range(len(self._consumers)):
            target = (fault.target + number) % len(self._consumers)
            await self._kill_consumer(replace(fault, target=target, duration_s=0.0))
            await asyncio.sleep(fault.duration_s)

    async def _freeze_consumer(self, fault: Fault) -> None:
        consumer = self._consumers[fault.target]
        consumer.send_signal(signal.SIGSTOP)
        try:
            # all that it held: a call whose time began before the stop may go out only after it, and end at once
            await self._note(fault, consumer.owner)
            await asyncio.sleep(fault.duration_s)
        finally:
            consumer.send_signal(signal.SIGCONT)

    async def _stop_consumer(self, fault: Fault) -> None:
        consumer = self._consumers[fault.target]
        owner = consumer.owner
        code = await consumer.end(signal.SIGTERM)
        if owner:  # else the signal came before the program could listen to it
            consumer.ends_here(code, owed=0)
        # what it could neither finish nor release was cut off from the database
        await self._note(fault, owner, patience_s=SETTLING_S)
        await asyncio.sleep(fault.duration_s)
        consumer.want()

    async def _rebalance_storm(self, fault: Fault) -> None:
        async with asyncio.TaskGroup() as members:
            for number in range(2):
                members.create_task(self._come_and_go(f"idle-{number}", time.monotonic() + fault.duration_s))

    async def _come_and_go(self, name: str, until_s: float) -> None:
        """As a process that is given partitions, does nothing with them and leaves, again and again."""
        member = Member(self._group_id, self._servers.topics.incoming, name)
        while time.monotonic() < until_s:
            with suppress(*SERVER_AWAY):
                await self._rows.join(member, lease_s=STORM_LEASE_S)
                await asyncio.sleep(STORM_PAUSE_S)
                await self._rows.leave(member)
            await asyncio.sleep(STORM_PAUSE_S)

    async def _replay(self, fault: Fault) -> None:
        replayer = self._replayer()
        async with kept_running([replayer]):
            with suppress(AssertionError):  # its start may meet a server that is away
                await replayer.until_started()
            await asyncio.sleep(fault.duration_s)
            owner = replayer.owner
            code = await replayer.end(signal.SIGTERM)
            if owner:
                replayer.ends_here(code, owed=0)
            await self._note(fault, owner, patience_s=SETTLING_S)
        await self._adopt(replayer.group_id)

    async def _adopt(self, group_id: str) -> None:
        """As an operator does when a group has ended for good: what it left is the others'."""
        while True:
            with suppress(*SERVER_AWAY):
                await self._rows.adopt(group_id, self._group_id)
                return
            await asyncio.sleep(ASK_PAUSE_S)

    async def _kill_broker(self, fault: Fault) -> None:
        self._servers.kafka.kill()
        await asyncio.sleep(fault.duration_s)
        await self._servers.kafka.start()

    async def _crash_postgres(self, fault: Fault) -> None:
        self._servers.postgres.kill()
        await asyncio.sleep(fault.duration_s)
        await self._servers.postgres.start()

    async def _refuse_connections(self, fault: Fault) -> None:
        proxy = self._proxies[fault.target]
        await self._note_cut(fault)
        await proxy.refuse()
        await asyncio.sleep(fault.duration_s)
        await proxy.accept()

    async def _freeze_connections(self, fault: Fault) -> None:
        proxy = self._proxies[fault.target]
        proxy.freeze()
        await self._note_cut(fault)
        await asyncio.sleep(fault.duration_s)
        proxy.thaw()

    async def _cut_connections(self, fault: Fault) -> None:
        self._proxies[fault.target].cut()
        await asyncio.sleep(fault.duration_s)

    async def _lose_answer(self, fault: Fault) -> None:
        for proxy in self._proxies:
            proxy.lose_answers_to(MARKERS[fault.statement])
        await asyncio.sleep(fault.duration_s)
        for proxy in self._proxies:
            proxy.lose_answers_to(None)

    async def _lock_rows(self, fault: Fault) -> None:
        """Somebody's transaction holds requests in flight, and the job of one, and does not end for a while."""
        with suppress(*SERVER_AWAY):
            await self._rows.hold_locks(fault.duration_s)

    async def _delete_unread(self, fault: Fault) -> None:
        """As retention does behind a consumer that is far behind: all of a partition goes, read or not."""
        with suppress(*SERVER_AWAY):
            self.deleted[fault.target] = await Reader(self._servers).delete_all(fault.target)
        await asyncio.sleep(fault.duration_s)

    async def _spoil_llm(self, fault: Fault) -> None:
        await llm_faults.begin(self._servers.llm, cast("LlmFault", fault.kind))
        await asyncio.sleep(fault.duration_s)
        await llm_faults.end(self._servers.llm)

    async def _note_cut(self, fault: Fault) -> None:
        if fault.duration_s > LEASES_LOST_AFTER_S:
            # what it holds it goes on calling for, while its leases run out
            await self._note(fault, self._consumers[fault.target].owner)

    async def _note_called(self, fault: Fault, owner: str | None) -> None:
        """Note which of the requests that a stopped process holds have a call."""
        await asyncio.sleep(STILL_S)
        await self._note(fault, owner, among=await called_overlays(self._servers.llm))

    async def _note(
        self, fault: Fault, owner: str | None, *, among: frozenset[UUID] | None = None, patience_s: float = 0.0
    ) -> None:
        if owner is None:
            return
        give_up_at = time.monotonic() + patience_s
        while True:
            try:
                held = await self._rows.held_by(owner)
            except SERVER_AWAY:
                if time.monotonic() > give_up_at:
                    self.disruptions.append(Disruption(fault.kind, frozenset(), unknown=self._max_in_flight))
                    return
                await asyncio.sleep(ASK_PAUSE_S)
            else:
                self.disruptions.append(Disruption(fault.kind, held if among is None else held & among))
                return
