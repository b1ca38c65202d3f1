"""A stand-in for vLLM in tests of `engine serve`.

`fake_vllm_program.py FOLDER MODEL --port N ...` does what `FOLDER/behaviour.json` says, and reads that at each turn:
  listen      false: does not listen yet
  exit        ends at once with this code
  text        what it reads in any picture
  busy        answers 503
  hang        takes requests and never answers
  running     what /metrics says of running requests
  stubborn    does not end on SIGTERM
  helper      starts a child process; "apart": in a session of its own
  shared      keeps something in shared memory
  say         lines to print when it starts
  say_asked   lines to print at each request
Asked to end by SIGTERM it leaves a file `FOLDER/asked`. It writes each start to `FOLDER/starts.jsonl`: its process, its
helper, its shared memory, its arguments, parts of its environment.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

KNOWN_TEXT = "8130"


@dataclass(frozen=True)
class Script:
    """What a test wants of the server."""

    folder: Path

    def write(self, **behaviour: Any) -> None:
        fresh = self.folder / "behaviour.new"
        fresh.write_text(json.dumps({"listen": True, "text": KNOWN_TEXT} | behaviour))
        fresh.replace(self.folder / "behaviour.json")

    def read(self) -> dict[str, Any]:
        behaviour: dict[str, Any] = json.loads((self.folder / "behaviour.json").read_text())
        return behaviour

    def starts(self) -> list[dict[str, Any]]:
        journal = self.folder / "starts.jsonl"
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def note_start(self, helper: int | None, shared: str | None) -> None:
        start = {
            "pid": os.getpid(),
            "helper": helper,
            "shared": shared,
            "arguments": sys.argv[2:],
            "secrets": [name for name in os.environ if name.startswith("OCR_PIPELINE_")],
            "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        }
        with (self.folder / "starts.jsonl").open("a") as journal:
            journal.write(json.dumps(start) + "\n")

    def note_end(self) -> None:
        """Asked to end, it ends."""
        (self.folder / "asked").touch()
        os._exit(0)

    def asked(self) -> bool:
        return (self.folder / "asked").exists()


class _Handler(BaseHTTPRequestHandler):
    script: Script

    def do_GET(self) -> None:
        running = self.script.read().get("running", 0)
        self._send(200, f"vllm:num_requests_running {running}\nvllm:num_requests_waiting 0\n".encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        behaviour = self.script.read()
        for line in behaviour.get("say_asked", []):
            _say(line)
        if behaviour.get("hang"):
            threading.Event().wait()
        if behaviour.get("busy"):
            self._send(503, b'{"error":{"message":"busy","type":"ServiceUnavailable","code":503}}')
            return
        self._send(200, json.dumps({"text": behaviour["text"]}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        del format, args


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def serve(folder: Path, port: int) -> None:
    script = Script(folder)
    behaviour = script.read()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour.get("stubborn") else lambda *_: script.note_end())
    helper = None
    if behaviour.get("helper"):
        sleep = [sys.executable, "-c", "import signal; signal.pause()"]
        helper = subprocess.Popen(sleep, start_new_session=behaviour["helper"] == "apart").pid
    memory = SharedMemory(create=True, size=4096) if behaviour.get("shared") else None
    script.note_start(helper, None if memory is None else memory.name)
    for line in behaviour.get("say", []):
        _say(line)
    while not script.read()["listen"] and "exit" not in script.read():
        time.sleep(0.02)
    if "exit" in script.read():
        sys.exit(script.read()["exit"])
    handler = type("Handler", (_Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.serve_forever()


def main() -> None:
    _, folder, _, *flags = sys.argv
    serve(Path(folder), int(flags[flags.index("--port") + 1]))


if __name__ == "__main__":
    main()
