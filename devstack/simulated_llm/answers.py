"""What the model answers to a chat request, and how this server tells it."""

import re

from devstack.simulated_llm.answer_shapes import TELLING_SHAPES, shaped
from devstack.simulated_llm.chat_request import ChatRequest
from devstack.simulated_llm.completion import Answer, Completion, JsonObject
from devstack.simulated_llm.content_faults import spoiled_answer
from devstack.simulated_llm.faults import ContentFault, FaultRule, ShapedAnswer
from devstack.simulated_llm.ledger import LedgerCall
from devstack.simulated_llm.post_writer import write_post
from devstack.simulated_llm.seeded import Picker

_REF = re.compile(r'"ref" and the value "([0-9a-f]{8})"')


def answer_to(chat: ChatRequest, seed: int, fault: FaultRule | None) -> Answer:
    """Return what the model says."""
    post = write_post(seed, chat.prompt, chat.user_text)
    answer = spoiled_answer(fault.kind, post) if isinstance(fault, ContentFault) else Answer(post.json())
    return _with_ref(answer, chat.user_text).limited_to(chat.token_limit)


def _with_ref(answer: Answer, user_text: str) -> Answer:
    """Begin a JSON answer with the ref that was told, if one was."""
    told = _REF.findall(user_text)
    if not told or answer.content is None or not answer.content.startswith("{"):
        return answer
    return answer._replace(content=f'{{"ref":"{told[-1]}",{answer.content[1:]}')


def completion_told(completion: Completion, fault: FaultRule | None, seed: int, call: LedgerCall) -> JsonObject:
    """Return the completion as this server tells it."""
    if not isinstance(fault, ShapedAnswer):
        return completion.json()
    picker = Picker(seed, "shape", call.request_id or completion.completion_id)
    return shaped(completion.json(), picker.pick(TELLING_SHAPES) if fault.shape is None else fault.shape)
