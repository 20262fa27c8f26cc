"""The least rights by table: what the service needs, and what it may lack.

A test compares them with what the program's statements do, and with the tables that there are.
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
"""What `replay` needs beside those of the service."""

READABLE: Final = (*SERVICE, *REPLAYS, "current_instagram_feeds")
"""What reports are made of."""

OF_TENANTS: Final = ("feed_requests", "instagram_feeds")
"""Whose rows are each one tenant's, and can be shown to that one alone."""
