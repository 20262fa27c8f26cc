"""What a chat completion is asked with: the messages, and the name of the call."""

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
    """Which call this is; the provider's logs and stored completions know it by this."""

    overlay_id: UUID
    revision: int
    attempt: int

    @property
    def client_request_id(self) -> str:
        """The value of X-Client-Request-Id."""
        return f"{self.overlay_id}/{self.revision}/{self.attempt}"

    @property
    def request(self) -> str:
        """What all calls for one request have in common."""
        return f"{self.overlay_id}/{self.revision}"
