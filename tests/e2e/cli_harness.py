"""Running the installed command as a user does, and looking at what it leaves behind."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

PROGRAM = Path(sys.executable).with_name("ocr-pipeline")


def line_page(*lines: str) -> bytes:
    """A small PNG with a few printed lines: cheap to recognise."""
    image = Image.new("L", (900, 90 * len(lines) + 60), 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 40 + 90 * number), line, fill=0, font=ImageFont.load_default(44))
    data = io.BytesIO()
    image.save(data, "PNG", dpi=(200, 200))
    return data.getvalue()


class Cli:
    """The command over one data directory."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self._environment = environment

    def command(self, *arguments: str | Path) -> list[str]:
        """The words of a command line."""
        return [str(PROGRAM), "--data-dir", str(self.data), *(str(each) for each in arguments)]

    def environment(self) -> dict[str, str]:
        """As a user has it, without settings of the machine that runs the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OCR_PIPELINE_")}
        return kept | self._environment

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running.

        A shell that runs the tests in the background has them ignore Ctrl-C, and so would what they start.
        """
        return subprocess.Popen(
            ["env", "--default-signal=INT", *self.command(*arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )

    def run(self, *arguments: str | Path, code: int | Sequence[int] = 0, timeout: float = 600) -> Any:
        """Run a command with `--json` and give its answer."""
        done = subprocess.run(
            self.command(*arguments, "--json"),
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=timeout,
            check=False,
        )
        allowed = [code] if isinstance(code, int) else list(code)
        assert done.returncode in allowed, f"exit {done.returncode}: {done.stderr[-2000:]}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def fail(self, *arguments: str | Path, code: int) -> str:
        """Run a command that must fail; gives the one line it says."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment(), timeout=600, check=False
        )
        assert done.returncode == code, f"exit {done.returncode}: {done.stderr[-2000:]}"
        assert "Traceback" not in done.stderr
        return done.stderr.strip()
