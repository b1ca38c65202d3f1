"""The Kubernetes patterns: the figures that were asked for, and that the commands and settings in them exist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ocr_pipeline.cli.engine import build
from ocr_pipeline.cli.model_servers import OVER_HTTP
from ocr_pipeline.cli.session import Session
from ocr_pipeline.settings import load

yaml = pytest.importorskip("yaml")

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "vllm"
PATTERNS = ("pod-with-worker.yaml", "model-servers.yaml")
ONE_PAGE = 30


def documents(pattern: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / pattern).read_text()))


def deployment(pattern: str) -> dict[str, Any]:
    return next(each for each in documents(pattern) if each["kind"] == "Deployment")


def containers(pattern: str) -> Iterator[dict[str, Any]]:
    pod = deployment(pattern)["spec"]["template"]["spec"]
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def server(pattern: str) -> dict[str, Any]:
    return next(each for each in containers(pattern) if each["name"] == "model-server")


def seconds(container: dict[str, Any], option: str) -> float:
    return float(container["args"][container["args"].index(option) + 1])


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.startswith("OCR_PIPELINE"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_figures_that_were_asked_for(pattern: str) -> None:
    spec, container = deployment(pattern)["spec"], server(pattern)
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    live, ready = container["livenessProbe"], container["readinessProbe"]
    assert (live["httpGet"]["path"], live["initialDelaySeconds"], live["periodSeconds"]) == ("/health/live", 120, 30)
    assert (ready["httpGet"]["path"], ready["initialDelaySeconds"], ready["periodSeconds"]) == ("/health/ready", 60, 10)
    assert container["resources"]["requests"]["memory"] == "24Gi"
    assert container["resources"]["limits"] == {"memory": "32Gi", "nvidia.com/gpu": 1}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pod_has_time_to_drain_and_to_load(pattern: str) -> None:
    container = server(pattern)
    needed = seconds(container, "--drain-seconds") + ONE_PAGE + seconds(container, "--grace-seconds")
    assert deployment(pattern)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > seconds(container, "--start-timeout")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_containers_may_do_little(pattern: str) -> None:
    pod = deployment(pattern)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in containers(pattern):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
    models = next(each for each in server(pattern)["volumeMounts"] if each["name"] == "models")
    assert models["readOnly"] is True


@pytest.mark.parametrize("pattern", PATTERNS)
def test_settings_and_options_exist(pattern: str, environment: pytest.MonkeyPatch) -> None:
    for container in containers(pattern):
        with environment.context() as scene:
            for each in container["env"]:
                scene.setenv(each["name"], each.get("value", "from a secret"))
            settings = load()
        assert settings.model_name == "Qwen/Qwen2.5-VL-7B-Instruct"
        if container["name"] == "model-server":
            assert container["command"] == ["ocr-pipeline", "engine", "serve"]
            app = typer.Typer()

            @app.callback()
            def top(context: typer.Context) -> None:
                context.obj = Session(settings)  # noqa: B023 - called before the next round

            app.add_typer(build(OVER_HTTP), name="engine")
            result = CliRunner().invoke(app, ["engine", "serve", "--dry-run", *container["args"]])
            assert result.exit_code == 0, result.output


def test_workers_ask_only_ready_servers() -> None:
    service = next(each for each in documents("model-servers.yaml") if each["kind"] == "Service")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is False
