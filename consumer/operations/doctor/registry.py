"""Checks of the schema registry, if one is set."""

from consumer.kafka.schema_registry import RegistryProblem, count_subjects
from consumer.operations.doctor.finding import Examination, Finding
from consumer.settings import RegistrySettings

CHECK = "schema registry"


async def examine_registry(settings: RegistrySettings) -> Examination:
    """Check whether the registry responds, if one is set."""
    try:
        subjects = await count_subjects(settings)
    except RegistryProblem as error:
        yield Finding(CHECK, "failed", str(error), "start it, correct the settings, or leave SCHEMA_REGISTRY_URL out")
        return
    yield Finding(CHECK, "ok", f"{subjects} subjects at {settings.schema_registry_url}")
