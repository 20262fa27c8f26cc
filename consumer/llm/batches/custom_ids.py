"""The key that binds a line of a batch to its result: the id of the call."""

import re
from uuid import UUID

from consumer.llm.chat import CallId

_FORM = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[/_](\d{1,9})[/_](\d{1,9})")


def custom_id(call_id: CallId, *, letters_only: bool = False) -> str:
    """Return `<overlay_id>/<revision>/<attempt>`; with `_` for `/` if a provider does not accept it."""
    return call_id.client_request_id.replace("/", "_") if letters_only else call_id.client_request_id


def call_of(custom_id: object) -> CallId | None:
    """Return the call that a key identifies; None for a foreign key."""
    form = _FORM.fullmatch(custom_id) if isinstance(custom_id, str) else None
    return CallId(UUID(form[1]), int(form[2]), int(form[3])) if form else None
