"""One page's request as vLLM's chat protocol wants it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from ocr_pipeline.adapters.engines.vllm.page_image import servable
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import GenerationRequest, Sampling

REQUEST_ID_HEADER = "X-Request-Id"
"""vLLM makes the answer's id of it, by which an answer is known to be ours."""

_PROCESSOR = "mm_processor_kwargs"


def encode(request: GenerationRequest) -> bytes:
    """The body as JSON. Takes a while for large pages. Raises PageUnreadable for a TIFF that cannot be decoded."""
    return json.dumps(body(request), ensure_ascii=False, separators=(",", ":")).encode()


def headers(request: GenerationRequest, api_key: str | None) -> dict[str, str]:
    """The headers that go with the body."""
    return {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        REQUEST_ID_HEADER: request.request_id,
        **authorisation(api_key),
    }


def authorisation(api_key: str | None) -> dict[str, str]:
    """The header that shows the API key, none where there is no key."""
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def body(request: GenerationRequest) -> dict[str, object]:
    """The fields of the body. A field in `sampling.extra` adds to these and replaces none of them."""
    fields: dict[str, object] = {
        **request.sampling.extra,
        "model": request.model,
        "messages": _messages(request),
        "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **_sampling(request.sampling),
    }
    if request.logprobs:
        fields["logprobs"] = True
    # A server that schedules by arrival refuses every other priority.
    if request.priority:
        fields["priority"] = request.priority
    bounds = _pixel_bounds(request)
    if bounds:
        more = request.sampling.extra.get(_PROCESSOR)
        fields[_PROCESSOR] = {**(more if isinstance(more, Mapping) else {}), **bounds}
    return fields


def data_url(page: PageImage) -> str:
    """The image in the very bytes it is stored in (a TIFF: the same pixels), as an RFC 2397 URL."""
    image = servable(page)
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"


def _messages(request: GenerationRequest) -> list[dict[str, object]]:
    asked: list[dict[str, object]] = [{"type": "image_url", "image_url": {"url": data_url(request.page)}}]
    if request.prompt:
        asked.insert(1 if request.image_first else 0, {"type": "text", "text": request.prompt})
    system: list[dict[str, object]] = []
    if request.system is not None:
        system.append({"role": "system", "content": request.system})
    return [*system, {"role": "user", "content": asked}]


def _sampling(sampling: Sampling) -> dict[str, object]:
    """All three figures are always sent: a server fills gaps with defaults that the model's makers chose for chat."""
    fields: dict[str, object] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "repetition_penalty": sampling.repetition_penalty,
    }
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.repetition is not None:
        fields["repetition_detection"] = {
            "max_pattern_size": sampling.repetition.longest,
            "min_pattern_size": 1,
            "min_count": sampling.repetition.count,
        }
    return fields


def _pixel_bounds(request: GenerationRequest) -> dict[str, int]:
    bounds = {"min_pixels": request.min_pixels, "max_pixels": request.max_pixels}
    return {name: pixels for name, pixels in bounds.items() if pixels is not None}
