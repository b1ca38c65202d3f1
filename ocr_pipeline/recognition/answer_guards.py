"""Guards against what only a model that answers does: it refuses, chats, repeats its orders, or obeys the page."""

from __future__ import annotations

import re
from typing import Final

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.generation import FinishReason
from ocr_pipeline.recognition.guard_rules import Circumstances, GuardRules

META_TALK: Final = "meta_talk"
"""The note on a page whose text opens or ends with words about the text (`Here is the transcription:`)."""

_EDGE = 300
_SHORT = 400
_LEAST_PROMPT = 4


def _either(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# What nobody but a model says, wherever it stands.
_MODEL_SPEAKS = _either(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial intelligence|language model)\b",
    r"(?:저는|나는) (?:ai|인공지능|언어 ?모델)",
    r"(?:ai|인공지능|언어) ?(?:언어 ?)?모델(?:로서|이라서|이기 때문에)",
)
# What patients and doctors say as well: an answer that begins so is a refusal only if little follows.
_REFUSES = _either(
    r"(?:i(?:'m| am) (?:really |very )?)?sorry\b",
    r"i (?:apologi[sz]e|can(?:'t|not| not)|won't|will not)\b",
    r"(?:unfortunately|i(?:'m| am) unable to)\b",
    r"unable to (?:read|process|transcribe|assist|comply)\b",
    r"죄송하지만|죄송합니다|미안하지만|유감스럽지만|도와드릴 수 없|해당 요청|이미지를 (?:읽|볼|처리|인식)",
)
_TALKS = _either(
    r"(?:(?:sure|certainly|of course|okay)[,.!]? )?here(?:'s| is| are) (?:the|your|a) (?:\w+ ){0,3}"
    r"(?:transcription|transcript|text|content|result)",
    r"the (?:image|document|text in the image) (?:contains|shows|reads|appears|is as follows)",
    r"(?:다음은|아래는) .{0,20}(?:텍스트|내용|전사|변환)",
    r"(?:해당|제공된|제공하신) (?:이미지|문서)(?:는|에는|의|에서)",
)
_OFFERS = _either(
    r"let me know if|i hope this helps|if you need (?:any|further)",
    r"please note that (?:some|the) (?:text|image|handwriting)",
    r"더 필요한 (?:것|사항)|도움이 되(?:셨|었)|추가로 필요",
)
_INSTRUCTS = _either(
    r"\b(?:ignore|disregard|forget|override)\b[^.]{0,20}\b(?:all|any|your|previous|prior|above|earlier|preceding)\b"
    r"[^.]{0,30}\b(?:instructions?|prompts?|rules|directions|commands|guidelines)\b",
    r"\byou are (?:now )?(?:an? )?(?:ai|chatgpt|gpt|(?:ai )?assistant|language model)\b",
    r"\bsystem prompt\b",
    r"\b(?:respond|reply|answer|output) (?:only|just|with nothing but|with only)\b",
    r"\bdo not (?:transcribe|extract) (?:this|the|any)\b",
    r"(?:이전|앞선?|위|기존|모든|지금까지)(?:의|에 나온|에 있는)? .{0,15}?(?:지시|명령|지침|프롬프트|규칙)"
    r".{0,15}?(?:무시|잊|따르지)",
    r"(?:지시|명령|지침|프롬프트)(?:사항)?(?:을|를|은|는)? (?:모두 |전부 )?(?:무시|잊어)",
    r"(?:너|당신)(?:는|은) (?:이제 )?.{0,10}(?:인공지능|\bai\b|챗봇|어시스턴트)",
    r"시스템 프롬프트|(?:라고|만) (?:답|대답|출력|응답)(?:하라|하세요|해라|하시오|해줘)",
)


def written(page: PageText) -> int:
    """Letters and digits of a page, a Hangul syllable counting as one."""
    return sum(map(str.isalnum, "".join(word.text for word in page.words)))


def truncated(_: PageText, __: GuardRules, known: Circumstances) -> PageReason | None:
    """The model had more to say and no room to say it."""
    return PageReason.TRUNCATED if known.finish is FinishReason.LENGTH else None


def refusal(page: PageText, rules: GuardRules, known: Circumstances) -> PageReason | None:
    """The model speaks for itself and will not read, where the text of the page should stand."""
    text = _flowing(page)
    if _MODEL_SPEAKS.search(text[:_EDGE]) or _MODEL_SPEAKS.search(text[-_EDGE:]):
        return PageReason.REFUSAL
    most = _SHORT if known.glyphs is None else max(rules.telling, known.glyphs // 2)
    short = len(text) <= _SHORT and written(page) <= most
    return PageReason.REFUSAL if short and _REFUSES.match(text) else None


def prompt_echo(page: PageText, rules: GuardRules, known: Circumstances) -> PageReason | None:
    """The text begins with what was asked or holds a long run of its words."""
    asked, answered = _words(known.prompt), _words(_flowing(page))
    if not asked or not answered:
        return None
    if len(asked) < _LEAST_PROMPT:
        first = next((line.text for line in page.lines if line.words), "")
        return PageReason.PROMPT_ECHO if first.casefold() == known.prompt.strip().casefold() else None
    size = min(rules.echoed, len(asked))
    runs = set(_runs(asked, size))
    return PageReason.PROMPT_ECHO if any(run in runs for run in _runs(answered, size)) else None


def obeyed_page(page: PageText, rules: GuardRules, known: Circumstances) -> PageReason | None:
    """Much stands on the page and next to nothing was answered: something other than reading was done."""
    if page.is_empty or known.glyphs is None or known.glyphs < rules.telling or known.finish is not FinishReason.STOP:
        return None
    return PageReason.OBEYED_PAGE if written(page) < rules.meagre * known.glyphs else None


def instructions_on_page(page: PageText, _: GuardRules, __: Circumstances) -> PageReason | None:
    """The page tells its reader what to do: copied as it should be, but a person should see it."""
    return PageReason.INSTRUCTIONS_ON_PAGE if _INSTRUCTS.search(_flowing(page)) else None


def remarks(page: PageText) -> tuple[str, ...]:
    """Notes on what is worth knowing and no reason to doubt."""
    text = _flowing(page)
    talks = _TALKS.match(text) or _OFFERS.search(text[-_EDGE:])
    return (META_TALK,) if talks else ()


def _flowing(page: PageText) -> str:
    return " ".join(word.text for word in page.words).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
