"""The manifests of `deploy/kubernetes/`, as they lie there and as an overlay renders them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (FOLDER / "overlays").iterdir()))
OLDEST, NEWEST = "1.31", "1.37"
"""The versions of Kubernetes that the manifests are for."""

Manifest = dict[str, Any]


def renderer() -> list[str] | None:
    """The command that renders a folder, if there is one on this machine."""
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build"]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize"]
    return None


def rendered(overlay: str) -> list[Manifest]:
    """The manifests of an overlay as a cluster would get them."""
    command = renderer()
    assert command is not None
    run = subprocess.run([*command, str(FOLDER / "overlays" / overlay)], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(run.stdout))


def manifests_in(file: Path) -> list[Manifest]:
    """The manifests of one file: none if it is a patch or kustomize's own."""
    documents = yaml.safe_load_all(file.read_text())
    return [found for found in documents if isinstance(found, dict) and "kustomize" not in found["apiVersion"]]


def manifest(found: list[Manifest], kind: str, name: str = "instagram-feed") -> Manifest:
    """The one manifest of a kind and name; generated names are told by what they begin with."""
    [one] = [each for each in found if each["kind"] == kind and each["metadata"]["name"].startswith(name)]
    return one


def check_schema(found: Manifest) -> None:
    """Raise unless the oldest and the newest Kubernetes take the manifest, and know each of its fields."""
    if found["apiVersion"].startswith("keda.sh/"):
        schema = json.loads((FOLDER / f"schemas/{found['kind'].lower()}-keda-v1alpha1.json").read_text())
        jsonschema.validate(found, schema)
    else:
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(found, version, strict=True)


def setting_names(found: list[Manifest]) -> Iterator[str]:
    """Every name of a setting that manifests use: in settings, variables, secrets and triggers of the autoscaler."""
    for each in found:
        match each["kind"]:
            case "ConfigMap":
                yield from each["data"]
            case "Deployment" | "Job":
                for container in each["spec"]["template"]["spec"]["containers"]:
                    yield from (variable["name"] for variable in container.get("env", ()))
            case "ScaledObject":
                for trigger in each["spec"]["triggers"]:
                    yield from (value for key, value in trigger["metadata"].items() if key.endswith("FromEnv"))
            case "TriggerAuthentication":
                yield from (target["key"] for target in each["spec"]["secretTargetRef"] if target["key"].isupper())
