"""Words with confidence: each word of a parsed page is found again among the tokens that wrote it.

The parser says what the words are and in which order they were written; between them stands markup. So one scan from
front to back finds each again. Character references and escapes are read as what they stand for, and a letter may be
one character or a base with marks. Words that the parser put together from markup (`10³` from `10^{3}`) are looked for
between their neighbours, and are as likely as the least likely token there. A word that is not found again has no
score, and takes nobody else's.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Block, Line, Word
from ocr_pipeline.recognition.generative.scores import Piece, ScoreRules, confidence_of
from ocr_pipeline.recognition.generative.transcript import Transcript
from ocr_pipeline.recognition.profiles.profile import ParsedBlock

_NO_TEXT = re.compile(
    r"<\|det\|>[^<]*<\|/det\|>|<\|?/?[A-Za-z][^<>\n]{0,200}>|\"(?:bbox|bbox_2d|box_2d)\"\s*:\s*\[[\d\s.,]*\]"
)
_UNIT = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|\\(?=[!-/:-@\[-`{-~])|.", re.DOTALL)
_COMMAND = re.compile(r"[<\\][A-Za-z]")
_BLOT = "\0"
_AHEAD = 6
_FEWEST_PASSED = 2
_TRIES = 500
_LONGEST_MARKUP = 48
_MARKUP_EACH = 4


def page_blocks(
    parsed: Sequence[ParsedBlock], transcript: Transcript, rules: ScoreRules | None = None
) -> tuple[Block, ...]:
    """The parsed blocks with a confidence on each word; lines and blocks without words are left out.

    A word without a score carries the doubt `unscored`.
    """
    rules = rules or ScoreRules()
    texts = [[line.split() for line in block.lines] for block in parsed]
    flat = [word for lines in texts for line in lines for word in line]
    spans = _Search(transcript.text).spans(flat)
    spans = _between_neighbours(flat, spans, transcript.text)
    tokens = _Tokens(transcript)
    words = (_word(text, tokens.of(span) if span else (), rules) for text, span in zip(flat, spans, strict=True))
    made = (
        Block(tuple(Line(tuple(next(words) for _ in line)) for line in lines if line), block.kind)
        for block, lines in zip(parsed, texts, strict=True)
    )
    return tuple(block for block in made if block.lines)


def _between_neighbours(words: Sequence[str], spans: Sequence[_Span | None], text: str) -> list[_Span | None]:
    """Give words that were not found what stands between their neighbours, where that may be how they were written.

    It may when, tags aside, it is not much longer and holds the same digits and at least half the letters. A mark such
    as a ticked box may come from a tag or a command alone.
    """
    filled = list(spans)
    start = 0
    while start < len(filled):
        end = start
        while end < len(filled) and filled[end] is None:
            end += 1
        if end > start:
            before, after = filled[start - 1] if start else None, filled[end] if end < len(filled) else None
            between = _Span(before.end if before else 0, after.start if after else len(text), loose=True)
            if _may_be("".join(words[start:end]), text[between.start : between.end]):
                filled[start:end] = [between] * (end - start)
        start = end + 1
    return filled


def _may_be(word: str, written: str) -> bool:
    text = _NO_TEXT.sub(" ", written)
    if len(text) > _LONGEST_MARKUP + len(word) * _MARKUP_EACH:
        return False
    if not any(map(str.isalnum, word)):
        return _COMMAND.search(written) is not None
    read, plain = (unicodedata.normalize("NFKC", text) for text in (text, word))
    known = [sign in read for sign in plain if sign.isalnum()]
    return 2 * sum(known) >= len(known) and [*filter(str.isdecimal, read)] == [*filter(str.isdecimal, plain)]


def _word(text: str, pieces: Sequence[Piece], rules: ScoreRules) -> Word:
    confidence = confidence_of(pieces, rules)
    if confidence is None:
        return Word(text, rules.unscored, doubts=(PageReason.UNSCORED.value,))
    return Word(text, confidence)


@dataclass(frozen=True, slots=True)
class _Span:
    """Characters of the transcript's text from `start` to before `end`; a loose one holds markup besides the word."""

    start: int
    end: int
    loose: bool = False


