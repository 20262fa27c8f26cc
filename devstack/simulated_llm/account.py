"""Simulated accounts side by side in one server, each with a state of its own."""

import time
from collections import Counter
from dataclasses import dataclass, field

from devstack.simulated_llm.batch_jobs import BatchJobs
from devstack.simulated_llm.batch_pace import BatchPace
from devstack.simulated_llm.faults import CallIdentity, FaultPlan, FaultRule
from devstack.simulated_llm.known_models import ModelList
from devstack.simulated_llm.latency import ConstantLatency, Latency
from devstack.simulated_llm.ledger import Ledger
from devstack.simulated_llm.prompt_cache import PromptCache
from devstack.simulated_llm.rate_limits import RateLimiter, RateLimits
from devstack.simulated_llm.stored_completions import StoredCompletions
from devstack.simulated_llm.stored_files import StoredFiles

DEFAULT_ACCOUNT = ""


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What every new account starts with; ``api_key`` None takes any bearer token."""

    seed: int = 1
    latency: Latency = field(default_factory=lambda: ConstantLatency(0.0))
    limits: RateLimits = field(default_factory=RateLimits)
    faults: tuple[FaultRule, ...] = ()
    models: ModelList = field(default_factory=ModelList)
    api_key: str | None = None


class Account:
    """One simulated account: ledger, faults, latency, limits, seed, cache, stored completions, files, batches."""

    def __init__(self, settings: SimulationSettings) -> None:
        self.models = settings.models
        self.api_key = settings.api_key
        self.latency = settings.latency
        self.limiter = RateLimiter(settings.limits, time.monotonic())
        self.faults = FaultPlan(settings.faults)
        self.ledger = Ledger()
        self.prompt_cache = PromptCache()
        self.stored = StoredCompletions()
        self.files = StoredFiles()
        self.batches = BatchJobs()
        self.batch_pace = BatchPace()
        self.reseed(settings.seed)

    def reseed(self, seed: int) -> None:
        """Start the draws again from another seed."""
        self.seed = seed
        self._occurrences: Counter[str] = Counter()

    def set_limits(self, limits: RateLimits) -> None:
        """Give the account other limits, with full buckets."""
        self.limiter = RateLimiter(limits, time.monotonic())

    def identify(self, key: str, attempt: int | None) -> CallIdentity:
        """Give a call its identity; calls with the same key are told apart by their number."""
        self._occurrences[key] += 1
        return CallIdentity(key, self._occurrences[key], attempt)

    def latency_s(self, call: CallIdentity) -> float:
        """Return how long the model thinks about a call."""
        return self.latency.at(call.draw(self.seed, "latency"))


class Accounts:
    """The accounts of one server; an account begins when it is first named."""

    def __init__(self, settings: SimulationSettings) -> None:
        self._settings = settings
        self._by_name: dict[str, Account] = {}

    def get(self, name: str) -> Account:
        """Return the account of that name."""
        if name not in self._by_name:
            self._by_name[name] = Account(self._settings)
        return self._by_name[name]

    async def close(self) -> None:
        """End what runs by itself."""
        for account in self._by_name.values():
            await account.batches.close()
