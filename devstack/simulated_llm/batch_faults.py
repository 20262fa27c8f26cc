"""What can go wrong with a whole batch; what can with a call happens to its lines by the rules for calls."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from devstack.simulated_llm.fault_rule import Rule, Seconds

CreateFaultKind = Literal["batch_create_late", "batch_create_reset", "batch_create_twice", "batch_drops_metadata"]
EndFaultKind = Literal[
    "batch_invalid_lines",
    "batch_token_limit_exceeded",
    "batch_expired",
    "batch_cancelled",
    "batch_lines_fail",
    "batch_without_files",
]
ResultFaultKind = Literal[
    "batch_lost_lines",
    "batch_unknown_custom_ids",
    "batch_repeated_custom_ids",
    "batch_swapped_results",
]
DownloadFaultKind = Literal["batch_truncated_output"]
BatchFaultKind = CreateFaultKind | EndFaultKind | ResultFaultKind | DownloadFaultKind


class BatchFault(Rule):
    """One kind of them. A batch's request id is the value of its metadata, its text the name of its input file.

    ``lines``: how many lines it happens to. ``done``: the share that is answered when the batch expires or is
    cancelled. ``after_s``: how late its creation is answered. ``status``: what each line is answered with.
    """

    kind: BatchFaultKind
    lines: PositiveInt = 1
    done: Annotated[float, Field(ge=0, le=1)] = 0.6
    after_s: Seconds = 1.0
    status: Annotated[int, Field(ge=400, le=599)] = 500
