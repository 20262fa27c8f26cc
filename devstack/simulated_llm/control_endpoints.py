"""Endpoints beside the API that steer an account and read its ledger. They need no API key."""

from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from devstack.simulated_llm.account import Account
from devstack.simulated_llm.batch_pace import BatchPace
from devstack.simulated_llm.faults import FAULT_RULES, FaultPlan
from devstack.simulated_llm.http_answers import json_answer
from devstack.simulated_llm.http_server import HttpRequest, HttpResponse
from devstack.simulated_llm.latency import parse_latency
from devstack.simulated_llm.openai_errors import ApiError, bad_request
from devstack.simulated_llm.rate_limits import RateLimits

T = TypeVar("T")


class LatencySetting(BaseModel):
    """``{"latency": "lognormal:0.8:0.4"}``, in the spelling of ``parse_latency``."""

    model_config = ConfigDict(extra="forbid")

    latency: str

    @field_validator("latency")
    @classmethod
    def _is_readable(cls, text: str) -> str:
        parse_latency(text)
        return text


class SeedSetting(BaseModel):
    """``{"seed": 7}``."""

    model_config = ConfigDict(extra="forbid")

    seed: int


_BATCH_PACE = TypeAdapter(BatchPace)
_LATENCY = TypeAdapter(LatencySetting)
_LIMITS = TypeAdapter(RateLimits)
_SEED = TypeAdapter(SeedSetting)


async def get_ledger(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``GET /ledger``, or only the counts with ``?summary=1``."""
    if request.query.get("summary", "0") != "0":
        return json_answer(account.ledger.summary())
    return json_answer(account.ledger.report())


async def delete_ledger(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``DELETE /ledger``: forget the calls that have ended."""
    account.ledger.clear()
    return HttpResponse(HTTPStatus.NO_CONTENT)


async def get_faults(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``GET /faults``: the list of rules."""
    return json_answer(account.faults.rules)


async def put_faults(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``PUT /faults``: replace the list of rules, and count their matches from zero."""
    rules = _read(FAULT_RULES, request)
    account.faults = FaultPlan(rules)
    return await get_faults(account, request)


async def delete_faults(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``DELETE /faults``: from here on nothing goes wrong."""
    account.faults = FaultPlan()
    return HttpResponse(HTTPStatus.NO_CONTENT)


async def get_latency(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``GET /latency``."""
    return json_answer({"latency": str(account.latency)})


async def put_latency(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``PUT /latency``: for calls that arrive from here on."""
    account.latency = parse_latency(_read(_LATENCY, request).latency)
    return await get_latency(account, request)


async def get_limits(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``GET /limits``: requests and tokens per minute."""
    return json_answer(account.limiter.limits)


async def put_limits(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``PUT /limits``: other limits, with full buckets."""
    account.set_limits(_read(_LIMITS, request))
    return await get_limits(account, request)


async def get_batch_pace(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``GET /batch-pace``."""
    return json_answer(account.batch_pace)


async def put_batch_pace(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``PUT /batch-pace``: for batches whose stages begin from here on."""
    account.batch_pace = _read(_BATCH_PACE, request)
    return await get_batch_pace(account, request)


async def get_seed(account: Account, _request: HttpRequest) -> HttpResponse:
    """Serve ``GET /seed``."""
    return json_answer({"seed": account.seed})


async def put_seed(account: Account, request: HttpRequest) -> HttpResponse:
    """Serve ``PUT /seed``: start the draws again from this seed."""
    account.reseed(_read(_SEED, request).seed)
    return await get_seed(account, request)


def _read(form: TypeAdapter[T], request: HttpRequest) -> T:
    try:
        return form.validate_json(request.body)
    except ValidationError as error:
        raise _invalid_setting(error) from error


def _invalid_setting(error: ValidationError) -> ApiError:
    """Name every place that is wrong, and what is wrong with it."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    places = [".".join(map(str, problem["loc"])) or "body" for problem in problems]
    messages = (problem["msg"] for problem in problems)
    sentences = map(": ".join, zip(places, messages, strict=True))
    return bad_request("; ".join(sentences), places[0], "invalid_setting")
