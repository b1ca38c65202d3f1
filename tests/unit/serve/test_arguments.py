"""The command line of the model server."""

from __future__ import annotations

import json

import pytest

from ocr_pipeline.adapters.engines.serve.arguments import (
    Override,
    ServeOptions,
    serve_command,
    serve_environment,
    shown,
)
from ocr_pipeline.adapters.engines.serve.flags import parse_flags
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.recognition.profiles.registry import BUILT_IN


def words(**options: object) -> tuple[str, ...]:
    return serve_command(ServeOptions("a/model", **options)).words  # type: ignore[arg-type]


def value(line: tuple[str, ...], flag: str) -> str:
    return line[line.index(flag) + 1]


def test_the_model_follows_the_program() -> None:
    assert words()[:3] == ("vllm", "serve", "a/model")
    program = ("python", "-m", "vllm.entrypoints.openai.api_server", "--model")
    assert words(program=program)[:5] == (*program, "a/model")


def test_what_is_always_there() -> None:
    line = words(max_concurrent_requests=8)
    assert value(line, "--scheduling-policy") == "priority"
    assert json.loads(value(line, "--limit-mm-per-prompt")) == {"image": 1, "video": 0}
    assert value(line, "--max-num-seqs") == "8"
    assert value(line, "--max-num-queued-reqs") == "32"
    assert value(line, "--port") == "8000"
    assert value(line, "--host") == "0.0.0.0"  # noqa: S104 - not bound here
    assert value(line, "--max-model-len") == "8192"
    assert value(line, "--gpu-memory-utilization") == "0.9"
    assert value(line, "--served-model-name") == "a/model"
    assert "--trust-request-mm-kwargs" in line


def test_nothing_of_a_request_goes_to_a_log() -> None:
    line = words()
    for switch in ("--no-enable-log-requests", "--no-enable-log-outputs", "--no-log-error-stack"):
        assert switch in line
    assert "--disable-uvicorn-access-log" in line
    assert value(line, "--max-log-len") == "0"


def test_several_gpus_split_the_pages_of_the_vision_part() -> None:
    assert "--mm-encoder-tp-mode" not in words()
    assert value(words(tensor_parallel_size=2), "--mm-encoder-tp-mode") == "data"


def test_the_profile_wins_over_defaults_and_the_operator_over_both() -> None:
    command = serve_command(
        ServeOptions(
            "a/model",
            profile_arguments=("--mm-processor-cache-gb", "2", "--trust-remote-code"),
            extra=("--mm_processor_cache_gb=4", "--max-num-seqs", "9", "--quantization", "fp8"),
        )
    )
    assert command.words.count("--mm-processor-cache-gb") == 0
    assert "--mm_processor_cache_gb=4" in command.words
    assert value(command.words, "--max-num-seqs") == "9"
    assert "--trust-remote-code" in command.words
    assert command.overrides == (
        Override("--mm-processor-cache-gb 0", "--mm-processor-cache-gb 2", "profile"),
        Override("--mm-processor-cache-gb 2", "--mm_processor_cache_gb=4", "extra"),
        Override("--max-num-seqs 32", "--max-num-seqs 9", "extra"),
    )


@pytest.mark.parametrize(
    ("extra", "dropped"),
    [
        (("--enable-prefix-caching",), "--no-enable-prefix-caching"),
        (("-tp", "4"), "--tensor-parallel-size"),
        (("--device-memory-utilization", "0.5"), "--gpu-memory-utilization"),
        (("--limit-mm-per-prompt.image", "2"), "--limit-mm-per-prompt"),
    ],
)
def test_another_spelling_is_the_same_flag(extra: tuple[str, ...], dropped: str) -> None:
    line = words(extra=extra)
    assert dropped not in line
    assert line[-len(extra) :] == extra or extra[0] in line


def test_a_flag_given_several_times_is_passed_on_as_often() -> None:
    line = words(extra=("--limit-mm-per-prompt.image", "2", "--limit-mm-per-prompt.video", "1"))
    assert "--limit-mm-per-prompt.image" in line
    assert "--limit-mm-per-prompt.video" in line


@pytest.mark.parametrize(
    "extra",
    [
        ("--max-num-seqs", "32"),
        ("--max_num_seqs=32",),
        ("--limit-mm-per-prompt", '{"video": 0, "image": 1}'),
        ("--no-enable-prefix-caching",),
        ("--no_enable_prefix_caching",),
    ],
)
def test_saying_what_is_so_anyway_overrides_nothing(extra: tuple[str, ...]) -> None:
    assert serve_command(ServeOptions("a/model", extra=extra)).overrides == ()


