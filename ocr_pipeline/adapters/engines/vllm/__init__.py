"""A model server that speaks vLLM's dialect of the OpenAI chat protocol: see `client` for the server itself."""

from __future__ import annotations

from ocr_pipeline.adapters.engines.vllm.client import VllmServer

__all__ = ["VllmServer"]
