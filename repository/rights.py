"""Least rights by table: what the service needs, and what is optional.

A test compares them with the program's statements and the existing tables.
"""

from collections.abc import Mapping
from typing import Final

Rights = Mapping[str, tuple[str, ...]]

READ: Final = ("SELECT",)
ADD: Final = ("SELECT", "INSERT")
CHANGE: Final = ("SELECT", "INSERT", "UPDATE")
ALL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

SERVICE: Final[Rights] = {
    "budget_slices": ALL,
    "budget_spending": CHANGE,
    "budget_unsettled_calls": ALL,
    "budgets": ("SELECT", "UPDATE"),  # the latter for FOR SHARE alone
    "experiment_tenants": READ,
    "experiment_variants": READ,
    "experiments": READ,
    "feed_ignored_events": CHANGE,
    "feed_outcomes": ADD,
    "feed_requests": CHANGE,
    "instagram_feed_migrations": READ,
    "instagram_feeds": ADD,
    "intake_gaps": CHANGE,
    "intake_members": ALL,
    "jobs": READ,
    "llm_batch_limits": CHANGE,
    "llm_batch_lines": CHANGE,
    "llm_batches": CHANGE,
    "llm_calls": ("SELECT", "INSERT", "DELETE"),
    "llm_models": READ,
    "outbox_events": ALL,
    "overlay_layouts": READ,
    "partition_leases": CHANGE,
    "prompts": READ,
    "running_experiment_tenants": READ,
    "tenants": READ,
}
"""Without these `run` refuses to start."""

UPSTREAM_ROWS: Final[Rights] = {"jobs": ("INSERT",), "overlay_layouts": ("INSERT",)}
"""For REFERENCE_ROWS=ensure; without them requests wait for upstream's rows."""

REPLAYS: Final[Rights] = {"replays": ADD, "replay_partitions": CHANGE, "replay_republished": ADD}
"""Additional rights for `replay`."""

READABLE: Final = (*SERVICE, *REPLAYS, "current_instagram_feeds")
"""What reports read."""

OF_TENANTS: Final = ("feed_requests", "instagram_feeds")
"""Tables whose rows belong to one tenant each, and can be limited to it."""