def test_the_opposite_of_a_switch_overrides_it() -> None:
    (override,) = serve_command(ServeOptions("a/model", extra=("--enable-prefix-caching",))).overrides
    assert override == Override("--no-enable-prefix-caching", "--enable-prefix-caching", "extra")


@pytest.mark.parametrize(
    "extra",
    [
        ("--port", "9"),
        ("--host=::",),
        ("--model", "b"),
        ("--scheduling-policy", "fcfs"),
        ("--scheduling_policy=fcfs",),
        ("--enable-log-requests",),
        ("--enable_log_requests",),
        ("--enable-log-outputs",),
        ("--log-error-stack",),
        ("--max-log-len", "100"),
        ("--log-level", "DEBUG"),
        ("--logging-config.log_level", "DEBUG"),
        ("--config", "more.yaml"),
        ("--uds", "/a/socket"),
        ("--headless",),
        ("stray",),
    ],
)
def test_what_would_hide_the_server_or_tell_of_pages_is_refused(extra: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        words(extra=extra)
    with pytest.raises(ConfigurationError):
        words(profile_arguments=extra)


def test_switching_a_log_off_is_allowed() -> None:
    assert "--no-enable-log-requests" in words(extra=("--no-enable-log-requests",))


@pytest.mark.parametrize(
    "options",
    [
        {"gpu_memory_utilization": 0.0},
        {"gpu_memory_utilization": 1.1},
        {"max_model_len": 0},
        {"tensor_parallel_size": 0},
        {"max_concurrent_requests": 0},
        {"port": 0},
        {"port": 65536},
        {"program": ()},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        words(**options)


@pytest.mark.parametrize("profile", [build() for build in BUILT_IN.values()], ids=list(BUILT_IN))
def test_every_built_in_profile_can_be_served(profile: ModelProfile) -> None:
    line = words(profile_arguments=profile.serve_arguments)
    assert set(profile.serve_arguments) <= set(line)
    assert value(line, "--scheduling-policy") == "priority"
    assert serve_environment({}, dict(profile.serve_environment)).items() >= dict(profile.serve_environment).items()


@pytest.mark.parametrize("name", ["", "--trust-remote-code"])
def test_a_model_is_a_name(name: str) -> None:
    with pytest.raises(ConfigurationError):
        serve_command(ServeOptions(name))


def test_secrets_are_not_shown() -> None:
    program = ("vllm", "serve")
    for extra in (("--api-key", "sesame"), ("--hf-token=sesame",)):
        command = serve_command(ServeOptions("a/model", extra=extra))
        assert "sesame" in " ".join(command.words)
        assert "sesame" not in shown(command, program)
        assert shown(command, program).startswith("vllm serve a/model --served-model-name a/model")
    twice = serve_command(ServeOptions("a/model", profile_arguments=("--api-key", "one"), extra=("--api-key", "two")))
    assert "one" not in str(twice.overrides)
    assert "two" not in str(twice.overrides)


def test_numbers_and_json_are_values() -> None:
    flags = parse_flags(("--seed", "-1", "--hf-overrides", '{"a": "--b"}', "--names", "a", "b"))
    assert [flag.words for flag in flags] == [
        ("--seed", "-1"),
        ("--hf-overrides", '{"a": "--b"}'),
        ("--names", "a", "b"),
    ]


def test_the_server_sees_no_setting_of_ours_and_no_talkative_one_of_its_own() -> None:
    environment = serve_environment(
        {
            "PATH": "/bin",
            "HF_HOME": "/models",
            "OCR_PIPELINE_DATABASE__URL": "postgresql://sesame",
            "VLLM_LOGGING_LEVEL": "DEBUG",
            "VLLM_LOGGING_CONFIG_PATH": "/a/file",
            "VLLM_DEBUG_LOG_API_SERVER_RESPONSE": "true",
        },
        {"VLLM_USE_V2_MODEL_RUNNER": "0", "VLLM_TRACE_FUNCTION": "1"},
        "a key",
    )
    assert environment["VLLM_USE_V2_MODEL_RUNNER"] == "0"
    assert environment["VLLM_TRACE_FUNCTION"] == "0"
    assert environment["PATH"] == "/bin"
    assert environment["HF_HOME"] == "/models"
    assert environment["VLLM_API_KEY"] == "a key"
    assert environment["VLLM_LOGGING_LEVEL"] == "INFO"
    assert environment["VLLM_DEBUG_LOG_API_SERVER_RESPONSE"] == "false"
    assert "VLLM_LOGGING_CONFIG_PATH" not in environment
    assert "sesame" not in str(environment)
