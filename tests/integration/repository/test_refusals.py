"""A refusal names columns also where the server names a constraint or a type only."""

import pytest

from devstack.endpoints import Endpoints
from repository.errors import RefusedData
from repository.pool import connection, open_pool
from repository.refusals import refused_columns
from tests.support.databases import fresh_database

INSERT = """
    INSERT INTO instagram_feeds (tenant_id, refined_ad_copy_eng, tone_style, product_description,
        store_information, gpt_prompt, instagram_ad_copy, hashtags)
    VALUES ('t', 'a', 'b', 'c', 'd', 'e', 'f', '#more than there is room for')
"""


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("ALTER TABLE instagram_feeds ALTER hashtags TYPE VARCHAR(7)", ["instagram_feeds.hashtags"]),
        (
            "ALTER TABLE instagram_feeds ADD CHECK (length(tenant_id || hashtags) < 9)",
            ["instagram_feeds.tenant_id", "instagram_feeds.hashtags"],
        ),
    ],
)
async def test_the_columns_are_found(stack: Endpoints, migrated_template: str, change: str, columns: list[str]) -> None:
    async with fresh_database(stack.database_url, template=migrated_template) as url:
        pool = await open_pool(url, size=1, application_name="tests")
        await pool.execute("DROP VIEW current_instagram_feeds CASCADE")
        await pool.execute(change)
        with pytest.raises(RefusedData) as caught:
            async with connection(pool) as borrowed:
                await borrowed.execute(INSERT)
        async with connection(pool) as borrowed:
            assert await refused_columns(borrowed, caught.value) == columns
        pool.terminate()
