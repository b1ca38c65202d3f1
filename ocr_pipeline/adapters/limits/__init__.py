"""Token buckets outside the database: in this process, or in a Valkey that many processes share."""

from ocr_pipeline.adapters.limits.memory import MemoryLimiter
from ocr_pipeline.adapters.limits.valkey import ValkeyLimiter

__all__ = ["MemoryLimiter", "ValkeyLimiter"]
