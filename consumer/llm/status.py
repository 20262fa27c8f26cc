"""Whose fault an error is: a table from status, body and headers to what happens next.

Providers and gateways differ: a wrong key is reported as 401, 403 or 400, a spent budget as 402, 429 or 400, a flagged
input as 400 or 403. So the codes in the body are checked first, then its words, the status last. The first matching
row decides. Errors that match no row are retried like an outage, until the fates of other requests show whether they
concern one request or all.

Sources: the error pages of OpenAI, Azure OpenAI, Anthropic, Gemini (google.rpc.Code), Groq, OpenRouter, DeepSeek,
litellm, Cloudflare's AI gateway, vLLM; bodies quoted in public issues.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consumer.llm.error_answer import FILTERED, ErrorAnswer, read_error
from consumer.llm.errors import (
    AccountRefused,
    AnswerRejected,
    CallFailed,
    ContentFiltered,
    LlmError,
    RateLimited,
    RequestRefused,
    UnclearRefusal,
)
from consumer.llm.rate_limit.retry_after import retry_after_s


class Fault(StrEnum):
    """Whose fault an error is, which decides what happens next."""

    ACCOUNT = "account"  # key, money, permission, model, settings: no request can succeed
    RATE = "rate"  # all requests must wait
    EVENT = "event"  # this request will never be answered
    FILTERED = "filtered"  # nor will this one, because of its content
    ANSWER = "answer"  # the model wrote, but not the requested JSON
    OUTAGE = "outage"  # the same call may work later
    UNKNOWN = "unknown"  # unclear until others show whom it concerns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of the table; an empty column matches everything. Of codes and words, either is enough."""

    fault: Fault
    statuses: Collection[int] = ()
    codes: frozenset[str] = frozenset()
    words: re.Pattern[str] | None = None
    blames: str | None = None
    asks_to_wait: bool | None = None

    def fits(self, answer: ErrorAnswer, wait_s: float | None) -> bool:
        """Return whether this row matches an error."""
        speaks = bool(self.codes or self.words)
        if self.statuses and answer.status not in self.statuses and (answer.status_is_told or not speaks):
            return False
        if self.blames is not None and self.blames != _blamed(answer.parameter):
            return False
        if self.asks_to_wait is not None and self.asks_to_wait != (wait_s is not None):
            return False
        if not speaks:
            return True
        return not self.codes.isdisjoint(answer.codes) or bool(self.words and self.words.search(answer.message))


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_REFUSALS = frozenset({400, 401, 403, 404, 422, 424})
_SERVER_ERRORS = frozenset(range(500, 600))

