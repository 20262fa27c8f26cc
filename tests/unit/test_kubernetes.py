"""The manifests are what Kubernetes takes, agree with the program, and ask for no privilege."""

import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from consumer.settings import Settings
from tests.support.kubernetes import (
    FOLDER,
    OVERLAYS,
    Manifest,
    check_schema,
    manifest,
    manifests_in,
    rendered,
    renderer,
    setting_names,
)

BASE = sorted((FOLDER / "base").glob("*.yaml"))
DOCKERFILE = (Path(__file__).parents[2] / "Dockerfile").read_text()
END_TAKES_S = 20  # beyond SHUTDOWN_GRACE_S, as that setting says

needs_kustomize = pytest.mark.skipif(renderer() is None, reason="neither kustomize nor kubectl is on the PATH")


@pytest.fixture(params=[pytest.param(overlay, marks=needs_kustomize) for overlay in OVERLAYS], scope="module")
def overlay(request: pytest.FixtureRequest) -> list[Manifest]:
    return rendered(request.param)


def base() -> list[Manifest]:
    return [each for file in BASE for each in manifests_in(file)]


def pods(found: list[Manifest]) -> list[Manifest]:
    return [each["spec"]["template"]["spec"] for each in found if each["kind"] in {"Deployment", "Job"}]


@pytest.mark.parametrize("file", BASE, ids=lambda file: file.name)
def test_each_file_of_the_base_is_what_the_api_takes(file: Path) -> None:
    for each in manifests_in(file):
        check_schema(each)


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{name}" for name in OVERLAYS)])
def test_each_file_is_used(folder: str) -> None:
    kustomization = (FOLDER / folder / "kustomization.yaml").read_text()

    unused = [file.name for file in (FOLDER / folder).iterdir() if file.name not in kustomization]

    assert unused == ["kustomization.yaml"]


def test_each_overlay_is_what_the_api_takes(overlay: list[Manifest]) -> None:
    for each in overlay:
        check_schema(each)


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", lambda found: found["spec"].update(replica=2)),
        ("Deployment", lambda found: found["spec"]["template"]["spec"]["containers"][0].update(image=1)),
        ("NetworkPolicy", lambda found: found["spec"].pop("podSelector")),
        ("ScaledObject", lambda found: found["spec"].update(maxReplicas=6)),
    ],
    ids=["unknown field", "wrong type", "missing field", "unknown field of KEDA"],
)
def test_a_mistake_is_noticed(kind: str, spoil: Callable[[Manifest], None]) -> None:
    found = manifest(base(), kind)
    check_schema(found)
    spoil(found)

    with pytest.raises(jsonschema.ValidationError):
        check_schema(found)


def test_every_setting_that_is_named_exists() -> None:
    names = set(setting_names(base()))
    for file in FOLDER.rglob("*.env"):
        names |= {line.partition("=")[0] for line in file.read_text().splitlines() if not line.startswith("#")}

    unknown = {name for name in names if name.removesuffix("_FILE").lower() not in Settings.model_fields}

    assert names
    assert not unknown


def test_the_settings_of_an_overlay_are_complete(overlay: list[Manifest]) -> None:
    data = {name.removesuffix("_FILE") for name in manifest(overlay, "ConfigMap")["data"]}
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}

    assert required | {"OPENAI_API_KEY"} <= data
    assert set(setting_names(overlay)) - {"KAFKA_SASL_PASSWORD"} <= {
        *data,
        *(f"{name}_FILE" for name in data),
        "KAFKA_SASL_USERNAME",
    }


def test_every_file_that_a_setting_names_is_in_a_volume(overlay: list[Manifest]) -> None:
    files = [Path(value) for name, value in manifest(overlay, "ConfigMap")["data"].items() if name.endswith("FILE")]
    [container] = manifest(overlay, "Deployment")["spec"]["template"]["spec"]["containers"]
    mounted = {Path(mount["mountPath"]) for mount in container["volumeMounts"]}

    assert files
    assert {file.parent for file in files} <= mounted


def test_the_grace_period_outlasts_ours(overlay: list[Manifest]) -> None:
    grace_s = float(manifest(overlay, "ConfigMap")["data"]["SHUTDOWN_GRACE_S"])
    pod = manifest(overlay, "Deployment")["spec"]["template"]["spec"]

    assert pod["terminationGracePeriodSeconds"] >= grace_s + END_TAKES_S


def test_a_call_that_has_begun_may_end_before_the_process_does(overlay: list[Manifest]) -> None:
    settings = manifest(overlay, "ConfigMap")["data"]

    assert float(settings["SHUTDOWN_GRACE_S"]) >= float(settings["LLM_TIMEOUT_S"])


@pytest.mark.parametrize("pod", pods(base()), ids=["deployment", "migration"])
def test_pods_pass_the_restricted_standard(pod: Manifest) -> None:
    security = pod["securityContext"]
    [container] = pod["containers"]

    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in DOCKERFILE


def test_the_spool_is_a_volume(overlay: list[Manifest]) -> None:
    spool_dir = manifest(overlay, "ConfigMap")["data"]["SPOOL_DIR"]
    [container] = manifest(overlay, "Deployment")["spec"]["template"]["spec"]["containers"]

    assert spool_dir in {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}


def test_probes_ask_what_the_program_serves() -> None:
    [container] = manifest(base(), "Deployment")["spec"]["template"]["spec"]["containers"]
    served = (Path(__file__).parents[2] / "consumer/telemetry/ops_server.py").read_text()

    paths = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}

    assert paths == {"/healthz", "/readyz"}
    assert all(f'add_get("{path}"' in served for path in paths)


def test_what_selects_pods_selects_these() -> None:
    found = base()
    labels = manifest(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        manifest(found, "Service")["spec"]["selector"],
        manifest(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        manifest(found, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]

    assert all(selector.items() <= labels.items() for selector in selectors)


@needs_kustomize
def test_without_an_autoscaler_the_number_of_processes_is_said() -> None:
    staging = rendered("staging")

    assert manifest(staging, "Deployment")["spec"]["replicas"] == 2
    assert not [each for each in staging if each["apiVersion"].startswith("keda.sh")]


def test_the_network_policies_of_an_overlay_reach_the_ports_of_its_servers(overlay: list[Manifest]) -> None:
    [servers] = [each for each in overlay if each["metadata"]["name"] == "instagram-feed-servers"]
    brokers = manifest(overlay, "ConfigMap")["data"]["KAFKA_BOOTSTRAP_SERVERS"]
    ports = {port["port"] for rule in servers["spec"]["egress"] for port in rule["ports"]}

    assert ports == {5432, *map(int, re.findall(r":(\d+)", brokers))}


def test_the_schemas_of_keda_are_json_schemas() -> None:
    for file in (FOLDER / "schemas").glob("*.json"):
        jsonschema.validators.validator_for({}).check_schema(yaml.safe_load(file.read_text()))
