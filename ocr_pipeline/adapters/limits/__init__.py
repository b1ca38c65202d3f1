"""Token buckets outside the database: in one process, or shared through a Valkey or Redis server.

The arithmetic is a page long and lies here. A library that keeps a bucket as a bare time, which the allowance of the
moment does not bound (throttled-py is one), locks every client out for as long as the server's clock was set back.
"""

from ocr_pipeline.adapters.limits.fallback import FallbackLimiter
from ocr_pipeline.adapters.limits.memory import MemoryLimiter
from ocr_pipeline.adapters.limits.valkey import ValkeyLimiter

__all__ = ["FallbackLimiter", "MemoryLimiter", "ValkeyLimiter"]
