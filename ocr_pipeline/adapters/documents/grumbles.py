"""What C libraries print on standard error, counted.

libtiff fills what it cannot decode and says so nowhere but there, and Pillow takes the result for an image. A child
therefore listens to its own standard error. What is printed may quote the document and never leaves the child.
"""

from __future__ import annotations

import os

_READ_BYTES = 65536
_STANDARD_ERROR = 2


class Grumbles:
    """Standard error as a pipe this process reads itself. What does not fit is lost, not waited for."""

    def __init__(self) -> None:
        self.descriptor, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.dup2(writer, _STANDARD_ERROR)
        os.close(writer)

    def take(self) -> int:
        """How many errors were printed since the last call; warnings do not count."""
        printed = b""
        while True:
            try:
                printed += os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                break
        return sum(b"Warning," not in line for line in printed.splitlines())


class NoGrumbles(Grumbles):
    """For a process that leaves its standard error alone."""

    def __init__(self) -> None:
        self.descriptor = -1

    def take(self) -> int:
        """Nothing."""
        return 0
