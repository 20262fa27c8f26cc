"""What a consumer knows of its tenants: read once for many, again when it may have changed."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from consumer.pipeline.tenants.fair_shares import Terms
from consumer.pipeline.tenants.known_tenants import AGAIN_S, MOST_TENANTS, POSTS_S, PROFILE_S, Tenants
from consumer.post.quality.likeness import fingerprint
from repository.errors import StoreError
from repository.llm_models import LlmModel
from repository.pool import Pool, open_pool
from schemas.overlay_completed import OverlayCompleted
from tests.support.examples import overlay_completed
from tests.support.ledger import store_feeds

SET = """
    INSERT INTO tenants (tenant_id, disclosure, sector) VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id) DO UPDATE SET disclosure = excluded.disclosure, sector = excluded.sector
"""
CAPTION = "성수동 골목에 가을이 먼저 왔어요. 오늘 구운 빵을 들고 창가에 앉아 보세요."


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenants(pool: Pool, clock: Clock) -> Tenants:
    return Tenants(pool, compares_posts=True, clock=clock)


def event(tenant_id: str, overlay_id: UUID | None = None) -> OverlayCompleted:
    return overlay_completed(tenant_id=tenant_id, overlay_id=str(overlay_id or uuid4()))


async def test_a_tenant_without_a_row_has_the_defaults(tenants: Tenants) -> None:
    await tenants.know(["nobody"])
    context = tenants.context(event("nobody"))
    assert (context.sector, context.disclosure) == ("none", "")


async def test_what_an_operator_changes_counts_within_a_minute(pool: Pool, tenants: Tenants, clock: Clock) -> None:
    tenant_id = f"tenant-{uuid4()}"
    await tenants.know([tenant_id])
    await pool.execute(SET, tenant_id, "#광고", "food")
    await tenants.know([tenant_id])
    assert tenants.context(event(tenant_id)).disclosure == ""

    clock.now += PROFILE_S
    await tenants.know([tenant_id])
    context = tenants.context(event(tenant_id))
    assert (context.sector, context.disclosure) == ("food", "#광고")
    assert PROFILE_S < 60


async def test_a_limit_holds_however_many_others_wait_until_it_is_taken_back(
    pool: Pool, tenants: Tenants, clock: Clock
) -> None:
    tenant_id = f"tenant-{uuid4()}"
    await pool.execute("INSERT INTO tenants (tenant_id, weight, max_in_flight) VALUES ($1, 3, 2)", tenant_id)
    await tenants.know_profiles([tenant_id, *(f"other-{number}" for number in range(MOST_TENANTS))])
    await tenants.know(["other-1"])
    assert not tenants.knows(tenant_id)
    assert tenants.terms_of(tenant_id) == Terms(3.0, 2)

    clock.now += PROFILE_S
    await pool.execute("UPDATE tenants SET weight = 1, max_in_flight = NULL WHERE tenant_id = $1", tenant_id)
    await tenants.know_profiles([tenant_id])
    assert tenants.terms_of(tenant_id) == Terms()


async def test_posts_are_compared_with_stored_ones_of_the_tenant_and_no_others(
    pool: Pool, model: LlmModel, tenants: Tenants
) -> None:
    tenant_id, other = f"tenant-{uuid4()}", f"tenant-{uuid4()}"
    await store_feeds(pool, model, tenant_id=tenant_id, instagram_ad_copy=CAPTION)
    await tenants.know([tenant_id, other])
    assert likenesses(tenants, tenant_id) == ["text", "first line"]
    assert likenesses(tenants, other) == []


async def test_a_post_of_this_process_counts_at_once_and_those_of_others_later(
    pool: Pool, model: LlmModel, tenants: Tenants, clock: Clock
) -> None:
    mine, theirs = f"tenant-{uuid4()}", f"tenant-{uuid4()}"
    await tenants.know([mine, theirs])
    tenants.remember(event(mine), fingerprint(CAPTION, "#가을", ""))
    await store_feeds(pool, model, tenant_id=theirs, instagram_ad_copy=CAPTION)
    await tenants.know([mine, theirs])
    assert (likenesses(tenants, mine), likenesses(tenants, theirs)) == (["text", "first line"], [])

    clock.now += POSTS_S
    await tenants.know([theirs])
    assert likenesses(tenants, theirs) == ["text", "first line"]


async def test_a_new_revision_may_be_like_the_old_one(tenants: Tenants) -> None:
    tenant_id, overlay_id = f"tenant-{uuid4()}", uuid4()
    await tenants.know([tenant_id])
    tenants.remember(event(tenant_id, overlay_id), fingerprint(CAPTION, "#가을", ""))
    assert likenesses(tenants, tenant_id, overlay_id) == []
    assert likenesses(tenants, tenant_id) == ["text", "first line"]


async def test_what_was_known_stays_known_while_the_database_is_away(
    pool: Pool, module_database_url: str, clock: Clock
) -> None:
    short_lived = await open_pool(module_database_url, size=2, application_name="tests")
    tenants, tenant_id = Tenants(short_lived, compares_posts=True, clock=clock), f"tenant-{uuid4()}"
    await pool.execute(SET, tenant_id, "#광고", "none")
    await tenants.know([tenant_id])
    clock.now += POSTS_S
    await short_lived.close()
    with pytest.raises(StoreError):
        await tenants.know([tenant_id, "new"])
    assert tenants.context(event(tenant_id)).disclosure == "#광고"
    assert (tenants.knows(tenant_id), tenants.knows("new")) == (True, False)


@pytest.mark.parametrize(
    ("column", "value"),
    [("disclosure", " "), ("disclosure", "a\nb"), ("disclosure", "가" * 201), ("sector", "toys"), ("weight", 0.0)],
)
async def test_the_table_takes_no_value_that_no_post_could_use(pool: Pool, column: str, value: object) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=column):
        await pool.execute(f"INSERT INTO tenants (tenant_id, {column}) VALUES ('x', $1)", value)


def likenesses(tenants: Tenants, tenant_id: str, overlay_id: UUID | None = None) -> list[str]:
    one = event(tenant_id, overlay_id)
    context = tenants.context(one)
    assert context.recent is not None
    found = context.recent.likenesses(fingerprint(CAPTION, "#가을", one.store_information.lower()), one.overlay_id)
    return [likeness.partition(":")[0] for likeness in found]


async def test_while_somebody_has_the_table_locked_known_tenants_are_as_they_were_read_last(
    pool: Pool, tenants: Tenants, clock: Clock
) -> None:
    tenant_id = f"tenant-{uuid4()}"
    await pool.execute(SET, tenant_id, "#광고", "none")
    await tenants.know([tenant_id])
    clock.now += PROFILE_S
    async with pool.acquire() as somebody, somebody.transaction():
        await somebody.execute("LOCK TABLE tenants")
        async with asyncio.timeout(5):
            await tenants.know_profiles([tenant_id])
            await tenants.know_profiles([tenant_id])
        assert tenants.context(event(tenant_id)).disclosure == "#광고"
        await somebody.execute("UPDATE tenants SET disclosure = '#AD' WHERE tenant_id = $1", tenant_id)
    clock.now += AGAIN_S
    await tenants.know_profiles([tenant_id])
    assert tenants.context(event(tenant_id)).disclosure == "#AD"


@pytest.mark.parametrize("weight", ["NaN", "Infinity"])
async def test_a_weight_that_would_take_the_others_turn_counts_as_the_usual_one(
    pool: Pool, tenants: Tenants, weight: str
) -> None:
    tenant_id = f"tenant-{uuid4()}"
    await pool.execute("INSERT INTO tenants (tenant_id, weight) VALUES ($1, $2::text::float8)", tenant_id, weight)
    await tenants.know([tenant_id])
    assert tenants.terms_of(tenant_id) == Terms()
