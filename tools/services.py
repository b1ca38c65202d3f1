"""Private RabbitMQ, PostgreSQL and S3 servers on this machine, for tests and for trying the distributed pipeline.

    python tools/services.py up       start what is missing, wait until each answers, write the environment files
    python tools/services.py status   say what runs
    python tools/services.py env      print the settings of the product, to be sourced by a shell
    python tools/services.py down     stop everything and leave nothing behind

`services.env` in the directory (.runtime/services unless --dir names another) tells the tests where the servers are;
`pipeline.env` is what the product needs to use them. Data lives as long as the servers do: `up` after a crash starts
afresh.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider  # noqa: E402
from ocr_pipeline.adapters.postgres import file_locks  # noqa: E402
from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres  # noqa: E402
from ocr_pipeline.adapters.postgres.migrate import migrate  # noqa: E402
from ocr_pipeline.domain.errors import PipelineError  # noqa: E402
from tools.private_rabbitmq import PrivateRabbitMq, ServiceError, alive  # noqa: E402
from tools.private_seaweed import SeaweedServer  # noqa: E402

Environment = dict[str, str]


class Services:
    """The three servers under one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._broker = PrivateRabbitMq(self._directory / "rabbitmq")
        self._postgres_data = self._directory / "postgres"
        self._store_data = self._directory / "seaweed"
        self._store_state = self._directory / "seaweed.json"

    def up(self) -> None:
        """Start what does not run and write the environment files. Raises ServiceError, PipelineError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as starters:
            started = [
                starters.submit(start) for start in (self._start_broker, self._start_postgres, self._start_store)
            ]
        tests: Environment = {}
        product: Environment = {"OCR_PIPELINE_KEYS__PATH": str(self._keys())}
        for each in started:
            for_tests, for_product = each.result()
            tests |= for_tests
            product |= for_product
        _write(self._directory / "services.env", tests)
        _write(self._directory / "pipeline.env", product)

    def down(self) -> None:
        """Stop everything and delete the directory; nothing happens where nothing runs."""
        if not self._directory.exists():
            return
        self._broker.remove()
        self._stop_store()
        if self._postgres_data.exists():
            postgres = EmbeddedPostgres(self._postgres_data)
            postgres.start()
            postgres.close()
        shutil.rmtree(self._directory)

    def status(self) -> dict[str, bool]:
        """Which servers run."""
        return {
            "RabbitMQ": self._broker.running(),
            "PostgreSQL": not file_locks.is_free(self._postgres_data / "server.lock"),
            "S3": self._store_runs(),
        }

    def product_environment(self) -> str:
        """The lines of `pipeline.env`. Raises ServiceError before `up`."""
        try:
            return (self._directory / "pipeline.env").read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ServiceError("the services are not up: python tools/services.py up") from None

    def _start_broker(self) -> tuple[Environment, Environment]:
        if not self._broker.running():
            self._broker.remove()
            self._broker.start()
        url = self._broker.url
        return {"OCR_TEST_AMQP_URL": url}, {"OCR_PIPELINE_BROKER__URL": url}

    def _start_postgres(self) -> tuple[Environment, Environment]:
        """The server is left running: it stops when `down` joins it and leaves as the last one."""
        postgres = EmbeddedPostgres(self._postgres_data, max_connections=200, fsync=False)
        postgres.start()
        migrate(postgres.url)
        tests = {"OCR_TEST_POSTGRES_URL": postgres.admin_url.render_as_string(hide_password=False)}
        return tests, {"OCR_PIPELINE_DATABASE__URL": postgres.url.render_as_string(hide_password=False)}

    def _start_store(self) -> tuple[Environment, Environment]:
        if not self._store_runs():
            self._stop_store()
            server = SeaweedServer(self._store_data)
            server.start()
            names = ("endpoint_url", "access_key", "secret_key")
            facts = {"pid": server.pid} | {name: getattr(server.endpoint, name) for name in names}
            self._store_state.touch(mode=0o600)
            self._store_state.write_text(json.dumps(facts), encoding="utf-8")
        facts = json.loads(self._store_state.read_text(encoding="utf-8"))
        url, access, secret = facts["endpoint_url"], facts["access_key"], facts["secret_key"]
        tests = {"OCR_TEST_S3_URL": url, "OCR_TEST_S3_ACCESS_KEY": access, "OCR_TEST_S3_SECRET_KEY": secret}
        product = {
            "OCR_PIPELINE_STORAGE__KIND": "s3",
            "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
            "OCR_PIPELINE_STORAGE__ENDPOINT_URL": url,
            "OCR_PIPELINE_STORAGE__ACCESS_KEY": access,
            "OCR_PIPELINE_STORAGE__SECRET_KEY": secret,
        }
        return tests, product

    def _store_runs(self) -> bool:
        try:
            pid = int(json.loads(self._store_state.read_text(encoding="utf-8"))["pid"])
            ours = os.fsencode(self._store_data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return ours and alive(pid)

    def _stop_store(self) -> None:
        if self._store_runs():
            pid = int(json.loads(self._store_state.read_text(encoding="utf-8"))["pid"])
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(self._store_data, ignore_errors=True)

    def _keys(self) -> Path:
        path = self._directory / "keys.json"
        if not path.exists():
            LocalFileKeyProvider.create(path)
        return path


def _write(path: Path, environment: Mapping[str, str]) -> None:
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    path.touch(mode=0o600)
    path.write_text("".join(lines), encoding="utf-8")


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Private services for tests and trials.")
    parser.add_argument("command", choices=["up", "down", "status", "env"])
    parser.add_argument("--dir", type=Path, default=ROOT / ".runtime" / "services")
    arguments = parser.parse_args()
    services = Services(arguments.dir)

    def status() -> None:
        for name, runs in services.status().items():
            print(f"{name}: {'up' if runs else 'down'}")

    commands: dict[str, Callable[[], None]] = {
        "up": services.up,
        "down": services.down,
        "status": status,
        "env": lambda: print(services.product_environment(), end=""),
    }
    try:
        commands[arguments.command]()
    except (ServiceError, PipelineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
