"""The ONNX models that the rapidocr wheel carries, opened from disk: nothing here can reach the network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as states

from ocr_pipeline.domain.errors import EngineUnavailable

_DETECTOR = "PP-OCRv6_det_small.onnx"
_READER = "PP-OCRv6_rec_small.onnx"
_TURN = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
_SILENT = 3

NETWORK_ERRORS: Final[tuple[type[Exception], ...]] = (
    RuntimeError,
    ValueError,
    *(kind for kind in vars(states).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)
"""What onnxruntime raises: beside Python's own, a dozen classes with no common base but Exception."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the three networks lie: the line detector, the line reader, and the one that sees lines upside down."""

    detector: Path
    reader: Path
    turn: Path

    @classmethod
    def bundled(cls) -> Self:
        """The files inside the installed rapidocr package. Raises EngineUnavailable when it or a file is missing."""
        package = find_spec("rapidocr")
        if package is None or package.origin is None:
            raise EngineUnavailable("the Python package rapidocr is not installed")
        folder = Path(package.origin).parent / "models"
        return cls(folder / _DETECTOR, folder / _READER, folder / _TURN)


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open one network for use by many threads: each call runs on its caller's thread alone.

    Raises EngineUnavailable when the file is missing or damaged.
    """
    if not path.is_file():
        raise EngineUnavailable(f"the model file {path.name} is missing: install rapidocr again")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Without the arena every layer's memory is fetched from the system anew: a fifth of the detector's time.
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = False
    options.log_severity_level = _SILENT
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except NETWORK_ERRORS as error:
        raise EngineUnavailable(f"the model file {path.name} cannot be loaded") from error
