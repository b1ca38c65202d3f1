"""What a process loads that only asks: commands, gateways and workers start often, and many run beside each other."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("alembic", "boto3", "celery", "cv2", "fastapi", "mako", "numpy", "PIL", "pymupdf")
"""MuPDF alone costs a quarter of a second and 25 MB; Alembic half a second."""


def test_the_pipeline_starts_without_what_not_every_process_needs() -> None:
    asked = f"import sys, ocr_pipeline.bootstrap; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