class _Tokens:
    """The tokens by the places of the characters they wrote."""

    def __init__(self, transcript: Transcript) -> None:
        self._tokens = transcript.tokens
        self._ends = list(accumulate(len(token.text) for token in transcript.tokens))

    def of(self, span: _Span) -> tuple[Piece, ...]:
        """What each token gives to the characters of a span; of a loose one, only tokens with letters or digits.

        Tokens that wrote nothing belong to what comes next: a character may come in pieces, and each can be wrong.
        """
        start, end = span.start, span.end
        first, last = bisect_right(self._ends, start), bisect_right(self._ends, end - 1)
        while first and not self._tokens[first - 1].text:
            first -= 1
        pieces = []
        for at in range(first, last + 1):
            token = self._tokens[at]
            begins = self._ends[at] - len(token.text)
            written = token.text[max(0, start - begins) : max(0, end - begins)]
            if not span.loose or any(map(str.isalnum, written)):
                pieces.append(Piece(written, token.logprob))
        return tuple(pieces)


@dataclass(frozen=True, slots=True)
class _Letters:
    """A text as its letters, decomposed (NFD), and for each where the characters that it comes from start and end."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> _Letters:
        letters: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for match in _UNIT.finditer(text):
            for letter in _read(match[0]):
                letters.append(letter)
                starts.append(match.start())
                ends.append(match.end())
        return cls("".join(letters), tuple(starts), tuple(ends))

    def without(self, hidden: Sequence[tuple[int, int]]) -> str:
        """The letters, those from hidden stretches of the text blotted out."""
        letters = list(self.text)
        for start, end in hidden:
            for at in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
                letters[at] = _BLOT
        return "".join(letters)


def _read(unit: str) -> str:
    """What a character, a character reference or an escaping stroke stands for."""
    if unit == "\\":
        return ""
    plain = html.unescape(unit) if len(unit) > 1 else unit
    return plain if plain.isascii() else unicodedata.normalize("NFD", plain)


class _Search:
    """Finds words in order; each search goes on where the last word that was found ends."""

    def __init__(self, text: str) -> None:
        self._letters = _Letters.of(text)
        # What stands inside a tag (`colspan="2"`) or says where a block is hardly ever is text of the page.
        self._plain = self._letters.without([found.span() for found in _NO_TEXT.finditer(text)])

    def spans(self, words: Sequence[str]) -> list[_Span | None]:
        """Where each word was written, None where it is not found again."""
        wanted = [_Letters.of(word).text for word in words]
        spans: list[_Span | None] = []
        cursor = 0
        for at, word in enumerate(wanted):
            place = self._place(word, cursor, wanted[at + 1 : at + 1 + _AHEAD])
            if place is None:
                spans.append(None)
                continue
            cursor = place + len(word)
            spans.append(_Span(self._letters.starts[place], self._letters.ends[cursor - 1]))
        return spans

    def _place(self, word: str, cursor: int, following: Sequence[str]) -> int | None:
        """Where the word stands: as close before the next word as it can, for what it passes by is markup."""
        place = self._first(word, cursor, following)
        if place is None or not following:
            return place
        after = self._first(following[0], place + len(word), following[1:])
        while after is not None:
            nearer = self._next(word, place + len(word), after)
            if nearer is None or nearer + len(word) > after:
                break
            place = nearer
        return place

    def _first(self, word: str, cursor: int, following: Sequence[str]) -> int | None:
        """The first place from `cursor` on, on its own if it can be; None when only a leap would reach it."""
        for text, alone in ((self._plain, True), (self._plain, False), (self._letters.text, True)):
            place = self._next(word, cursor, len(text), text, alone=alone)
            if place is not None and not self._leaps(cursor, place, following):
                return place
        return None

    def _leaps(self, cursor: int, place: int, following: Sequence[str]) -> bool:
        """Whether half the words that come next stand between the two places: then this one was not written here."""
        passed = 0
        for word in following:
            found = self._next(word, cursor, place)
            if found is not None:
                passed += 1
                cursor = found + len(word)
        return passed >= _FEWEST_PASSED and passed * 2 >= len(following)

    def _next(self, word: str, start: int, end: int, text: str | None = None, *, alone: bool = True) -> int | None:
        text = self._plain if text is None else text
        place = start - 1
        for _ in range(_TRIES if word else 0):
            place = text.find(word, place + 1, end)
            if place < 0:
                return None
            if self._is_whole(place, len(word)) and not (alone and _is_part(text, place, place + len(word))):
                return place
        return None

    def _is_whole(self, place: int, length: int) -> bool:
        """Whether no character is cut in two: the letters of a Hangul syllable are no word."""
        after = place + length
        starts = self._letters.starts
        return (place == 0 or starts[place - 1] < starts[place]) and (
            after == len(starts) or starts[after - 1] < starts[after]
        )


def _is_part(text: str, start: int, end: int) -> bool:
    """Whether letters or digits go on beyond either end."""
    before, after = text[max(0, start - 1) : start + 1], text[end - 1 : end + 1]
    return (start > 0 and before.isalnum()) or (end < len(text) and after.isalnum())
