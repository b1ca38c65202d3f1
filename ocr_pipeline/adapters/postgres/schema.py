"""Every table there is: what the migrations make."""

from __future__ import annotations

from ocr_pipeline.adapters.postgres import bulk_tables, front_door_tables, tables, trigger_tables

metadata = tables.metadata
"""Holds them all once the modules that define them are imported."""

MODULES = (tables, front_door_tables, trigger_tables, bulk_tables)
