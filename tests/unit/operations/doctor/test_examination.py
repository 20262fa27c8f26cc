import asyncio

from consumer.operations.doctor.examination import DEADLINE_S, all_of
from consumer.operations.doctor.finding import Examination, Finding
from tests.support.virtual_time import in_virtual_time

CHECKS = ("first", "second", "third")


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.status for finding in findings}


@in_virtual_time
async def test_what_comes_after_a_failure_is_skipped_and_says_what_it_needs() -> None:
    async def examination() -> Examination:
        yield Finding("first", "failed", "away")

    findings = await all_of(CHECKS, examination())

    assert statuses(findings) == {"first": "failed", "second": "skipped", "third": "skipped"}
    assert findings[-1].detail == "needs: first"


@in_virtual_time
async def test_a_server_that_never_answers_fails_its_check_at_the_deadline() -> None:
    async def examination() -> Examination:
        yield Finding("first", "ok", "answers")
        await asyncio.Event().wait()
        yield Finding("second", "ok", "never said")

    findings = await all_of(CHECKS, examination())

    assert statuses(findings) == {"first": "ok", "second": "failed", "third": "skipped"}
    assert asyncio.get_running_loop().time() == DEADLINE_S


@in_virtual_time
async def test_without_valid_settings_nothing_is_tried() -> None:
    assert statuses(await all_of(CHECKS, None)) == dict.fromkeys(CHECKS, "skipped")
