"""A batch on its way: validated, answered line by line, finalized; cancelled, expired or failed on the way."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http import HTTPStatus
from itertools import islice
from typing import Literal

from pydantic_core import to_json

from devstack.simulated_llm.account import Account
from devstack.simulated_llm.batch_faults import BatchFault, BatchFaultKind
from devstack.simulated_llm.batch_jobs import BatchJob, BatchStatus
from devstack.simulated_llm.batch_lines import (
    InputLine,
    LineAnswer,
    answer_line,
    failing_line,
    line_error,
    read_input,
    unanswered_line,
)
from devstack.simulated_llm.batch_results import spoiled_results
from devstack.simulated_llm.chat_request import parse_chat_request
from devstack.simulated_llm.faults import CallIdentity
from devstack.simulated_llm.openai_errors import ApiError

_CHUNK = 100  # lines answered before others have their turn
_UNANSWERED: dict[str, tuple[str, str]] = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}
_END_KINDS = {
    "batch_invalid_lines",
    "batch_token_limit_exceeded",
    "batch_expired",
    "batch_cancelled",
    "batch_lines_fail",
    "batch_without_files",
}
_RESULT_KINDS = {
    "batch_lost_lines", "batch_unknown_custom_ids", "batch_repeated_custom_ids", "batch_swapped_results",
}  # fmt: skip


async def process(account: Account, job: BatchJob, content: bytes, file_name: str) -> None:
    """Take a batch from its creation to its end."""
    await Processing(account, job, file_name).run(content)


class Processing:
    """One batch being processed; its faults are drawn once."""

    def __init__(self, account: Account, job: BatchJob, file_name: str) -> None:
        self._account = account
        self._job = job
        self._identity = batch_identity(job)
        results = account.faults.of_batch(account.seed, self._identity, file_name, _RESULT_KINDS)
        # a batch ends in one way: the rules that come later are left for other batches
        ends = islice(account.faults.of_batch(account.seed, self._identity, file_name, _END_KINDS), 1)
        self._faults: dict[BatchFaultKind, BatchFault] = {fault.kind: fault for fault in (*results, *ends)}

    async def run(self, content: bytes) -> None:
        """Go through all stages."""
        await self._pause(self._account.batch_pace.validating_s)
        lines, model_name, errors = read_input(content)
        job, account = self._job, self._account
        job.model, job.total = model_name, len(lines)
        if errors := self._problems(lines, errors):
            job.errors, job.total = errors, 0
            job.reach("failed")
            return
        job.reach("in_progress")
        answers, end = await self._answer(lines)
        job.reach("finalizing")
        # counters are done before the files are there
        await self._pause(account.batch_pace.finalizing_s)
        self._write(answers, lines[len(answers) :], end)
        job.reach(end)

    def _problems(self, lines: Sequence[InputLine], errors: list[dict[str, object]]) -> list[dict[str, object]]:
        if fault := self._faults.get("batch_invalid_lines"):
            text = "This line is not parseable as valid JSON."
            return [line_error("invalid_json_line", text, number) for number in range(1, fault.lines + 1)]
        model = self._account.models.find(self._job.model or "")
        if model is None and not errors:
            text = f"The provided model '{self._job.model}' is not supported by the Batch API."
            return [line_error("model_not_found", text, None)]
        limit = self._account.limiter.limits.enqueued_tokens
        tokens = sum(map(_prompt_tokens, lines))
        full = self._account.batches.enqueued_tokens(self._job.model or "") + tokens > limit
        if full or "batch_token_limit_exceeded" in self._faults:
            text = (
                f"Enqueued token limit reached for {self._job.model} in organization org-simulated. "
                f"Limit: {limit:,} enqueued tokens. Please try again once some in_progress batches have been completed."
            )
            return [line_error("token_limit_exceeded", text, None)]
        self._job.enqueued_tokens = tokens
        return errors

    async def _answer(self, lines: Sequence[InputLine]) -> tuple[list[LineAnswer], BatchStatus]:
        model = self._account.models.find(self._job.model or "")
        if model is None:
            raise LookupError("a validated batch has a model")
        answers: list[LineAnswer] = []
        for number, line in enumerate(lines):
            if number % _CHUNK == 0:
                await self._pause(self._account.batch_pace.in_progress_s * min(_CHUNK, len(lines)) / len(lines))
            if end := self._end(number / len(lines)):
                return answers, end
            if fault := self._faults.get("batch_lines_fail"):
                answers.append(failing_line(line, fault.status))
            else:
                answers.append(answer_line(self._account, self._job.batch_id, model, line))
            self._job.failed += answers[-1].is_error
            self._job.completed += not answers[-1].is_error
        return answers, "completed"

    def _end(self, done: float) -> Literal["expired", "cancelled"] | None:
        """Return how it ends now, if it does."""
        job = self._job
        if job.cancel_at_s is not None and time.monotonic() >= job.cancel_at_s:
            return "cancelled"
        if time.time() > job.created_at + job.expires_s:
            return "expired"
        if (fault := self._faults.get("batch_expired")) and done >= fault.done:
            return "expired"
        if (fault := self._faults.get("batch_cancelled")) and done >= fault.done:
            return "cancelled"
        return None

    async def _pause(self, seconds: float) -> None:
        """Wait; a batch that is cancelled meanwhile waits no longer than its cancelling takes."""
        until = time.monotonic() + seconds
        await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._job.cancelled.wait()
        if self._job.cancel_at_s is not None:
            await asyncio.sleep(max(0.0, min(until, self._job.cancel_at_s) - time.monotonic()))

    def _write(self, answers: Sequence[LineAnswer], rest: Sequence[InputLine], end: BatchStatus) -> None:
        job = self._job
        if end in _UNANSWERED:
            answers = [*answers, *(unanswered_line(line, *_UNANSWERED[end]) for line in rest)]
        if "batch_without_files" in self._faults:
            job.absent_file_id = "" if self._identity.draw(self._account.seed, "absent") < 1 / 2 else None
            return
        job.absent_file_id = "" if self._faults else None
        output = spoiled_results([one.line for one in answers if not one.is_error], self._faults)
        job.output_file_id = self._file(output, "output")
        job.error_file_id = self._file([one.line for one in answers if one.is_error], "error")

    def _file(self, lines: Sequence[dict[str, object]], what: str) -> str | None:
        if not lines:
            return None
        name = f"{self._job.batch_id}_{what}.jsonl"
        return self._account.files.add(name, "batch_output", b"".join(_encoded(lines))).file_id


def batch_identity(job: BatchJob) -> CallIdentity:
    """Return what a batch is told apart by: the value of its metadata, or its input file."""
    return CallIdentity(next(iter((job.metadata or {}).values()), job.input_file_id), 1, None)


def _encoded(lines: Sequence[dict[str, object]]) -> Iterator[bytes]:
    for line in lines:
        yield to_json(line)
        yield b"\n"


def _prompt_tokens(line: InputLine) -> int:
    try:
        return parse_chat_request(line.body).prompt_tokens
    except ApiError as error:
        if error.status != HTTPStatus.BAD_REQUEST:
            raise
        return 0
