"""The body of ``POST /v1/chat/completions``: the part of it that the simulated model reads."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveInt, StringConstraints, ValidationError

from devstack.simulated_llm import openai_errors
from devstack.simulated_llm.known_models import KnownModel
from devstack.simulated_llm.openai_errors import ApiError, bad_request
from devstack.simulated_llm.tokens import count_tokens

TOKENS_PER_MESSAGE = 3  # the frame around every message, and once more around the answer
DEFAULT_TEMPERATURE = 1.0

MetadataKey = Annotated[str, StringConstraints(max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


class TextPart(BaseModel):
    """One text of a message that is given in parts."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        """The whole text of the message."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content or [])


class ChatRequest(BaseModel):
    """What was asked. Fields the simulated model has no use for are ignored."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    reasoning_effort: str | None = None
    n: Literal[1] | None = None
    stream: Literal[False] | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None = None

    @cached_property
    def prompt(self) -> str:
        """All messages in one text, in their order."""
        return "\n".join(message.text for message in self.messages)

    @cached_property
    def user_text(self) -> str:
        """The texts of the user's messages."""
        return "\n".join(message.text for message in self.messages if message.role == "user")

    @cached_property
    def prompt_tokens(self) -> int:
        """The tokens of the prompt, with the frames of its messages."""
        return count_tokens(self.prompt) + TOKENS_PER_MESSAGE * (len(self.messages) + 1)

    @property
    def token_limit(self) -> int | None:
        """The most tokens the answer may have."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def charged_tokens(self) -> int:
        """What the token limit counts: the larger of the prompt and the answer's limit.

        Source: https://platform.openai.com/docs/guides/rate-limits
        """
        return max(self.prompt_tokens, self.token_limit or 0)


def parse_chat_request(body: bytes) -> ChatRequest:
    """Read and check a request body; raise ApiError 400 in OpenAI's wording."""
    try:
        chat = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _invalid_body(error) from error
    if chat.metadata and not chat.store:
        raise openai_errors.metadata_without_store()
    if chat.max_tokens and chat.max_completion_tokens:
        raise openai_errors.two_token_limits()
    return chat


def check_model_accepts(chat: ChatRequest, model: KnownModel) -> None:
    """Refuse, with ApiError 400, what the API refuses for this model."""
    if chat.service_tier == "flex" and not model.has_flex:
        raise openai_errors.no_flex_tier(model.name)
    if not model.reasoning:
        return
    if chat.max_tokens:
        raise openai_errors.unsupported_max_tokens()
    temperature = DEFAULT_TEMPERATURE if chat.temperature is None else chat.temperature
    if temperature != DEFAULT_TEMPERATURE and chat.reasoning_effort != "none":
        raise openai_errors.unsupported_temperature(temperature)


def _invalid_body(error: ValidationError) -> ApiError:
    """Report the first problem, as the API does."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if problem["type"] == "json_invalid":
        return bad_request("We could not parse the JSON body of your request.")
    param = _parameter_path(problem["loc"])
    if problem["type"] == "missing":
        message = f"Missing required parameter: '{param}'."
        return bad_request(message, param, "missing_required_parameter")
    return bad_request(f"Invalid value for '{param}': {problem['msg']}.", param, "invalid_value")


def _parameter_path(location: tuple[int | str, ...]) -> str:
    """Spell a place as the API does: ``messages[0].role``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).removeprefix(".")
