"""Results that come back otherwise than they should: lost, twice, under a wrong or an unknown key."""

from collections.abc import Mapping, Sequence

from devstack.simulated_llm.batch_faults import BatchFault, BatchFaultKind
from devstack.simulated_llm.completion import JsonObject


def spoiled_results(lines: Sequence[JsonObject], faults: Mapping[BatchFaultKind, BatchFault]) -> list[JsonObject]:
    """Return the lines of an output file as these faults leave them; they come in no order anyway."""
    spoiled = list(reversed(lines))
    if fault := faults.get("batch_swapped_results"):
        for first in range(0, min(2 * fault.lines, len(spoiled) - 1), 2):
            one, other = spoiled[first], spoiled[first + 1]
            spoiled[first] = one | {"custom_id": other["custom_id"]}
            spoiled[first + 1] = other | {"custom_id": one["custom_id"]}
    if fault := faults.get("batch_repeated_custom_ids"):
        spoiled.extend(spoiled[: fault.lines])
    if fault := faults.get("batch_unknown_custom_ids"):
        unknown = (one | {"custom_id": f"unknown-{number}"} for number, one in enumerate(spoiled[: fault.lines]))
        spoiled.extend(unknown)
    if fault := faults.get("batch_lost_lines"):
        spoiled = spoiled[fault.lines :]
    return spoiled
