"""Connections lost at the worst moment, by way of a proxy that cuts them."""

from urllib.parse import urlsplit

import pytest

from repository.errors import StoreUnavailable
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
