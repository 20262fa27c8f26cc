"""How the proxy recognises the statements whose answers it loses: a text that only this one holds."""

from collections.abc import Mapping

MARKERS: Mapping[str, str] = {
    "claim_new": "INSERT INTO feed_requests",
    "claim_available": "available AS (",
    "store": "INSERT INTO instagram_feeds",
    "postpone": "AS later (",
    "fail": "failed AS (",
    "delete_published": "DELETE FROM outbox_events",
}
