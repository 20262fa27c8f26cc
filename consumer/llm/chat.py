"""The messages of a chat completion request, and the id of the call."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat completion request."""

    role: Literal["system", "user", "assistant"]
    content: str


Messages = tuple[Message, ...]


def as_text(messages: Messages) -> str:
    """Return the whole prompt as one text, for `gpt_prompt_used`."""
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)


@dataclass(frozen=True, slots=True)
class CallId:
    """The id of a call, also in the provider's logs and stored completions."""

    overlay_id: UUID
    revision: int
    attempt: int

    @property
    def client_request_id(self) -> str:
        """The value of X-Client-Request-Id."""
        return f"{self.overlay_id}/{self.revision}/{self.attempt}"

    @property
    def request(self) -> str:
        """The id of its request, shared by all calls for it."""
        return f"{self.overlay_id}/{self.revision}"
