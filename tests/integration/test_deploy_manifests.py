"""What docker-compose.yml and the Kubernetes manifests promise, read from the files as they are deployed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocr_pipeline.adapters.queues.topology import WORK_QUEUES
from ocr_pipeline.settings import Settings
from tools.validate_deploy import KUBERNETES, ROOT, SkippedError, render
from workers.roles import Role, role_of

OVERLAYS = ("cpu", "gpu", "keda")
READERS = ("recognition", "quarantine")
"""The roles that read pages, and must not know of the database."""

ONCE = {"keys", "migrate", "topology", "backup", "admin"}
DATABASE = re.compile(r"database|postgres", re.IGNORECASE)
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*$")
PAGE = Settings().request_timeout_seconds
SHUTDOWN = Settings().worker.shutdown_seconds


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    named: dict[str, dict[str, Any]] = compose()["services"]
    return named


@cache
def resources(overlay: str) -> list[dict[str, Any]]:
    try:
        return render(f"overlays/{overlay}")
    except SkippedError as reason:
        pytest.skip(str(reason))


def of_kind(overlay: str, kind: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in resources(overlay)
        if each["kind"] == kind
    }


def pods(overlay: str) -> dict[str, dict[str, Any]]:
    """The pods' templates, by the name of what makes them."""
    made = of_kind(overlay, "Deployment") | of_kind(overlay, "Job")
    return {name: each["spec"]["template"] for (_, name), each in made.items()}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def seconds(period: str) -> int:
    assert period.endswith("s")
    return int(period.removesuffix("s"))


def names_of(entries: list[Any]) -> set[str]:
    """Of secrets or configs, in the short form or the long one."""
    return {each if isinstance(each, str) else each["source"] for each in entries}


# ---- docker-compose.yml --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", READERS)
def test_compose_readers_share_no_network_with_the_database_and_hold_no_secret_of_it(role: str) -> None:
    reader = services()[role]
    assert not set(reader["networks"]) & set(services()["postgres"]["networks"])
    assert not [name for name in names_of(reader["secrets"]) if DATABASE.search(name)]
    assert not [name for name in reader["environment"] if DATABASE.search(name)]
    assert services()["postgres"]["networks"] == ["records"]


def test_compose_networks_have_no_way_out_but_those_that_need_one() -> None:
    open_ones = {name for name, network in compose()["networks"].items() if not (network or {}).get("internal")}
    assert open_ones == {"edge", "outside", "operators"}
    assert {name for name, service in services().items() if "outside" in service.get("networks", [])} == {
        "gateway",
        "bulk",
        "triggers",
    }
    assert {name for name, service in services().items() if "edge" in service.get("networks", [])} == {"proxy"}


@pytest.mark.parametrize("name", services())
def test_compose_containers_run_as_nobody_on_a_file_system_they_cannot_change(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    user = service["user"].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert "privileged" not in service
    assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume]


@pytest.mark.parametrize("name", services())
def test_compose_containers_are_bounded_watched_and_pinned(name: str) -> None:
    service = services()[name]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert service["stop_grace_period"]
    assert service.get("healthcheck"), f"{name} is not watched"
    assert ("disable" in service["healthcheck"]) == (name in ONCE)
    image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", service["image"])
    assert PINNED.match(image), image


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_compose_has_a_worker_for_every_role(role: str) -> None:
    command = services()[role]["command"]
    assert command[:4] == ["celery", "-A", "workers.app", "worker"]
    assert role_of(command[command.index("-Q") + 1].split(",")) is Role(role)


def test_compose_queues_are_all_consumed() -> None:
    consumed = [
        service["command"][service["command"].index("-Q") + 1]
        for service in services().values()
        if "-Q" in service.get("command", [])
    ]
    assert set(WORK_QUEUES) <= {queue for each in consumed for queue in each.split(",")}


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("intake", Settings().intake.document_seconds + SHUTDOWN),
        ("recognition", PAGE + SHUTDOWN),
        ("quarantine", 3 * PAGE),
        ("results", SHUTDOWN),
        ("maintenance", SHUTDOWN),
        ("bulk", Settings().bulk.split_seconds + SHUTDOWN),
        ("gateway", 30),
        ("vllm", 60 + PAGE + 15),
    ],
)
def test_what_is_told_to_stop_has_longer_than_its_longest_piece_of_work(name: str, longest: float) -> None:
    assert seconds(services()[name]["stop_grace_period"]) > longest
    if name == "vllm":
        name = "model-server"
    for overlay in OVERLAYS:
        if name in pods(overlay):
            assert pods(overlay)[name]["spec"]["terminationGracePeriodSeconds"] > longest


