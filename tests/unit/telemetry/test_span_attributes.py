"""The names of span attributes are those of the conventions that the module names."""

from importlib import import_module
from types import ModuleType

from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.schemas import Schemas

from consumer.telemetry import span_attributes

OURS = "feed."


def published(room: str) -> ModuleType:
    """The conventions still in development, as the installed package has them."""
    return import_module(f"opentelemetry.semconv._incubating.attributes.{room}_attributes")


def test_every_name_that_is_not_ours_is_one_of_the_conventions() -> None:
    modules = [error_attributes, *map(published, ("messaging", "db", "gen_ai"))]
    known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    names = {value for name, value in vars(span_attributes).items() if name.isupper() and name != "SCHEMA_URL"}

    assert {name for name in names if not name.startswith(OURS)} <= known


def test_the_schema_url_is_one_of_the_installed_package() -> None:
    assert span_attributes.SCHEMA_URL in {schema.value for schema in Schemas}
