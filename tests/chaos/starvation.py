"""Whether a tenant was starved: its requests take longer, as a rule, than everybody's. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from tests.chaos.observations import RequestRow

LONGER_S = 5.0
FEW = 10
"""Of fewer requests the median says little: each may have met a fault."""


def times_s(requests: Sequence[RequestRow]) -> dict[str, list[float]]:
    """How long each tenant's requests took from the ledger to their end, in s."""
    times: dict[str, list[float]] = defaultdict(list)
    for request in requests:
        if request.finished_at_s is not None:
            times[request.tenant_id].append(request.finished_at_s - request.created_at_s)
    return times


def starved(requests: Sequence[RequestRow]) -> Iterator[str]:
    """Faults hit all tenants alike, so each is compared with all."""
    times = times_s(requests)
    everybodys = [time_s for of_one in times.values() for time_s in of_one]
    for tenant_id, of_one in times.items():
        if len(of_one) >= FEW and median(of_one) > median(everybodys) + LONGER_S:
            yield (
                f"{tenant_id} waited {median(of_one):.1f} s for the end of a request at the median, "
                f"all together {median(everybodys):.1f} s"
            )