def test_compose_secrets_are_all_made_by_the_script(tmp_path: Path) -> None:
    script = (ROOT / "deploy" / "docker" / "make-secrets.sh").read_text(encoding="utf-8")
    for name, secret in compose()["secrets"].items():
        assert secret["file"].endswith(f"/{name}")
        kind, _, user = name.partition(".")
        made = name if kind != "broker_url" else user
        assert made in script, f"nothing makes {name}"


def test_compose_gives_each_process_the_broker_under_a_name_of_its_own() -> None:
    given = {
        name: [
            each["source"]
            for each in service.get("secrets", [])
            if isinstance(each, dict) and each["target"] == "broker__url"
        ]
        for name, service in services().items()
    }
    for name, sources in given.items():
        assert sources in ([], [f"broker_url.{name}"]), name
    assert {f"broker_url.{name}" for name, sources in given.items() if sources} == {
        name for name in compose()["secrets"] if name.startswith("broker_url.")
    }


def test_compose_names_no_secret_in_the_environment() -> None:
    for service in services().values():
        for variable in service.get("environment") or {}:
            if re.search(r"PASS|SECRET|KEY$|TOKEN|URL$", variable):
                assert variable.endswith(("_FILE", "__FILE", "_DIR", "ENDPOINT_URL")), variable


# ---- Kubernetes ----------------------------------------------------------------------------------------------------


def secrets_of(pod: dict[str, Any]) -> set[str]:
    """Every secret that a pod can see, however it is given."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in {"secret", "secretKeyRef", "secretRef"} and isinstance(value, dict):
                    found.add(value.get("secretName") or value["name"])
                walk(value)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(pod["spec"])
    return found


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert "matchExpressions" not in selector
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def reached(overlay: str, namespace: str, labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every place that the policies let a pod speak to."""
    policies = [each for (space, _), each in of_kind(overlay, "NetworkPolicy").items() if space == namespace]
    about = [each for each in policies if selects(each["spec"]["podSelector"], labels)]
    assert any("Egress" in each["spec"]["policyTypes"] for each in about), "nothing is denied"
    for each in about:
        for rule in each["spec"].get("egress", []):
            assert rule.get("to"), "a rule without a place opens every place"
            assert rule.get("ports"), "a rule without ports opens every port"
            yield from rule["to"]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("role", READERS)
def test_kubernetes_readers_have_no_way_to_the_database_and_no_secret_of_it(overlay: str, role: str) -> None:
    pod = pods(overlay)[role]
    assert secrets_of(pod) == {"ocr-broker", "ocr-objects", "ocr-keys", "model-servers"}
    for place in reached(overlay, "ocr", pod["metadata"]["labels"]):
        assert "ipBlock" not in place, "an address may be the database's"
        assert not selects(place["podSelector"], {"app.kubernetes.io/name": "postgres"})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_what_writes_records_reaches_the_database(overlay: str) -> None:
    reaching = {
        name
        for (namespace, name), each in (of_kind(overlay, "Deployment") | of_kind(overlay, "Job")).items()
        if namespace == "ocr"
        and any(
            selects(place.get("podSelector", {"matchLabels": {"no": "pod"}}), {"app.kubernetes.io/name": "postgres"})
            for place in reached(overlay, namespace, each["spec"]["template"]["metadata"]["labels"])
        )
    }
    holding = {name for name, pod in pods(overlay).items() if "ocr-database" in secrets_of(pod)}
    expected = {"gateway", "intake", "results", "maintenance", "bulk", "exporter", "migrate"}
    assert reaching == holding == expected | ({"triggers"} if overlay == "keda" else set())


