"""``python -m devstack.simulated_llm``: the simulated LLM as a process of its own.

Prints one JSON line with ``base_url`` and ``pid`` when it serves. SIGTERM and SIGINT end it at
once, with exit code 0.
"""

import asyncio
import gc
import json
import os
import signal
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

import uvloop
from pydantic import ValidationError

from devstack.simulated_llm.account import SimulationSettings
from devstack.simulated_llm.faults import FAULT_RULES, FaultRule
from devstack.simulated_llm.known_models import DEFAULT_MODELS, ModelList
from devstack.simulated_llm.latency import SPELLING, ConstantLatency, Latency, parse_latency
from devstack.simulated_llm.rate_limits import (
    DEFAULT_REQUESTS_PER_MINUTE,
    DEFAULT_TOKENS_PER_MINUTE,
    RateLimits,
)
from devstack.simulated_llm.server import SimulatedLlmServer

_GC_THRESHOLD = 50_000


def main() -> None:
    """Read the options and serve."""
    options = _parser().parse_args()
    # The ledger only grows, and collecting it again and again took a quarter of the CPU time.
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    uvloop.run(_serve(SimulatedLlmServer(_settings(options), options.host, options.port)))


async def _serve(server: SimulatedLlmServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        print(json.dumps({"base_url": server.base_url, "pid": os.getpid()}), flush=True)  # noqa: T201
        await stop.wait()


def _settings(options: Namespace) -> SimulationSettings:
    return SimulationSettings(
        seed=options.seed,
        latency=options.latency,
        limits=RateLimits(
            requests_per_minute=options.requests_per_minute,
            tokens_per_minute=options.tokens_per_minute,
        ),
        faults=tuple(options.faults),
        models=options.models,
        api_key=options.api_key,
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m devstack.simulated_llm", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=_latency, default=ConstantLatency(0.2), help=SPELLING)
    parser.add_argument("--requests-per-minute", type=_positive, default=DEFAULT_REQUESTS_PER_MINUTE)
    parser.add_argument("--tokens-per-minute", type=_positive, default=DEFAULT_TOKENS_PER_MINUTE)
    parser.add_argument("--faults", type=_faults, default=[], metavar="FILE.json")
    parser.add_argument("--models", type=_models, default=ModelList(), help=f"default {','.join(DEFAULT_MODELS)}")
    parser.add_argument("--api-key", help="the one key that is accepted; without it any is")
    return parser


def _latency(text: str) -> Latency:
    try:
        return parse_latency(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        message = f"{number} is not at least 1"
        raise ArgumentTypeError(message)
    return number


def _faults(path: str) -> list[FaultRule]:
    try:
        return FAULT_RULES.validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        raise ArgumentTypeError(str(error)) from error


def _models(names: str) -> ModelList:
    return ModelList(name.strip() for name in names.split(","))


if __name__ == "__main__":
    main()
