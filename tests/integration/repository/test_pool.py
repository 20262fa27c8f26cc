"""Connections lost at the worst moment, by way of a proxy that cuts them."""

import asyncio
import gc
from urllib.parse import urlsplit

import pytest

from consumer.shutdown import until_ended
from repository.errors import StoreUnavailable, WrongDatabaseUrl
from repository.pool import connection, open_pool, transaction
from tests.chaos.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.waiting import eventually


def through(proxy: TcpProxy, url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}").geturl()


async def test_a_connection_lost_after_the_answer_does_not_undo_what_was_answered(module_database_url: str) -> None:
    async with tcp_proxy(urlsplit(module_database_url).port or 5432) as proxy:
        pool = await open_pool(through(proxy, module_database_url), size=2, application_name="tests")
        async with connection(pool) as borrowed:
            answer = await borrowed.fetchval("SELECT 1")
            proxy.cut()
        assert answer == 1
        pool.terminate()


async def test_a_lost_connection_is_replaced(module_database_url: str) -> None:
    async with tcp_proxy(urlsplit(module_database_url).port or 5432) as proxy:
        pool = await open_pool(through(proxy, module_database_url), size=2, application_name="tests")
        proxy.cut()

        async def answered() -> bool:
            try:
                async with connection(pool) as borrowed:
                    return bool(await borrowed.fetchval("SELECT true"))
            except StoreUnavailable:
                return False

        await eventually(answered)
        pool.terminate()


async def test_who_is_cancelled_while_the_database_is_frozen_leaves_no_task_without_an_owner(
    module_database_url: str,
) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))
    async with tcp_proxy(urlsplit(module_database_url).port or 5432) as proxy:
        pool = await open_pool(through(proxy, module_database_url), size=1, application_name="tests")

        async def ask() -> None:
            async with connection(pool) as borrowed:
                await borrowed.fetchval("SELECT pg_sleep(60)")

        asking = asyncio.create_task(ask())
        await eventually(lambda: pool.get_idle_size() == 0)
        proxy.freeze()
        await until_ended([asking])

        async def none_is_left() -> bool:
            return not [task for task in asyncio.all_tasks() if "release" in repr(task)]

        await eventually(none_is_left, 20)
        gc.collect()
        pool.terminate()
    loop.set_exception_handler(None)
    assert [one for one in told if "never retrieved" in one] == []


async def test_a_resolver_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    with pytest.raises(StoreUnavailable, match="nobody resolves the name"):
        await open_pool("postgresql://db.example.test/feeds?connect_timeout=2", size=1, application_name="tests")


async def test_a_host_that_is_not_known_is_named() -> None:
    with pytest.raises(StoreUnavailable, match=r"nobody resolves the name db\.invalid"):
        await open_pool("postgresql://db.invalid/feeds", size=1, application_name="tests")


async def test_options_that_are_another_servers_are_named(module_database_url: str) -> None:
    with pytest.raises(WrongDatabaseUrl, match="has the parameter options, which the server refuses"):
        await open_pool(f"{module_database_url}?options=endpoint%3Dep-1", size=1, application_name="tests")


async def test_how_long_a_transaction_may_be_idle_is_for_the_url_to_say(module_database_url: str) -> None:
    url = f"{module_database_url}?idle_in_transaction_session_timeout=77s"
    pool = await open_pool(url, size=1, application_name="tests")
    async with connection(pool) as borrowed, transaction(borrowed):
        assert await borrowed.fetchval("SHOW idle_in_transaction_session_timeout") == "77s"
    pool.terminate()


async def test_a_statement_whose_answer_is_lost_is_executed_and_told_as_unavailable(module_database_url: str) -> None:
    async with tcp_proxy(urlsplit(module_database_url).port or 5432) as proxy:
        pool = await open_pool(through(proxy, module_database_url), size=2, application_name="tests")
        proxy.lose_answers_to("INSERT INTO jobs")
        with pytest.raises(StoreUnavailable):
            async with connection(pool) as borrowed:
                await borrowed.execute("INSERT INTO jobs (job_id) SELECT gen_random_uuid() WHERE $1 > 0", 1)
        proxy.lose_answers_to(None)
        async with connection(pool) as borrowed:
            assert await borrowed.fetchval("DELETE FROM jobs RETURNING true")
        assert proxy.answers_lost == 1
        pool.terminate()
