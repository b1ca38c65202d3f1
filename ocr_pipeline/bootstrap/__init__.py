"""The one place that builds adapters from settings, wires the use cases, and closes everything again."""

from ocr_pipeline.bootstrap.adapters import create_key_file, declare_queues, migrate_database
from ocr_pipeline.bootstrap.application import Application, application
from ocr_pipeline.bootstrap.bulk import bulk_stage
from ocr_pipeline.bootstrap.checks import Finding, examine
from ocr_pipeline.bootstrap.front_door import FrontDoor, front_door
from ocr_pipeline.bootstrap.stages import intake_stage, reader, recognition_stage, reconcile_stage, results_stage

__all__ = [
    "Application",
    "Finding",
    "FrontDoor",
    "application",
    "bulk_stage",
    "create_key_file",
    "declare_queues",
    "examine",
    "front_door",
    "intake_stage",
    "migrate_database",
    "reader",
    "recognition_stage",
    "reconcile_stage",
    "results_stage",
]
