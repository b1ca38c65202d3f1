"""The proof that a server works: it reads a tiny known picture."""

from __future__ import annotations

from contextlib import aclosing
from uuid import uuid4

from ocr_pipeline.domain.errors import EngineGarbage
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import GenerationRequest, GenerationServer, Token
from ocr_pipeline.recognition.profiles.profile import ModelProfile

_MOST_TOKENS = 64
_FIRST = 0


class KnownPictureProbe:
    """Has a server read the profile's known picture, before all pages that wait there."""

    def __init__(self, model: str, profile: ModelProfile) -> None:
        self._model = model
        self._profile = profile

    async def __call__(self, server: GenerationServer) -> None:
        """Raises what the server raises, EngineGarbage when it reads something else."""
        picture = self._profile.known_picture
        request = GenerationRequest(
            model=self._model,
            request_id=f"probe-{uuid4().hex}",
            page=PageImage(picture.png, "image/png", picture.width, picture.height),
            prompt=self._profile.prompt,
            system=self._profile.system,
            image_first=self._profile.image_first,
            sampling=self._profile.sampling,
            max_tokens=_MOST_TOKENS,
            priority=_FIRST,
            # As pages are asked for: a server that starts has then done once all that the first page needs.
            logprobs=True,
        )
        wanted = _folded(picture.text)
        text = ""
        async with aclosing(server.generate(request)) as stream:
            async for piece in stream:
                if isinstance(piece, Token):
                    text += piece.text
                # The rest of the answer is of no interest once the known text stands there.
                if wanted in _folded(text):
                    return
        raise EngineGarbage("the server read the known picture wrongly")


def _folded(text: str) -> str:
    return "".join(text.split())
