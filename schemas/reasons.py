"""Reason codes: why a request, a record or a call has not led to a post. A public contract.

They appear in `instagram_feed.failed`, the header `dlq_reason`, `feed_requests.last_error_reason` and logs. Codes are
added, but never renamed or given another meaning.
"""

from enum import StrEnum


class Reason(StrEnum):
    """All reason codes. Only those marked as final occur in failed events and dead letters."""

    INVALID_EVENT = "invalid_event"
    """Final, unpaid: the record is not a valid `overlay.completed` (or outcome); the detail names the fields."""

    UNKNOWN_POST = "unknown_post"
    """Final: an `instagram_feed.outcome` about a post that is not stored (yet)."""

    MISSING_REFERENCE = "missing_reference"
    """Waits, then final: upstream has not committed the row of the overlay or its job."""

    TENANT_UNKNOWN = "tenant_unknown"
    """Waits, unpaid: the tenant's settings could not be read."""

    BUDGET_SPENT = "budget_spent"
    """Held until the budget's next period or a raise; or waits while the rest is reserved by other calls."""

    LLM_BAD_REQUEST = "llm_bad_request"
    """Final: the provider always refuses this request."""

    LLM_CONTENT_FILTERED = "llm_content_filtered"
    """Final: the provider's content filter stopped the request or the answer."""

    LLM_REFUSED = "llm_refused"
    """Final: the model refused to write this post."""

    LLM_TRUNCATED = "llm_truncated"
    """Final: the answer was truncated at the larger token limit as well."""

    LLM_OUTPUT_INVALID = "llm_output_invalid"
    """Final: the repaired answer is not a post or breaks a rule, either."""

    LLM_UNAVAILABLE = "llm_unavailable"
    """Retried, then final: timeout, connection error, server error or unreadable response."""

    LLM_RATE_LIMITED = "llm_rate_limited"
    """Waits: the provider's rate limit, or the rate learned from it."""

    LLM_ACCOUNT_REFUSED = "llm_account_refused"
    """Waits until the account is fixed: key, quota, payment, permission or model name."""

    LATE_CALL = "late_call"
    """Waits, unpaid: after a pause before the call, the lease was no longer certain."""

    PROCESS_STOPPED = "process_stopped"
    """Waits for another process: its own was stopped before the answer arrived."""

    REFUSED_BY_DATABASE = "refused_by_database"
    """No longer used: replaced by `store_refused`."""

    STORE_REFUSED = "store_refused"
    """Final: the database refuses this event's data alone."""

    KILLS_PROCESS = "kills_process"
    """Final: each process that handled this request died."""

    INTERNAL_ERROR = "internal_error"
    """Retried, then final: a bug in this program; see the log."""
