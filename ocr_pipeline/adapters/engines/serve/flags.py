"""Command-line flags as vLLM reads them, so that two spellings of one flag are seen to be one.

`--max_num_seqs 4`, `--max-num-seqs=4`, `--no-...` and the short names mean what vLLM 0.32 takes them to mean.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ocr_pipeline.domain.errors import ConfigurationError

_FLAG = re.compile(r"--?[A-Za-z]")
_ALIASES = {
    "-tp": "tensor-parallel-size",
    "-dp": "data-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-q": "quantization",
    "-asc": "api-server-count",
    "--device-memory-utilization": "gpu-memory-utilization",
}
_SECRETS = frozenset({"api-key", "hf-token"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag with its values. `words` are as they were written; `key` is the same for all spellings of one flag.

    A switch and its negation (`--no-...`) share a key, and so do a flag and one field of it (`--flag.field`).
    """

    key: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The flag as a person may see it: secrets are left out."""
        if self.key in _SECRETS:
            return f"--{self.key} ***"
        return shlex.join(self.words)

    def says_as(self, other: Flag) -> bool:
        """Whether two flags say the same, however they are written."""
        return self._content() == other._content()

    def _content(self) -> tuple[str, object]:
        first, _, attached = self.words[0].partition("=")
        name = first.lstrip("-").replace("_", "-")
        switch = "no" if name.startswith("no-") else name.partition(".")[2]
        values = ([attached] if attached else []) + list(self.words[1:])
        return switch, [_plain(value) for value in values]


def _plain(value: str) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return value


def parse_flags(words: Sequence[str]) -> tuple[Flag, ...]:
    """Split a command line into flags. Raises ConfigurationError for a word that belongs to none."""
    flags: list[Flag] = []
    for word in words:
        if _FLAG.match(word):
            flags.append(Flag(_key(word), (word,)))
        elif not flags:
            raise ConfigurationError("arguments for the server begin with a flag; the model is named by --model-name")
        else:
            last = flags[-1]
            flags[-1] = Flag(last.key, (*last.words, word))
    return tuple(flags)


def _key(word: str) -> str:
    name = word.partition("=")[0]
    if name in _ALIASES:
        return _ALIASES[name]
    plain = name.lstrip("-").replace("_", "-").partition(".")[0]
    return plain.removeprefix("no-")
