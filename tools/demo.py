"""The demo: the shipped samples through the whole pipeline with the embedded defaults, then the audit and the reviews.

Usage: python tools/demo.py FOLDER
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).with_name("ocr-pipeline")
RUN_REFUSED_SOME = 5


def main() -> int:
    """Run the demo; gives the first exit code that tells of a failure."""
    folder = Path(sys.argv[1]).resolve()
    inputs, output, data = folder / "input", folder / "output", folder / "data"
    gather(inputs)
    own_tessdata = ROOT / ".runtime" / "tessdata"
    if own_tessdata.is_dir():
        os.environ["TESSDATA_PREFIX"] = str(own_tessdata)
    pipeline = [str(PROGRAM), "--data-dir", str(data)]
    title("1. Recognise the sample documents: ocr-pipeline run")
    code = subprocess.run([*pipeline, "run", str(inputs), "--out", str(output)], check=False).returncode
    if code not in {0, RUN_REFUSED_SOME}:
        return code
    title("2. Pages that a machine must not accept: ocr-pipeline review list")
    code = subprocess.run([*pipeline, "review", "list"], check=False).returncode
    title("3. What happened to every page, proven: ocr-pipeline audit verify")
    code = code or subprocess.run([*pipeline, "audit", "verify"], check=False).returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    title("Where things lie")
    print(f"  texts      {output}")
    print(f"  encrypted  {data}")
    print(f"  memory     {peak:.0f} MiB at most in one process")
    print("  again      make demo (nothing is recognised twice); make demo-clean forgets it")
    return code


def gather(inputs: Path) -> None:
    """Link the shipped documents, without their ground truth, into the input folder."""
    inputs.mkdir(parents=True, exist_ok=True)
    samples = ROOT / "samples"
    for line in (samples / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        name = json.loads(line)["file"]
        if not (inputs / name).exists():
            (inputs / name).symlink_to(samples / name)


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
