"""Why a request, a record or a call has not led to a post: reason codes, a public contract.

They stand in `instagram_feed.failed`, in the header `dlq_reason`, in `feed_requests.last_error_reason`
and in logs. Codes are added; none is renamed or given another meaning.
"""

from enum import StrEnum


class Reason(StrEnum):
    """All reason codes. Only those marked as an end are ever the reason of a failed event or a dead letter."""

    INVALID_EVENT = "invalid_event"
    """An end, unpaid: the record is no valid `overlay.completed` (or outcome); the detail names every field."""

    UNKNOWN_POST = "unknown_post"
    """An end: an `instagram_feed.outcome` about a post that is not stored, or not yet."""

    MISSING_REFERENCE = "missing_reference"
    """Waits, then an end: upstream has not committed the overlay's row or its job's."""

    TENANT_UNKNOWN = "tenant_unknown"
    """Waits: the database did not say what the tenant wants of its posts; nothing was paid."""

    BUDGET_SPENT = "budget_spent"
    """Held until the budget's next period or a raise; or waits while the rest is reserved by other calls."""

    LLM_BAD_REQUEST = "llm_bad_request"
    """An end: the provider refuses this request, whenever it is asked."""

    LLM_CONTENT_FILTERED = "llm_content_filtered"
    """An end: the provider's content filter stopped the request or the answer."""

    LLM_REFUSED = "llm_refused"
    """An end: the model says that it will not write this post."""

    LLM_TRUNCATED = "llm_truncated"
    """An end: the answer was cut off at the larger token limit, too."""

    LLM_OUTPUT_INVALID = "llm_output_invalid"
    """An end: the repaired answer, too, is no post or breaks a rule."""

    LLM_UNAVAILABLE = "llm_unavailable"
    """Tried again, then an end: timeout, connection error, server error or an answer that cannot be read."""

    LLM_RATE_LIMITED = "llm_rate_limited"
    """Waits: the provider, or the pace learned from it, asks to slow down."""

    LLM_ACCOUNT_REFUSED = "llm_account_refused"
    """Waits until the account is put right: key, quota, payment, permission or model name."""

    LATE_CALL = "late_call"
    """Waits: a pause before the call was longer than the lease is sure; nothing was paid."""

    PROCESS_STOPPED = "process_stopped"
    """Waits for another process: the one that had it was told to stop before there was an answer."""

    REFUSED_BY_DATABASE = "refused_by_database"
    """No longer given: it was told before `store_refused`."""

    STORE_REFUSED = "store_refused"
    """An end: the database will not take what belongs to this event alone."""

    KILLS_PROCESS = "kills_process"
    """An end: each process that handled this request died of it."""

    INTERNAL_ERROR = "internal_error"
    """Tried again, then an end: a defect of this program; the log has it."""
