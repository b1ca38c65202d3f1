"""What a worker process is for, told by the queues it consumes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ocr_pipeline.adapters.queues.topology import BULK, INTAKE_LANES, MAINTENANCE, RECOGNITION_LANES
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.priorities import QUARANTINE, Stage


class Role(StrEnum):
    """One stage a process: what it may reach and how it runs follow from it."""

    INTAKE = "intake"
    RECOGNITION = "recognition"
    QUARANTINE = "quarantine"
    RESULTS = "results"
    MAINTENANCE = "maintenance"
    BULK = "bulk"

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues a process of this role may consume."""
        return _QUEUES[self]


_QUEUES: dict[Role, tuple[str, ...]] = {
    Role.INTAKE: INTAKE_LANES,
    Role.RECOGNITION: RECOGNITION_LANES,
    Role.QUARANTINE: (QUARANTINE,),
    Role.RESULTS: (Stage.RESULTS.value,),
    Role.MAINTENANCE: (MAINTENANCE,),
    Role.BULK: (BULK,),
}


def role_of(queues: Iterable[str]) -> Role:
    """The role whose queues these are, all or some. Raises ConfigurationError where they belong to several or none."""
    wanted = set(queues)
    for role in Role:
        if wanted and wanted <= set(role.queues):
            return role
    choices = "; ".join(f"-Q {','.join(role.queues)}" for role in Role)
    raise ConfigurationError(f"a worker serves one stage: start it with one of {choices}")
