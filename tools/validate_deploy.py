"""Checks everything under deploy/ and docker-compose.yml without a cluster, an engine or a network.

    python tools/validate_deploy.py

Each check is told as `ok`, `skipped` with the reason, or `FAILED` with what the tool said. Leaves with 1 where one
failed; with CI=true a check that was skipped counts as failed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
RENDERED = ("overlays/cpu", "overlays/gpu", "overlays/keda", "overlays/dev", "data-policies")
DEV_SECRETS = (
    *(
        f"broker_url.{user}"
        for user in (
            *("topology", "gateway", "intake", "recognition", "quarantine", "results", "maintenance", "bulk"),
            *("triggers", "beat", "exporter"),
        )
    ),
    "database__url",
    "storage__access_key",
    "storage__secret_key",
    "gateway__valkey_url",
    "observability__management_url",
    "keys.json",
)
WATCHER = "watcher"
"""The user of RabbitMQ's management API, which has an address of its own."""
COMPOSE_WAYS = ((), ("--env-file", "deploy/docker/gpu.env"), ("--profile", "*"))
_CANNOT_BE_HAD = 77


class SkippedError(Exception):
    """A check cannot be made here; the message says why."""


class FailedError(Exception):
    """A check failed; the message is what its tool said."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is checked, and how."""

    name: str
    run: Callable[[], object]


def main() -> int:
    """Run every check; returns the exit code."""
    strict = os.environ.get("CI") == "true"
    bad = 0
    for check in checks():
        try:
            check.run()
            print(f"ok       {check.name}")
        except SkippedError as reason:
            print(f"skipped  {check.name}: {reason}")
            bad += strict
        except FailedError as reason:
            print(f"FAILED   {check.name}\n{reason}")
            bad += 1
    return 1 if bad else 0


def checks() -> Iterator[Check]:
    """All of them."""
    yield Check("compose: schema", compose_schema)
    for way in COMPOSE_WAYS:
        yield Check(f"compose: config {' '.join(way)}".rstrip(), partial(compose_config, way))
    for each in RENDERED:
        yield Check(f"kubernetes: {each}", partial(kubernetes, each))
    for file in sorted((DEPLOY / "docker").glob("*Dockerfile")):
        yield Check(f"hadolint: {file.name}", partial(hadolint, file))
    yield Check("shell scripts", shell_scripts)
    yield Check("rabbitmq: users and permissions", rabbitmq)
    yield Check("haproxy", haproxy)
    yield Check("envoy", envoy)
    yield Check("prometheus", prometheus)