_TABLE = (
    # A locked account is not a flagged input, although both are "flagged".
    _Row(
        fault=Fault.ACCOUNT,
        codes=_codes("""
            insufficient_quota billing_hard_limit_reached billing_not_active billing_error insufficient_balance
            insufficient_funds insufficient_credits insufficient_user_quota exceeded_current_quota_error
            budget_exceeded payment_required arrearage payment_error credit_balance_too_low
            invalid_api_key incorrect_api_key api_key_invalid authentication_error invalid_authentication_error
            unauthenticated unauthorized auth_error expired_key token_expired no_db_connection
            token_not_found_in_db access_denied accessdenied accessdeniedexception permissiondenied permission_denied
            permission_error missing_scope key_model_access_denied team_model_access_denied user_model_access_denied
            access_terminated account_deactivated account_suspended organization_restricted organization_deactivated
            project_archived blocked_api_access user_blocked consumer_suspended
            unsupported_country_region_territory ip_not_authorized request_forbidden
            model_not_found model_not_exist modelnotfound unknown_model invalid_model model_not_available
            model_not_supported model_decommissioned model_deprecated model_not_active model_terms_required
            deploymentnotfound invalid_deployment not_found_error unsupported_model
            unsupported_parameter unsupported_value unknown_parameter invalid_parameter_combination
            invalid_json_schema invalid_schema operationnotsupported operation_not_supported unknown_url
            unsupported_api_version
        """),
        words=_words(
            r"(account|organi[sz]ation|project|key|team|workspace|address)( \S+){0,3} (is|was|has|have)( \w+)? "
            r"(flagged|suspended|disabled|deactivated|terminated|banned|restricted|blocked)",
            r"no connected db",
        ),
    ),
    _Row(
        fault=Fault.FILTERED,
        codes=_codes(f"""
            {FILTERED} content_policy_violation contentpolicyviolation contentpolicyviolationerror
            responsibleaipolicyviolation invalid_prompt data_inspection_failed datainspectionfailed
            moderation_blocked moderation_error content_blocked content_moderation content_policy prohibited_content
            safety unsafe_content guardrail_violation guardrail_intervened guardrails_violation prompt_blocked
            input_blocked sensitive_content sensitive_words_detected cyber_policy_violation hooks_failed flagged
        """),
    ),
    _Row(
        fault=Fault.FILTERED,
        statuses=_REFUSALS - {401, 404} | {446, 451},
        words=_words(
            r"flagged",
            r"moderation",
            r"guard ?rail",
            r"content[ _-]?(management |moderation )?(polic|filter)",
            r"safety[ _](system|filter|setting|polic|check)",
            r"usage (polic|guideline)",
            r"harmful|inappropriate|prohibited content|sensitive (content|words|information)|jailbreak",
            r"(prompt|input|content|message)s? (was|were|is|are|has been|have been) (blocked|rejected)",
            r"prompt (blocked|injection)",
        ),
    ),
    _Row(
        fault=Fault.ANSWER,
        codes=_codes("json_validate_failed tool_use_failed output_parse_failed json_parse_failed"),
        words=_words(r"failed to (generate|validate|parse) (valid )?(json|a function|the model)"),
        statuses=_REFUSALS,
    ),
    # "max_tokens is too large" is a setting, although it sounds like a long request.
    _Row(
        fault=Fault.ACCOUNT,
        statuses=_REFUSALS,
        blames="setting",
    ),
    _Row(
        fault=Fault.EVENT,
        statuses=_REFUSALS | {413, 429} | _SERVER_ERRORS,
        codes=_codes("""
            context_length_exceeded request_too_large string_above_max_length context_window_exceeded
            contextwindowexceedederror max_context_length_exceeded array_above_max_length
        """),
        words=_words(
            r"request (is )?too large",
            r"(maximum|max) context length|context (length|window)",
            r"(prompt|input|message|request body|payload)s? (is|are) too (long|large)",
            r"token count[^.]{0,40} exceeds",
            r"reduce the length|string too long|payload too large|entity too large",
        ),
    ),
    _Row(
        fault=Fault.RATE,
        statuses=_REFUSALS | {429, 498, 503},
        codes=_codes("""
            rate_limit_exceeded rate_limit_error rate_limited ratelimiterror rate_limit ratelimitexceeded
            userratelimitexceeded too_many_requests toomanyrequests resource_exhausted slow_down throttling
            throttlingexception throttling_error tpm_exceeded rpm_exceeded requests tokens
        """),
        words=_words(r"rate limit", r"too many requests", r"volume quota"),
        asks_to_wait=True,
    ),
    # Google's free tier names no wait if nothing is allowed at all.
    _Row(fault=Fault.ACCOUNT, statuses={429}, words=_words(r"\blimit: 0\b")),
    _Row(
        fault=Fault.RATE,
        statuses={400, 403, 429, 503},
        codes=_codes("resource_exhausted rate_limit_exceeded rate_limit_error ratelimitexceeded userratelimitexceeded"),
    ),
    _Row(
        fault=Fault.ACCOUNT,
        statuses=_REFUSALS | {402, 429},
        asks_to_wait=False,
        words=_words(
            r"(insufficient|not enough|out of|no remaining|run out of) (account )?(quota|balance|funds|credits?|money)",
            r"credit balance|credits? (has|have) been|billing|budget|exceeded your current quota|arrear|top[ -]?up",
            r"spend(ing)? limit|payment|subscription|quota (has been |was )?(exceeded|exhausted|reached)",
            r"(exceeded|reached) (your|the) (\w+ ){0,3}(quota|credits?)",
        ),
    ),
    _Row(
        fault=Fault.ACCOUNT,
        statuses=_REFUSALS,
        words=_words(
            r"api[ _-]?key|auth(entication|orization) (error|failed|header)|invalid (token|credential)|unauthori[sz]ed",
            r"(invalid|unknown|unsupported|no such|not a valid) model|model (id|identifier|name) is (invalid|unknown)",
            r"provider (was )?not (provided|found|configured)",
            r"model\b.{0,80}\b(not found|not exist|not available|not supported|decommissioned|deprecated|no access)",
            r"(not|no) (allowed|have|permitted|authori[sz]ed) .{0,30}(access|model|permission)",
            r"access (denied|to model)",
            r"unsupported (parameter|value)|unknown (parameter|name|field|argument)|unrecognized (request )?argument",
            r"extra (inputs|fields|parameters) (are )?not (permitted|allowed)|(is|are) not supported (with|by|for)",
            r"propert(y|ies) .{0,40}unsupported|(is|are) unsupported",
            r"does not support|unexpected keyword argument|response_format|json_schema|invalid schema",
            r"(location|country|region)[^.]{0,40} not (supported|available)",
            r"api version|on-demand throughput|inference profile|grammar error",
        ),
    ),
    _Row(fault=Fault.RATE, statuses={429, 498}),
    _Row(
        fault=Fault.OUTAGE,
        codes=_codes("""
            overloaded_error overloaded server_error api_error internal_error internal_server_error internal
            service_unavailable serviceunavailable unavailable deadline_exceeded timeout timeout_error
            engine_overloaded upstream_error bad_gateway gateway_timeout no_healthy_upstream connection_error
            capacity_exceeded apiconnectionerror
        """),
    ),
    _Row(
        fault=Fault.OUTAGE,
        statuses=_REFUSALS,
        words=_words(r"overloaded|temporarily unavailable|upstream (connect )?error|connection (error|refused|reset)"),
    ),
    _Row(fault=Fault.OUTAGE, statuses={408, 409, 425, 460, 499} | _SERVER_ERRORS),
    _Row(fault=Fault.EVENT, statuses={422}, blames="event"),
    _Row(fault=Fault.EVENT, statuses={400, 413, 414}),
    _Row(fault=Fault.ACCOUNT, statuses={401, 402, 404, 405, 406, 407, 410, 411, 415, 421, 426, 451}),
)

