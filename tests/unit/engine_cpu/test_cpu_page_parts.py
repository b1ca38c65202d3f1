"""Rules, specks, skew and turns on drawn pages; and what is said when a part is missing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ocr_pipeline.adapters.engines.cpu.geometry import Straightening, skew_of, turn
from ocr_pipeline.adapters.engines.cpu.hangul import find_tessdata
from ocr_pipeline.adapters.engines.cpu.imaging import ink_mask
from ocr_pipeline.adapters.engines.cpu.models import open_session
from ocr_pipeline.adapters.engines.cpu.orientation import lies_sideways
from ocr_pipeline.adapters.engines.cpu.rules import cut_at_rules, wipe_rules
from ocr_pipeline.adapters.engines.cpu.specks import stray_lines, wipe_specks
from ocr_pipeline.domain.errors import EngineUnavailable
from ocr_pipeline.domain.text import Box


def _quad(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _table() -> np.ndarray:
    page = np.full((400, 600), 245, np.uint8)
    for y in (100, 160, 220):
        cv2.line(page, (50, y), (550, y), 0, 2)
    for x in (50, 300, 550):
        cv2.line(page, (x, 100), (x, 220), 0, 2)
    cv2.putText(page, "HILL 117", (80, 140), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0,), 2)
    return page


def test_rules_go_and_letters_stay() -> None:
    page = _table()
    clean, ink, ruling = wipe_rules(page, ink_mask(page), 30)
    assert len(ruling.across) == 3 or len(ruling.across) == 1
    assert ruling.down or ruling.across
    assert clean[100, 100:250].min() > 200
    assert clean[110:155, 299:303].min() > 200
    assert not ink[100, 100:250].any()
    letters = page[112:146, 75:230] < 128
    assert (clean[112:146, 75:230][letters] < 128).mean() > 0.98


def test_a_line_across_a_rule_becomes_two_cells() -> None:
    page = _table()
    _, _, ruling = wipe_rules(page, ink_mask(page), 30)
    assert any(rule.left < 302 < rule.right + 4 for rule in ruling.down)
    parts = cut_at_rules([_quad(80, 115, 500, 145)], ruling)
    assert len(parts) == 2
    assert parts[0][:, 0].max() <= parts[1][:, 0].min() + 1


def test_dust_goes_and_points_beside_digits_stay() -> None:
    page = np.full((300, 500), 240, np.uint8)
    cv2.putText(page, "4.30", (60, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 2)
    cv2.circle(page, (400, 60), 2, (0,), -1)
    clean, _ = wipe_specks(page, ink_mask(page), 36)
    assert clean[50:70, 390:410].min() > 200
    assert np.array_equal(clean[110:160, 50:200] < 128, page[110:160, 50:200] < 128)


def test_an_overlooked_letter_becomes_a_line() -> None:
    page = np.full((300, 500), 240, np.uint8)
    cv2.putText(page, "L", (300, 150), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0,), 2)
    found = stray_lines(ink_mask(page), [_quad(20, 20, 200, 60)], 36)
    assert len(found) == 1
    assert found[0][0, 0] < 302 < found[0][1, 0]


def test_skew_is_found_and_undone() -> None:
    angle = np.deg2rad(2.0)
    forth = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    quads = [np.asarray(_quad(50, top, 450, top + 20) @ forth.T, np.float32) for top in range(40, 300, 50)]
    assert skew_of(quads) == pytest.approx(2.0, abs=0.05)
    level = Straightening.of(np.zeros((400, 600), np.uint8), skew_of(quads))
    assert skew_of([level.move(quad) for quad in quads]) == pytest.approx(0.0, abs=0.05)
    moved = level.move(quads[0])
    box = level.box_on_page(Box(*map(float, (*moved.min(axis=0), *moved.max(axis=0)))), 600, 400)
    assert box.left <= quads[0][:, 0].min() + 1
    assert box.bottom >= quads[0][:, 1].max() - 1


def test_four_turns_make_a_page_whole() -> None:
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(turn(turn(page, 90), 270), page)
    assert np.array_equal(turn(turn(page, 180), 180), page)
    assert turn(page, 90)[0, -1] == page[0, 0]


def test_tall_boxes_mean_a_sideways_page() -> None:
    assert lies_sideways([_quad(10, 10, 30, 300), _quad(50, 10, 70, 280), _quad(90, 10, 140, 30)])
    assert not lies_sideways([_quad(10, 10, 300, 30), _quad(10, 50, 30, 90)])
    assert not lies_sideways([])


def test_missing_tessdata_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="tesseract-ocr-script-hang"):
        find_tessdata(tmp_path, "Hangul")


def test_tessdata_is_found_in_its_script_folder(tmp_path: Path) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "Hangul.traineddata").touch()
    assert find_tessdata(tmp_path, "Hangul") == tmp_path / "script"


def test_a_missing_or_damaged_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="missing"):
        open_session(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        open_session(tmp_path / "model.onnx")
