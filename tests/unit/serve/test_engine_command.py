"""`ocr-pipeline engine`: what the commands make of options and answers; serving itself is tested over processes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner, Result

from ocr_pipeline.cli.engine import build
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.model_servers import OVER_HTTP, ModelServer, ModelServers
from ocr_pipeline.cli.session import Session
from ocr_pipeline.domain.errors import EngineGarbage, EngineUnavailable, PipelineError
from ocr_pipeline.recognition.profiles.generic import generic
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.settings import Settings, VllmSettings
from tests.scripted_vllm import Says, ScriptedVllm


class FakeServer:
    def __init__(self, problem: PipelineError | None) -> None:
        self._problem = problem

    async def read_known_picture(self) -> None:
        if self._problem is not None:
            raise self._problem

    async def count_running(self) -> int:
        return 0


def servers(**problems: PipelineError | None) -> ModelServers:
    """Servers by name, and what is wrong with each."""

    async def addresses(settings: Settings) -> tuple[str, ...]:
        return tuple(problems)

    @asynccontextmanager
    async def open_(settings: Settings, address: str) -> AsyncIterator[ModelServer]:
        yield FakeServer(problems[address])

    def profile(settings: Settings) -> ModelProfile:
        return replace(generic(), serve_arguments=("--chat-template", f"{settings.model_name}.jinja"))

    return ModelServers(addresses, open_, profile)


def invoke(arguments: Sequence[str], found: ModelServers | None = None, settings: Settings | None = None) -> Result:
    app = typer.Typer()
    given = settings or Settings()

    @app.callback()
    def top(context: typer.Context) -> None:
        context.obj = Session(given)

    app.add_typer(build(found or servers()), name="engine")
    return CliRunner().invoke(app, ["engine", *arguments])


def test_serve_takes_settings_and_the_command_line_wins() -> None:
    settings = Settings(model_name="a/model", max_model_len=4096, max_concurrent_requests=4)
    result = invoke(["serve", "--dry-run", "--max-model-len", "2048", "--port", "9000"], settings=settings)
    assert result.exit_code == 0, result.output
    line = result.stdout
    assert line.startswith("vllm serve a/model --served-model-name a/model ")
    for pair in ("--max-model-len 2048", "--max-num-seqs 4", "--port 9000", "--gpu-memory-utilization 0.9"):
        assert pair in line


def test_what_stands_after_two_dashes_goes_to_the_server_and_conflicts_are_told() -> None:
    result = invoke(["serve", "--dry-run", "--", "--quantization", "fp8", "--max-num-seqs=7"])
    assert "--quantization fp8" in result.stdout
    assert "--max-num-seqs=7 instead of --max-num-seqs 32\n" in result.stderr


def test_the_profile_is_that_of_the_model_that_is_served() -> None:
    result = invoke(["serve", "--dry-run", "--model-name", "b", "--weights", "/models/b"])
    assert "vllm serve /models/b --served-model-name b" in result.stdout
    assert "--chat-template b.jinja" in result.stdout


def test_another_program() -> None:
    program = "python -m vllm.entrypoints.openai.api_server --model"
    result = invoke(["serve", "--dry-run", "--program", program])
    assert result.stdout.startswith(program + " Qwen/")
    assert invoke(["serve", "--dry-run", "--program", "'open"]).exit_code == Exit.USAGE


def test_the_key_of_the_servers_stands_in_no_command_line() -> None:
    settings = Settings(vllm=VllmSettings(api_key="sesame"))
    assert "sesame" not in invoke(["serve", "--dry-run"], settings=settings).output


def test_check_says_of_each_server_whether_it_reads() -> None:
    found = servers(good=None, wrong=EngineGarbage("it read something else"), gone=EngineUnavailable("not reached"))
    result = invoke(["check", "--json"], found)
    assert result.exit_code == Exit.UNAVAILABLE
    answer = {each["server"]: each for each in json.loads(result.stdout)}
    assert answer["good"]["reads"] is True
    assert answer["good"]["problem"] is None
    assert (answer["wrong"]["reads"], answer["wrong"]["problem"]) == (False, "engine_garbage")
    assert answer["gone"]["problem"] == "engine_unavailable"


def test_check_is_content_when_all_read() -> None:
    result = invoke(["check"], servers(good=None, better=None))
    assert result.exit_code == 0
    assert result.stdout.count("reads") == 2


def test_check_without_servers_is_a_matter_of_settings() -> None:
    result = invoke(["check"], servers())
    assert isinstance(result.exception, PipelineError)
    assert result.exception.code == "configuration"


@pytest.mark.parametrize(("text", "problem"), [("CODE4172", None), ("CODE4177", "engine_garbage")])
def test_check_asks_over_http(text: str, problem: str | None) -> None:
    settings = Settings(model_name="Qwen/Qwen2.5-VL-7B-Instruct")
    with ScriptedVllm(Says(text), model=settings.model_name) as server:
        settings = settings.model_copy(update={"vllm": VllmSettings(servers=(server.url,))})
        result = invoke(["check", "--json"], OVER_HTTP, settings)
    (answer,) = json.loads(result.stdout)
    assert answer["problem"] == problem
    assert result.exit_code == (Exit.OK if problem is None else Exit.UNAVAILABLE)


@pytest.mark.parametrize("command", ["serve", "check"])
def test_help_teaches(command: str) -> None:
    result = invoke([command, "--help"])
    assert result.exit_code == 0
    assert "known picture" in result.output.replace("\n", " ")