# The parts of a request that contain an event's texts; all others are the same for every event.
_OF_THE_EVENT = re.compile(r"^(messages|input|prompt|contents?|text)\b|\.content\b", re.IGNORECASE)


def fault_of(answer: ErrorAnswer, wait_s: float | None = None) -> Fault:
    """Return whose fault this error is; `wait_s` is the wait that it asks for, if any. Pure."""
    row = next((row for row in _TABLE if row.fits(answer, wait_s)), None)
    if row is not None:
        return row.fault
    # A 403 page of a proxy may be about the input; a 403 of an API is about the caller.
    is_told = bool(answer.codes) or answer.body_is_json
    return Fault.ACCOUNT if answer.status == 403 and is_told else Fault.UNKNOWN  # noqa: PLR2004 - HTTP's Forbidden


def error_of(status: int, body: object, headers: Mapping[str, str], *, now: datetime) -> LlmError:
    """Return the error for a response that is not a completion. Pure.

    `body` is JSON, bytes or text; `headers` ignores case, or has lower-case names; `now` is aware.
    """
    answer = read_error(status, body)
    wait_s = retry_after_s(headers, now, body=answer.body, message=answer.message)
    match fault_of(answer, wait_s):
        case Fault.ACCOUNT:
            return AccountRefused(answer.detail, parameter=answer.parameter)
        case Fault.RATE:
            return RateLimited(answer.detail, retry_after_s=wait_s, headers=headers)
        case Fault.EVENT | Fault.FILTERED as fault:
            return RequestRefused(answer.detail) if fault is Fault.EVENT else ContentFiltered(answer.detail)
        case Fault.ANSWER:
            return AnswerRejected(answer.detail, draft=answer.draft or "", body=answer.body)
        case Fault.OUTAGE:
            return CallFailed(answer.detail, retry_after_s=wait_s)
        case Fault.UNKNOWN:
            return UnclearRefusal(answer.detail, retry_after_s=wait_s)


def _blamed(parameter: str | None) -> str | None:
    """Return the origin of the named part of the request: the "event" or a "setting"; None if unnamed."""
    if parameter is None:
        return None
    return "event" if _OF_THE_EVENT.search(parameter) else "setting"
