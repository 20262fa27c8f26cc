"""What each LLM fault of the schedule means for the simulated LLM."""

from collections.abc import Mapping

from devstack.simulated_llm.control import SimulatedLlmControl
from tests.chaos.schedule import LlmFault
from tests.chaos.traffic import REFUSED_MARK

USUAL_LATENCY = "lognormal:0.8:0.4"
SLOW_LATENCY = "lognormal:1.5:0.6"
LLM_TIMEOUT_S = 4.0
Rule = Mapping[str, object]

STANDING_RULES: tuple[Rule, ...] = ({"kind": "refusal", "match": REFUSED_MARK},)
RULES: Mapping[LlmFault, tuple[Rule, ...]] = {
    "llm_rate_limited": ({"kind": "rate_limited", "rate": 0.7, "retry_after_s": 1.5},),
    "llm_rate_limited_silent": ({"kind": "rate_limited", "rate": 0.7, "retry_after_header": "none"},),
    "llm_server_error": ({"kind": "server_error_500", "rate": 0.6},),
    "llm_unavailable": (
        {"kind": "unavailable_503", "rate": 0.5, "retry_after_s": 1},
        {"kind": "unavailable_503", "rate": 0.3},
    ),
    "llm_hang": ({"kind": "hang", "rate": 0.3},),
    "llm_late": ({"kind": "hang", "rate": 0.3, "hang_s": LLM_TIMEOUT_S + 1},),
    "llm_reset": (
        {"kind": "connection_reset", "rate": 0.3},
        {"kind": "connection_reset", "rate": 0.2, "after_generation": False},
    ),
    "llm_truncated": (
        {"kind": "truncated_body", "rate": 0.3},
        {"kind": "truncated_body", "rate": 0.3, "valid_http": True},
    ),
    "llm_html": ({"kind": "html_200", "rate": 0.5},),
    "llm_length": ({"kind": "length", "rate": 0.4},),
    "llm_bad_content": (
        {"kind": "invalid_json_content", "rate": 0.15},
        {"kind": "schema_violation", "rate": 0.15},
        {"kind": "hashtags_31", "rate": 0.2},
        {"kind": "caption_3000", "rate": 0.15},
        {"kind": "nul_character", "rate": 0.1},
    ),
    "llm_shapes": ({"kind": "shaped_answer", "rate": 0.8},),
    "llm_unusable": ({"kind": "schema_violation"},),
    "llm_refuses_all": ({"kind": "bad_request"},),
    "llm_slow": (),
    "llm_quota": ({"kind": "insufficient_quota"},),
    "llm_unauthorized": ({"kind": "unauthorized"},),
    "llm_payment": ({"kind": "http_error", "status": 402, "body": {"error": {"message": "Insufficient credits"}}},),
}


async def begin(llm: SimulatedLlmControl, kind: LlmFault) -> None:
    """Have this go wrong from now on."""
    await llm.set_faults(*STANDING_RULES, *RULES[kind])
    if kind == "llm_slow":
        await llm.set_latency(SLOW_LATENCY)


async def end(llm: SimulatedLlmControl) -> None:
    """Have nothing go wrong but what always does."""
    await llm.set_faults(*STANDING_RULES)
    await llm.set_latency(USUAL_LATENCY)
