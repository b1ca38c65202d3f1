"""Whatever is handed in, read, asked for anew or erased: a text was read for its own client, from its own image."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import TRUSTED_STATES, Page
from tests.unit.world import PNG, World, image_page, page_text

IMAGES = st.integers(1, 3)
CLIENTS = st.sampled_from([ClientId("hospital-a"), ClientId("hospital-b")])
CONFIGURATIONS = ("engine-1", "engine-2")


class PageCache(RuleBasedStateMachine):
    """One pipeline whose engine says, in each text, for whom, from what, how and how early it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(configuration=CONFIGURATIONS[0])
        self.configuration = CONFIGURATIONS[0]
        self.files = 0
        self.readings = 0
        self.expected: dict[DocumentId, tuple[ClientId, list[int], str]] = {}
        self.fresh_from: dict[DocumentId, int] = {}

    @rule(client=CLIENTS, images=st.lists(IMAGES, min_size=1, max_size=3), again=st.booleans())
    def hand_in(self, client: ClientId, images: list[int], again: bool) -> None:
        """A new file; what must be read is read at once, so that one configuration counts for all of it."""
        world = self.world
        self.files += 1
        world.opener.pages = [replace(image_page(image), number=place) for place, image in enumerate(images, 1)]
        receipt = world.receive(PNG, b"%d" % self.files, client_id=client, again=again)
        self.expected[receipt.document_id] = (client, images, self.configuration)
        if again:
            self.fresh_from[receipt.document_id] = self.readings
        world.admit(world.queue.intake.pop())
        while world.queue.recognition:
            task = world.queue.recognition.pop()
            self.readings += 1
            image = images[task.page.number - 1]
            said = (client, f"image-{image}", self.configuration, str(self.readings))
            world.engine.page = page_text(*said, confidence=0.99)
            world.apply(world.recognise(task))

    @rule(place=st.integers(0, 20))
    def erase(self, place: int) -> None:
        """One of the documents goes."""
        if self.expected:
            self.world.erase(sorted(self.expected)[place % len(self.expected)], actor="test")

    @rule()
    def change_the_engine(self) -> None:
        """Pages are read in the other way from now on."""
        first, second = CONFIGURATIONS
        self.configuration = second if self.configuration == first else first
        self.world.configure(self.configuration)

    @invariant()
    def every_text_is_of_its_own_client_image_and_configuration(self) -> None:
        """And a document that was asked for anew holds nothing read before it came."""
        for document_id, (client, images, configuration) in self.expected.items():
            document = self.world.document(document_id)
            if document.state is DocumentState.ERASED:
                continue
            assert document.state is DocumentState.COMPLETED
            pages = self.world.read(document_id, actor="test").pages
            for image, page in zip(images, pages, strict=True):
                whose, what, how, when = page.text.split()
                assert (whose, what, how) == (client, f"image-{image}", configuration)
                assert int(when) > self.fresh_from.get(document_id, 0)

    @invariant()
    def every_page_is_known_or_was_sent(self) -> None:
        """Never both, never neither."""
        rows: list[Page] = list(self.world.records.tables.pages.values())
        assert all(row.state in TRUSTED_STATES and row.known is (row.dispatch == 0) for row in rows)


TestPageCache = PageCache.TestCase
TestPageCache.settings = settings(stateful_step_count=20)
