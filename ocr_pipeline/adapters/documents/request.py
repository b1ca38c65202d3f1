"""What a parent asks of the nursery, and what it is told of a child's end.

Apart from the nursery itself, which loads MuPDF: no process that only asks pays for that.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.domain.documents import MediaType

READY = b"ready"
MAX_REQUEST_BYTES = 4096
_EXIT = struct.Struct(">iQ")


@dataclass(frozen=True, slots=True)
class Request:
    """What one child is to open, and within which limits; with `part_pages` it splits the file into such parts."""

    media_type: MediaType
    limits: OpenerLimits
    part_pages: int | None = None

    def encode(self) -> bytes:
        """The request as it travels."""
        values = {"media_type": self.media_type, "limits": asdict(self.limits), "part_pages": self.part_pages}
        return json.dumps(values).encode()

    @classmethod
    def decode(cls, data: bytes) -> Request:
        """Read a request of the parent, which is trusted."""
        values = json.loads(data)
        return cls(MediaType(values["media_type"]), OpenerLimits(**values["limits"]), values["part_pages"])


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child ended: its exit code, or minus the signal that ended it, and the most memory it had, in bytes."""

    code: int
    peak_bytes: int

    def encode(self) -> bytes:
        """The report as it travels."""
        return _EXIT.pack(self.code, self.peak_bytes)

    @classmethod
    def decode(cls, data: bytes) -> ChildExit:
        """Read a report of the nursery. Raises struct.error when it is cut."""
        return cls(*_EXIT.unpack(data))
