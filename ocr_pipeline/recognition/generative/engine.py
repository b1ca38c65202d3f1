"""The engine over vision-language models: a page is looked at, sized, read under guard, and weighed word by word."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from uuid import uuid4

from ocr_pipeline.domain.errors import ReadingGuarded
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Block, PageText
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.ports.generation import Finish, GenerationRequest
from ocr_pipeline.ports.survey import Survey, Surveyor
from ocr_pipeline.recognition.generative.budget import Plan, TokenBudget
from ocr_pipeline.recognition.generative.loop import LoopThread
from ocr_pipeline.recognition.generative.observer import ReadingObserver
from ocr_pipeline.recognition.generative.reading import Reading, StreamReader
from ocr_pipeline.recognition.generative.words import page_blocks
from ocr_pipeline.recognition.guards import EXAMINED, Circumstances, GuardRules, examine
from ocr_pipeline.recognition.pool.pool import Lease, ServerPool
from ocr_pipeline.recognition.profiles.profile import ModelProfile

BLANK = "blank"
"""The note on a page where nothing is written, so that nobody was asked to read it."""

_NOT_MENDED_BY_TRYING = frozenset({PageReason.INSTRUCTIONS_ON_PAGE.value})


@dataclass(frozen=True, slots=True)
class Model:
    """The model as the servers call it; `scored` asks for the probability of each token."""

    name: str
    profile: ModelProfile
    max_model_len: int
    scored: bool = True


class GenerativeEngine:
    """The `Engine` port over a pool of generation servers. Its threads wait, one event loop does the talking."""

    def __init__(
        self,
        model: Model,
        pool: ServerPool,
        surveyor: Surveyor,
        loop: LoopThread,
        guards: GuardRules,
        observer: ReadingObserver,
    ) -> None:
        self._model = model
        self._budget = TokenBudget(model.profile, model.max_model_len)
        self._pool = pool
        self._surveyor = surveyor
        self._loop = loop
        self._guards = guards
        self._observer = observer
        self._name = f"vllm/{model.profile.name}/{model.name}"

    @property
    def name(self) -> str:
        """Profile and model, as kept beside each result."""
        return self._name

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        """Read one page; see the port for the errors raised.

        Raises ContextTooLong for a page that does not fit, and ReadingGuarded when a guard spoke, unless this is the
        last attempt: then the reading is given with the guards' reasons among its notes.
        """
        ends = time.monotonic() + options.timeout
        survey = self._surveyor.survey(page)
        if survey.ink <= self._guards.blank_ink:
            return self._page(page, survey, (), (BLANK,))
        plan = self._budget.plan(page, options.attempt, survey.glyphs)
        request = self._request(page, plan, options)
        reading = self._loop.run(self._read(request, options, survey, ends - time.monotonic()))
        return self._judged(page, survey, reading, options)

    def check(self) -> None:
        """Raise EngineUnavailable unless some server reads the known picture now."""
        self._loop.run(self._pool.check())

    def close(self) -> None:
        """Close the pool and the loop; pages in hand end with EngineUnavailable. Safe to call twice."""
        if not self._loop.is_closed:
            self._loop.run(self._pool.close())
            self._loop.close()

    async def _read(
        self, request: GenerationRequest, options: RecognitionOptions, survey: Survey, seconds: float
    ) -> Reading:
        started = time.monotonic()

        async def work(lease: Lease) -> Reading:
            reader = StreamReader(survey, self._model.profile)
            async with aclosing(lease.server.generate(request)) as pieces:
                async for piece in pieces:
                    lease.progressed()
                    if isinstance(piece, Finish):
                        return reader.finished(piece)
                    if reader.take(piece):
                        self._observer.cut(tokens=reader.tokens)
                        return reader.finished(None)
            return reader.finished(None)

        reading = await self._pool.run(
            work,
            session=options.session,
            page=options.page,
            priority=options.priority,
            deadline=asyncio.get_running_loop().time() + seconds,
        )
        self._observer.generated(
            prompt_tokens=reading.prompt_tokens,
            completion_tokens=reading.completion_tokens,
            seconds=time.monotonic() - started,
        )
        return reading

    def _judged(self, page: PageImage, survey: Survey, reading: Reading, options: RecognitionOptions) -> PageText:
        blocks = page_blocks(self._model.profile.parse(reading.transcript.text), reading.transcript)
        text = PageText(blocks, self._name, page.width, page.height, ink=survey.ink)
        finish = None if reading.transcript.finish is None else reading.transcript.finish.reason
        known = Circumstances(survey.glyphs, survey.twins, self._model.profile.prompt, finish)
        spoken = (*(reason.value for reason in reading.reasons), *examine(text, self._guards, known))
        reasons = tuple(dict.fromkeys(spoken))
        for reason in reasons:
            self._observer.guard_spoke(reason)
        mendable = [reason for reason in reasons if reason not in _NOT_MENDED_BY_TRYING]
        if mendable and not options.last:
            raise ReadingGuarded(mendable[0])
        return self._page(page, survey, blocks, (EXAMINED, *reasons))

    def _page(self, page: PageImage, survey: Survey, blocks: tuple[Block, ...], notes: tuple[str, ...]) -> PageText:
        return PageText(blocks, self._name, page.width, page.height, ink=survey.ink, notes=notes)

    def _request(self, page: PageImage, plan: Plan, options: RecognitionOptions) -> GenerationRequest:
        profile = self._model.profile
        return GenerationRequest(
            model=self._model.name,
            request_id=uuid4().hex,
            page=page,
            prompt=profile.prompt,
            system=profile.system,
            image_first=profile.image_first,
            sampling=profile.sampling_for(options.attempt),
            max_tokens=plan.max_tokens,
            priority=options.priority,
            min_pixels=profile.image.min_pixels if profile.image.adjustable else None,
            max_pixels=plan.max_pixels if profile.image.adjustable else None,
            logprobs=self._model.scored,
        )
