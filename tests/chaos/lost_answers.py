"""How the proxy recognises the statements whose answers it loses: a text that only this one holds."""

from collections.abc import Mapping

MARKERS: Mapping[str, str] = {
    "claim_new": "state, lease_owner, available_at, group_id)",
    "enter_waiting": "AS polled (",
    "claim_available": "available AS (",
    "store": "INSERT INTO instagram_feeds",
    "postpone": "AS later (",
    "fail": "failed AS (",
    "delete_published": "DELETE FROM outbox_events",
}
