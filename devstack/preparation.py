"""Preparing a stack: choose servers, download what they need, and write the plan."""

from collections.abc import Mapping
from pathlib import Path

from devstack import kafka_artifacts, postgres, tansu
from devstack.answers import problem_at
from devstack.choice import Means, Wish, choose, wish_in
from devstack.docker_engine import ImageUnavailable, docker_answers, ensure_images
from devstack.endpoints import Kind, ServerName
from devstack.env_file import SOURCED_FROM
from devstack.images import IMAGES
from devstack.kafka_class_archive import ensure_class_archive
from devstack.plan import Owner, Plan, make_plan, named_servers
from devstack.report import Report


async def prepare(folder: Path, owner: Owner | None, environ: Mapping[str, str], report: Report) -> Plan:
    """Make the plan of a stack in `folder`, downloads included.

    Raises:
        StackError: nothing here can serve one of the servers, or a download failed.
    """
    external = await _external_servers(folder, environ)
    kinds = _with_images(external, wish_in(environ), report)
    if kinds["kafka"] == "embedded":
        await ensure_class_archive(kafka_artifacts.ensure_jars(report), report)
    if kinds["kafka"] == "tansu":
        report(tansu.SHORTCOMINGS)
    report("Starting " + ", ".join(f"{name} ({kind})" for name, kind in kinds.items()))
    return make_plan(kinds, external, environ=environ, earlier=Plan.load(folder), owner=owner)


async def _external_servers(folder: Path, environ: Mapping[str, str]) -> dict[ServerName, str]:
    """Return the servers that the environment names, less this stack's own of an earlier start.

    Whoever has sourced the env file of a stack that has ended wants that stack again.
    """
    named = named_servers(environ)
    if environ.get(SOURCED_FROM) != str(folder):
        return named
    api_key = environ.get("OPENAI_API_KEY", "")
    problems = {name: await problem_at(name, address, api_key=api_key) for name, address in named.items()}
    return {name: address for name, address in named.items() if problems[name] is None}


def _with_images(external: Mapping[ServerName, str], wish: Wish, report: Report) -> dict[ServerName, Kind]:
    """Return the kinds chosen, with the images they need; other kinds where Docker cannot get one."""
    means = _means_here()
    kinds = choose(external, means, wish)
    try:
        ensure_images([IMAGES[name] for name, kind in kinds.items() if kind == "container"], report)
    except ImageUnavailable as error:
        if wish == "containers":
            raise
        report(str(error))
        kinds = choose(external, means._replace(docker=False), wish)
    return kinds


def _means_here() -> Means:
    return Means(
        docker=docker_answers(),
        java=kafka_artifacts.can_serve(),
        tansu_wheel=tansu.can_serve(),
        postgres_wheel=postgres.can_serve(),
    )