def compose_schema() -> None:
    """The schema of the Compose specification."""
    told(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def hadolint(file: Path) -> None:
    """A Dockerfile, and the shell in it."""
    told(program("hadolint"), str(file))


def compose_config(way: tuple[str, ...]) -> None:
    """Compose's own reading: anchors, profiles, what refers to what."""
    done = run("tools/docker_compose.sh", *way, "config", "--quiet")
    if done.returncode == _CANNOT_BE_HAD:
        raise SkippedError(done.stderr.strip())
    if done.returncode != 0:
        raise FailedError(done.stderr.strip())


def kubernetes(part: str) -> None:
    """Rendered by kustomize, each resource against Kubernetes' schema, KEDA's against the one beside them."""
    resources = render(part)
    custom = [each for each in resources if each["apiVersion"].startswith("keda.sh/")]
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "resources.yaml"
        own.write_text(yaml.safe_dump_all(each for each in resources if each not in custom), encoding="utf-8")
        told(program("kubernetes-validate"), "--strict", "--quiet", str(own))
        for number, each in enumerate(custom):
            file = Path(folder) / f"{number}.yaml"
            file.write_text(yaml.safe_dump(each), encoding="utf-8")
            version = each["apiVersion"].partition("/")[2]
            schema = KUBERNETES / "schemas" / f"{each['kind'].lower()}_{version}.json"
            told(program("check-jsonschema"), "--schemafile", str(schema), str(file))


def render(part: str) -> list[dict[str, Any]]:
    """The resources of a part of deploy/kubernetes. Raises FailedError."""
    with _with_secrets_where_wanted(part) as folder:
        output = told(program("kubectl"), "kustomize", str(folder))
    return [each for each in yaml.safe_load_all(output) if each is not None]


@contextmanager
def _with_secrets_where_wanted(part: str) -> Iterator[Path]:
    """The dev overlay makes secrets of files that nobody commits: a copy with empty ones stands in."""
    if part != "overlays/dev":
        yield KUBERNETES / part
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "kubernetes"
        shutil.copytree(KUBERNETES, copy)
        for name in DEV_SECRETS:
            (copy / part / "secrets" / name).write_text("stand-in", encoding="utf-8")
        yield copy / part


def shell_scripts() -> None:
    """Every script can at least be read by its shell."""
    for script in sorted([*DEPLOY.rglob("*.sh"), *(ROOT / "tools").glob("*.sh")]):
        shell = "bash" if "bash" in script.read_text(encoding="utf-8").partition("\n")[0] else "sh"
        told(shell, "-n", str(script))


def rabbitmq() -> None:
    """Whoever is given an address of the broker may do something there, by expressions that RabbitMQ can read."""
    permissions = json.loads((DEPLOY / "rabbitmq" / "permissions.json").read_text(encoding="utf-8"))["permissions"]
    users = [each["user"] for each in permissions]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    given = {name.partition(".")[2] for name in compose["secrets"] if name.startswith("broker_url.")}
    if sorted(users) != sorted({*given, WATCHER}):
        raise FailedError("permissions.json and the secrets of docker-compose.yml name other users")
    for each in permissions:
        if set(each) != {"user", "vhost", "configure", "write", "read"}:
            raise FailedError(f"a permission lacks a field or has one too many: {each['user']}")
        for right in ("configure", "write", "read"):
            try:
                re.compile(each[right])
            except re.error as error:
                raise FailedError(f"{each['user']}, {right}: {error}") from error


def haproxy() -> None:
    """Both files together, with a certificate made for the moment."""
    private = ROOT / ".runtime" / "haproxy" / "usr" / "sbin" / "haproxy"
    binary = shutil.which("haproxy") or (str(private) if private.exists() else None)
    if binary is None:
        raise SkippedError("haproxy is not installed (tools/setup.sh services)")
    with tempfile.TemporaryDirectory() as folder:
        certificate(Path(folder))
        arguments = []
        for file in (DEPLOY / "haproxy" / "haproxy.cfg", DEPLOY / "flower" / "haproxy-flower.cfg"):
            copy = Path(folder) / file.name
            copy.write_text(file.read_text(encoding="utf-8").replace("/etc/ocr-pipeline/tls", folder), encoding="utf-8")
            arguments += ["-f", str(copy)]
        told(binary, "-c", *arguments)


def envoy() -> None:
    """Envoy's own validation, with a certificate made for the moment."""
    binary = BIN / "envoy"
    if not binary.exists():
        raise SkippedError("envoy is not installed")
    with tempfile.TemporaryDirectory() as folder:
        certificate(Path(folder))
        copy = Path(folder) / "envoy.yaml"
        text = (DEPLOY / "envoy" / "envoy.yaml").read_text(encoding="utf-8")
        copy.write_text(text.replace("/etc/ocr-pipeline/tls", folder), encoding="utf-8")
        told(str(binary), "--mode", "validate", "-l", "error", "-c", str(copy))


def prometheus() -> None:
    """Configuration, rules, and the tests of the rules."""
    script = ROOT / "tools" / "promtool.sh"
    if not script.exists():
        raise SkippedError("tools/promtool.sh is not there")
    for arguments in (
        ("check", "config", "deploy/prometheus/prometheus.yml"),
        ("test", "rules", "deploy/prometheus/alerts_test.yml"),
    ):
        done = run(str(script), *arguments)
        if "promtool is missing" in done.stderr:
            raise SkippedError(done.stderr.strip())
        if done.returncode != 0:
            raise FailedError(done.stdout + done.stderr)


def certificate(folder: Path) -> None:
    """A self-signed one, in the forms that the proxies want. Raises SkippedError without openssl."""
    if shutil.which("openssl") is None:
        raise SkippedError("openssl is not installed")
    key, crt = folder / "tls.key", folder / "tls.crt"
    made = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    told("openssl", "req", "-x509", *made, "-keyout", str(key), "-out", str(crt))
    (folder / "proxy.pem").write_text(crt.read_text() + key.read_text(), encoding="utf-8")


def program(name: str) -> str:
    """A program of the virtual environment. Raises SkippedError."""
    path = BIN / name
    if not path.exists():
        raise SkippedError(f"{name} is not installed in this environment")
    return str(path)


def told(*command: str) -> str:
    """What a command says. Raises FailedError when it leaves with anything but 0."""
    done = run(*command)
    if done.returncode != 0:
        raise FailedError((done.stdout + done.stderr).strip())
    return done.stdout


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's folder."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