def test_the_services_side_of_the_policies_lets_no_reader_to_the_database_either() -> None:
    for policy in render("data-policies"):
        if policy["kind"] != "NetworkPolicy" or policy["metadata"]["name"] != "to-database":
            continue
        sources = [source for rule in policy["spec"]["ingress"] for source in rule["from"]]
        assert sources
        for source in sources:
            for role in READERS:
                assert not selects(source["podSelector"], pods("gpu")[role]["metadata"]["labels"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_pods_hold_to_the_restricted_standard_on_a_read_only_file_system(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in containers(pod):
            context = each["securityContext"]
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert PINNED.match(each["image"]), each["image"]
            assert each["resources"]["limits"]["memory"]
            assert name in ONCE or "livenessProbe" in each, name
    for space in of_kind_anywhere(overlay, "Namespace"):
        assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_gives_each_process_the_broker_under_a_name_of_its_own(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        projected = [volume.get("projected", {}).get("sources", []) for volume in pod["spec"]["volumes"]]
        broker = [each["secret"] for each in itertools.chain(*projected) if each["secret"]["name"] == "ocr-broker"]
        reaches = pod["metadata"]["labels"].get("ocr-pipeline/reaches-broker") == "true"
        own = {"name": "ocr-broker", "items": [{"key": name, "path": "broker__url"}]}
        assert broker == ([own] if reaches else []), name


def of_kind_anywhere(overlay: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in resources(overlay) if each["kind"] == kind]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_overlay_that_is_deployed_carries_a_secret(overlay: str) -> None:
    assert of_kind_anywhere(overlay, "Secret") == []


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_kubernetes_has_a_worker_for_every_role(role: str) -> None:
    arguments = pods("cpu")[role]["spec"]["containers"][0]["args"]
    assert role_of(arguments[arguments.index("-Q") + 1].split(",")) is Role(role)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_runs_more_than_once_is_not_emptied_all_at_once(overlay: str) -> None:
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for (namespace, name), each in of_kind(overlay, "Deployment").items():
        if each["spec"]["replicas"] > 1:
            assert budgets[namespace, name]["spec"]["maxUnavailable"] == 1
            assert each["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_model_servers_are_as_the_requirements_say() -> None:
    server = of_kind("gpu", "Deployment")["ocr-models", "model-server"]
    assert server["spec"]["replicas"] == 3
    assert server["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = server["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["resources"]["requests"] | {"cpu": ""} == {"cpu": "", "memory": "24Gi", "nvidia.com/gpu": 1}
    assert container["resources"]["limits"] == {"memory": "32Gi", "nvidia.com/gpu": 1}
    assert {"name": "http", "containerPort": 8000} in container["ports"]
    alive, ready = container["livenessProbe"], container["readinessProbe"]
    assert (alive["httpGet"]["path"], alive["initialDelaySeconds"], alive["periodSeconds"]) == ("/health/live", 120, 30)
    assert (ready["httpGet"]["path"], ready["initialDelaySeconds"], ready["periodSeconds"]) == ("/health/ready", 60, 10)
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert [each["key"] for each in pod["tolerations"]] == ["nvidia.com/gpu"]


def test_the_autoscaler_is_as_the_requirements_say() -> None:
    spec = of_kind("gpu", "HorizontalPodAutoscaler")["ocr-models", "model-server"]["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model-server"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    wanted = {each["pods"]["metric"]["name"]: each["pods"]["target"]["averageValue"] for each in spec["metrics"]}
    assert wanted == {"gpu_utilization": "75", "request_queue_length": "20"}


def test_keda_scales_by_what_the_exporter_predicts_with_the_cooldown_of_the_requirements() -> None:
    assert of_kind("keda", "HorizontalPodAutoscaler") == {}
    spec = of_kind("keda", "ScaledObject")["ocr-models", "model-server"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (2, 20, 300)
    queries = " ".join(each["metadata"]["query"] for each in spec["triggers"])
    assert "ocr_wanted_instances" in queries
    assert "ocr_drain_seconds" in queries
    by_queue = of_kind("keda", "ScaledObject")["ocr", "recognition"]["spec"]["triggers"]
    assert {each["metadata"]["queueName"] for each in by_queue} <= set(WORK_QUEUES)


# ---- images --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Dockerfile", "vllm.Dockerfile"])
def test_images_are_made_of_pinned_parts_and_run_as_nobody(name: str) -> None:
    lines = (ROOT / "deploy" / "docker" / name).read_text(encoding="utf-8").splitlines()
    base = next(line.partition("=")[2] for line in lines if line.startswith("ARG BASE="))
    assert PINNED.match(base), base
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    text = "\n".join(lines)
    assert text.count("--require-hashes") == 2
    assert "HEALTHCHECK" in text
    assert not [line for line in lines if line.startswith("ADD ")]


def test_the_locks_agree_and_runs_need_no_development_tools() -> None:
    def locked(path: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9._-]+==[^ \\;]+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    everything = locked(ROOT / "requirements.lock")
    runtime = locked(ROOT / "requirements-runtime.lock")
    build = locked(ROOT / "deploy" / "docker" / "requirements-build.lock")
    assert runtime <= everything, f"renew the locks together: {sorted(runtime - everything)}"
    assert {name.partition("==")[0] for name in runtime}.isdisjoint({"pytest", "mypy", "ruff", "moto", "playwright"})
    assert "celery" in {name.partition("==")[0] for name in runtime}
    assert any(name.startswith("hatchling==") for name in build)


def test_the_hardening_of_the_triggers_is_that_of_all() -> None:
    there = [KUBERNETES / "base" / "hardening.yaml", KUBERNETES / "components" / "triggers" / "hardening.yaml"]
    assert all(one == other for one, other in pairwise(yaml.safe_load(each.read_text()) for each in there))
