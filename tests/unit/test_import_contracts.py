"""Every import contract holds, and notices the import that it is there to forbid."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

CONTRACT_TYPES: dict[str, Any] = {
    "forbidden": ForbiddenContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}

configure()
OPTIONS = read_user_options(str(Path(__file__).parents[2] / "pyproject.toml"))
CONTRACTS = {options["name"]: options for options in OPTIONS.contracts_options}

BREACHES = {
    "Imports point one way: schemas <- repository <- consumer <- devstack <- bench": (
        "schemas.codec",
        "repository.pool",
    ),
    "Only the repository runs migrations": ("consumer.app", "migrations.env"),
    "Only the repository speaks to PostgreSQL": ("consumer.pipeline.sweeper", "asyncpg"),
    "SQLAlchemy serves Alembic and nothing else": ("repository.feeds", "sqlalchemy"),
    "Kafka and the LLM are the consumer's": ("schemas.codec", "aiokafka"),
    "The rooms of the consumer, from the door to the ground": ("consumer.llm.writer", "consumer.pipeline.retry"),
    "The service knows nothing of what people run": ("consumer.pipeline.worker", "consumer.operations.replay.choice"),
    "What the service executes knows nothing of what people execute": (
        "repository.feeds",
        "repository.operations.reports",
    ),
    "The post is written without I/O": ("consumer.post.prompt", "asyncio"),
    "The LLM side knows no feed": ("consumer.llm.writer", "schemas.overlay_completed"),
    "Only the Kafka room and the composition root build Kafka clients": (
        "consumer.pipeline.intake",
        "consumer.kafka.clients",
    ),
    "SciPy comes with an extra, for the statistics of experiments and nothing else": ("consumer.app", "scipy"),
    "The registry's client comes with an extra, and only its own file knows it": ("consumer.app", "confluent_kafka"),
    "OpenTelemetry comes with an extra, and two files know it": ("consumer.pipeline.worker", "opentelemetry"),
    "Commands parse, print and exit; what they do can be called without them": (
        "consumer.operations.replay.choice",
        "consumer.operations.cli.output",
    ),
}
"""For each contract who must not import whom."""


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    packages = OPTIONS.session_options["root_packages"]
    return grimp.build_graph(*packages, include_external_packages=True, cache_dir=None)


def holds(contract_options: dict[str, Any], imports: grimp.ImportGraph) -> bool:
    contract = CONTRACT_TYPES[contract_options["type"]](
        name=contract_options["name"], session_options=OPTIONS.session_options, contract_options=contract_options
    )
    return bool(contract.check(deepcopy(imports), verbose=False).kept)


def test_there_is_a_breach_for_each_contract() -> None:
    assert set(BREACHES) == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_contract_holds_until_somebody_adds_the_import_that_it_forbids(name: str, imports: grimp.ImportGraph) -> None:
    importer, imported = BREACHES[name]
    broken = deepcopy(imports)
    broken.add_import(importer=importer, imported=imported)

    assert holds(CONTRACTS[name], imports)
    assert not holds(CONTRACTS[name], broken)
