"""Pages that belong together on one server, while that server is not much busier than the others.

Rendezvous hashing (Thaler and Ravishankar, 1998): every server gets a number from the session and its own name, and
the highest wins. All workers agree without talking to each other, and when a server goes, only its sessions move.
Loads are bounded as in consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018): a server well
above the mean is passed over, so that one long chart does not queue behind itself while others stand idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from ocr_pipeline.recognition.pool.node import Node


@dataclass(frozen=True, slots=True)
class SessionAffinity:
    """A session's server takes its page while it has at most `bound` times the mean of active requests, plus `slack`.

    The slack keeps small numbers from counting: on an idle fleet the second page of a session is not yet a burden.
    """

    bound: float = 1.25
    slack: int = 2

    def __post_init__(self) -> None:
        if self.bound < 1 or self.slack < 0:
            raise ValueError("a bound below the mean would pass over every server")

    def choose(self, nodes: Sequence[Node], session: str) -> Node | None:
        """The session's server among these (healthy and with room), None when it has too much to do already."""
        if not nodes:
            return None
        home = max(nodes, key=lambda node: _weight(session, node.id))
        mean = sum(node.active for node in nodes) / len(nodes)
        return home if home.active <= self.bound * mean + self.slack else None


def _weight(session: str, server: str) -> bytes:
    # The length in front keeps ("a", "bc") and ("ab", "c") apart.
    return blake2b(f"{len(session)}:{session}{server}".encode(), digest_size=8).digest()
