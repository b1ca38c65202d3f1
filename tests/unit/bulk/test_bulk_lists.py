"""Manifests and folders as lists: streamed, each line judged by itself, nothing outside the base ever read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.files.bulk_folder import FolderList, FolderSource
from ocr_pipeline.adapters.files.bulk_manifest import MAX_LINE_BYTES, ManifestList
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import ConfigurationError, InputMissing, Refused
from ocr_pipeline.ports.bulk import SourceFile

BASE = "/scans/2026"


def listed(folder: Path, content: bytes, name: str = "list.csv", base: str = BASE) -> list[SourceFile]:
    manifest = folder / name
    manifest.write_bytes(content)
    return list(ManifestList(manifest, base, DocumentKind.CHART).files())


def problems(rows: list[SourceFile]) -> list[str | None]:
    return [row.problem for row in rows]


def test_a_csv_names_files_with_what_is_known_of_them(tmp_path: Path) -> None:
    content = '\ufeffPath, Type ,reference,ward\na.pdf,prescription,R-1,7\n\n"b, c.pdf",,,\n김.pdf,chart,,\r\n'
    assert listed(tmp_path, content.encode()) == [
        SourceFile("a.pdf", 2, kind=DocumentKind.PRESCRIPTION, reference="R-1"),
        SourceFile("b, c.pdf", 4, kind=DocumentKind.CHART),
        SourceFile("김.pdf", 5, kind=DocumentKind.CHART),
    ]


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    rows = [{"path": "a.pdf", "type": "other", "reference": 17, "ward": {"x": 1}}, {"path": "b.pdf"}]
    content = "\n".join(map(json.dumps, rows)).encode()
    assert listed(tmp_path, content, "list.jsonl") == [
        SourceFile("a.pdf", 1, kind=DocumentKind.OTHER, reference="17"),
        SourceFile("b.pdf", 2, kind=DocumentKind.CHART),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", None),
        (",,", "no_path"),
        ("  ,,", "no_path"),
        ("a.pdf,novel,", "unknown_type"),
        ("a.pdf,", "wrong_columns"),
        ("a.pdf,,,x", "wrong_columns"),
        ('"a.pdf,,', "not_csv"),
        ('"a"b,,', "not_csv"),
        ("/etc/passwd,,", "outside_base"),
        ("../2025/a.pdf,,", "outside_base"),
        ("x/../../../etc/passwd,,", "outside_base"),
        (".,,", "outside_base"),
        ("s3://bucket/a.pdf,,", "outside_base"),
        ("a\0.pdf,,", "bad_path"),
        ("a" * 1025 + ",,", "path_too_long"),
        ("a.pdf,," + "r" * 257, "bad_reference"),
    ],
)
def test_a_bad_line_is_told_by_number_and_code_and_the_next_one_counts(
    tmp_path: Path, line: str, problem: str | None
) -> None:
    rows = listed(tmp_path, f"path,type,reference\n{line}\ngood.pdf,,\n".encode())
    assert rows[-1] == SourceFile("good.pdf", 3, kind=DocumentKind.CHART)
    assert rows[:-1] == ([] if problem is None else [SourceFile("", 2, problem=problem)])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not_json"),
        (b"[" * 100_000, "line_too_long"),
        (b"[" * 50_000, "not_json"),
        (b'["a.pdf"]', "not_an_object"),
        (b'"a.pdf"', "not_an_object"),
        (b"{}", "no_path"),
        (b'{"path": 7}', "no_path"),
        (b'{"path": "a", "reference": {"x": 1}}', "bad_reference"),
        (b'{"path": "\xb1\xe8"}', "not_utf8"),
        (b'{"path": "\\ud800.pdf"}', "bad_path"),
        (b'{"path": "a.pdf", "reference": "\\udc80"}', "bad_reference"),
    ],
)
def test_a_bad_line_of_json(tmp_path: Path, line: bytes, problem: str) -> None:
    rows = listed(tmp_path, line + b'\n{"path": "good.pdf"}\n', "list.jsonl")
    assert problems(rows) == [problem, None]
    assert [row.line for row in rows] == [1, 2]


def test_a_line_without_an_end_is_never_held_whole(tmp_path: Path) -> None:
    long = b"path\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\ngood.pdf\n" + b"y" * (2 * MAX_LINE_BYTES)
    rows = listed(tmp_path, long)
    assert problems(rows) == ["line_too_long", None, "line_too_long"]
    assert [row.line for row in rows] == [2, 3, 4]


@pytest.mark.parametrize("header", [b"", b"file,type\n", b"path,path\n", b"\xff\xfe\n", b'"path\n', b"x" * 100_000])
def test_a_csv_without_a_header_is_refused_as_a_whole(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        listed(tmp_path, header + b"a.pdf,other\n")


@pytest.mark.parametrize("encoding", ["utf-16", "cp949", "euc-kr", "utf-16-le"])
def test_a_csv_of_another_encoding_is_told_what_it_must_be(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConfigurationError, match="UTF-8"):
        listed(tmp_path, "path,병동\n김.pdf,7\n".encode(encoding))


def test_a_csv_of_another_encoding_under_plain_columns_has_no_usable_line(tmp_path: Path) -> None:
    rows = listed(tmp_path, "path,type\r\n김.pdf,chart\r\nb.pdf,chart\r\n".encode("cp949"))
    assert problems(rows) == ["not_utf8", None]


def test_a_list_goes_on_after_a_line(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\na\nb\nc\n")
    assert [row.line for row in ManifestList(manifest, BASE).files(after_line=2)] == [3, 4]
    manifest.unlink()
    with pytest.raises(InputMissing) as missing:
        list(ManifestList(manifest, BASE).files())
    assert str(tmp_path) not in str(missing.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a.png", "a.png"), ("s3://bucket/2026/kim/a.png", "kim/a.png"), ("../a.png", "../a.png"), ("s3://other/a", None)],
)
def test_keys_of_a_bucket_lie_below_its_prefix(tmp_path: Path, path: str, name: str | None) -> None:
    rows = listed(tmp_path, f"path\n{path}\n".encode(), base="s3://bucket/2026")
    assert [row.name or None for row in rows] == [name]


@given(st.binary(max_size=400), st.sampled_from(["list.csv", "list.jsonl"]))
def test_no_manifest_breaks_the_list(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    lines = content.count(b"\n") + 1
    for row in listed(tmp_path_factory.mktemp("lists"), b"path,type\n" + content, name):
        assert row.line is not None
        assert row.line <= lines + 1
        assert bool(row.problem) != bool(row.name)
        assert not row.name.startswith(("/", "../"))


def folder_with_files(folder: Path) -> Path:
    for name in ("b.png", "a.png", "ward 7/kim.png", "ward 7/deep/lee.png", ".hidden", ".cache/x.png"):
        place = folder / "scans" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(name.encode())
    return folder / "scans"


def test_a_folder_gives_every_file_that_is_not_hidden(tmp_path: Path) -> None:
    folder = folder_with_files(tmp_path)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder)
    (folder / "gone").symlink_to(folder / "nowhere")
    found = {row.name for row in FolderList(folder).files()}
    assert found == {"a.png", "b.png", "ward 7/kim.png", "ward 7/deep/lee.png"}
    source = FolderSource(folder)
    assert all(source.read(name, None, 100) == name.encode() for name in found)
    with pytest.raises(InputMissing):
        list(FolderList(tmp_path / "nowhere").files())


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    folder = folder_with_files(tmp_path)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    source = FolderSource(folder)
    for name in ("../secret", "/etc/passwd", "link", "pipe", "ward 7", "gone.png", "a\0b", "a" * 300):
        with pytest.raises(InputMissing) as missing:
            source.read(name, None, 100)
        assert name not in str(missing.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(11))
    source = FolderSource(tmp_path)
    assert source.read("a.png", None, 11) == bytes(11)
    with pytest.raises(Refused) as refused:
        source.read("a.png", None, 10)
    assert refused.value.reason == "too_large"
