"""Of a model server's output nothing is told in its own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.serve.sieve import LONGEST_LINE, Remark, Sieve

CANARY = "KimMinsu-861203"
HEADER = "(EngineCore pid=1234) {level} 11-23 04:55:12 [{file}:{line}] "


def header(level: str = "INFO", file: str = "core.py", line: int = 1512) -> str:
    return HEADER.format(level=level, file=file, line=line)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Starting to load model /models/qwen...", "it loads the model"),
        ("Loading weights took 12.53 seconds", "the weights took 12.53 s"),
        (
            "Model loading took 15.63 GiB memory and 20.123456 seconds",
            "the model takes 15.63 GiB, loaded in 20.123456 s",
        ),
        (
            "GPU KV cache size: 90,112 tokens, Maximum concurrency for 8,192 tokens per request: 11.00x",
            "its cache holds 90,112 tokens: of requests of 8,192 tokens, 11.00 at once",
        ),
        ("init engine (profile, create kv cache, warmup model) took 33.10 s", "it is set up after 33.10 s"),
        ("Graph capturing finished in 20 secs, took 0.54 GiB", "graphs captured in 20 s, 0.54 GiB"),
        ("Starting vLLM server on http://0.0.0.0:8000", "it begins to listen"),
    ],
)
def test_a_start_is_told_in_words_of_ours(line: str, told: str) -> None:
    assert Sieve().take(header() + line) == Remark("info", told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "the GPU's memory is full"),
        (
            (
                "with the model's max seq len (8192), (0.44 GiB KV cache is needed, which is larger than the available "
                "KV cache memory (0.2 GiB). Based on the"
            ),
            "a request of 8192 tokens needs 0.44 GiB of cache, and 0.2 GiB are there: lower max_model_len",
        ),
        (
            "ValueError: Free memory on device cuda:0 (10.1/139.8 GiB) on startup is less than desired GPU memory",
            (
                "only 10.1 of 139.8 GiB of the GPU's memory are free: lower gpu_memory_utilization, or see who else is "
                "on the GPU"
            ),
        ),
        ("OSError: [Errno 98] Address already in use", "its port is in use"),
        ("RuntimeError: Failed to infer device type, please set", "it finds no GPU"),
    ],
)
def test_the_common_reasons_of_a_failed_start_are_told(line: str, told: str) -> None:
    assert Sieve().take(line) == Remark("error", told)


def test_progress_bars() -> None:
    bar = "Loading safetensors checkpoint shards:  40% Completed | 2/5 [00:01<00:02,  1.20it/s]"
    assert Sieve().take(bar) == Remark("info", "weights loaded: 40 %")


def test_of_other_warnings_and_errors_the_place_is_told_once() -> None:
    sieve = Sieve()
    line = header("ERROR", "serving.py", 929) + CANARY
    assert sieve.take(line) == Remark("error", "there is an error at serving.py:929")
    assert sieve.take(line) is None
    assert sieve.take(header("WARNING", "hf.py", 839) + CANARY) == Remark("warning", "it warns at hf.py:839")
    sieve.begin()
    assert sieve.take(line) is not None


def test_of_an_exception_a_well_known_class_is_told() -> None:
    assert Sieve().take(f"ValueError: {CANARY}") == Remark("error", "it raised ValueError")
    assert Sieve().take(f"vllm.v1.engine.exceptions.EngineDeadError: {CANARY}") == Remark(
        "error", "it raised EngineDeadError"
    )
    assert Sieve().take(f"{CANARY}Error: x") is None
    assert Sieve().take("KimMinsuError: x") is None


def test_the_rest_is_counted() -> None:
    sieve = Sieve()
    for line in (CANARY, header() + CANARY, '  File "a.py", line 3, in f', "", "   "):
        assert sieve.take(line) is None
    assert sieve.withheld == 3


def test_the_same_twice_in_a_row_is_told_once() -> None:
    sieve = Sieve()
    line = header() + "Loading weights took 1.00 seconds"
    assert sieve.take(line) is not None
    assert sieve.take(line) is None


@pytest.mark.parametrize(
    "line",
    [
        f"Loading weights took 1.0 seconds {CANARY}",
        f"{CANARY} CUDA out of memory {CANARY}",
        header("ERROR") + f"Dumping input data {CANARY}",
        header("ERROR", f"{CANARY}.py") + "x",
        f"ValueError: {CANARY}",
        f"error: unrecognized arguments: {CANARY}",
        "x" * LONGEST_LINE + CANARY,
    ],
)
def test_nothing_else_of_a_line_comes_through(line: str) -> None:
    remark = Sieve().take(line)
    assert remark is None or not any(part in remark.text for part in ("Kim", "Minsu", "861203"))


@given(st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1), st.integers(0, 20))
def test_hangul_never_comes_through(text: str, which: int) -> None:
    frames = [
        "{}",
        header("ERROR") + "{}",
        "ValueError: {}",
        header() + "Loading weights took 1.0 seconds {}",
        "{} CUDA out of memory {}",
    ]
    remark = Sieve().take(frames[which % len(frames)].replace("{}", text))
    assert remark is None or remark.text.isascii()
