from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.errors import MalformedMessage
from ocr_pipeline.domain.messages import IntakeTask, PageRead, RecognitionTask, Report, parse_report
from tests.properties.strategies import intake_tasks, recognition_tasks, reports

OPTIONAL = "configuration"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(reports)
def test_a_report_survives_the_wire(report: Report) -> None:
    assert parse_report(json.loads(json.dumps(report.to_json()))) == report


@given(reports)
def test_a_report_of_an_earlier_version_has_no_configuration(report: Report) -> None:
    message = {name: value for name, value in report.to_json().items() if name != OPTIONAL}
    earlier = parse_report(message)
    assert earlier == (replace(report, configuration=None) if isinstance(report, PageRead) else report)
    assert earlier.to_json() == message


@given(intake_tasks, recognition_tasks)
def test_tasks_survive_the_wire(intake: IntakeTask, recognition: RecognitionTask) -> None:
    assert IntakeTask.from_json(json.loads(json.dumps(intake.to_json()))) == intake
    assert RecognitionTask.from_json(json.loads(json.dumps(recognition.to_json()))) == recognition


@given(json_values)
def test_anything_else_is_refused_with_a_code(data: object) -> None:
    for parse in (parse_report, IntakeTask.from_json, RecognitionTask.from_json):
        with pytest.raises(MalformedMessage):
            parse(data)


@given(reports, st.data())
def test_a_report_with_a_field_missing_changed_or_added_is_refused_or_equal_in_shape(
    report: Report, data: st.DataObject
) -> None:
    message = report.to_json()
    name = data.draw(st.sampled_from(sorted(message)))
    if name != OPTIONAL:
        with pytest.raises(MalformedMessage):
            parse_report({key: value for key, value in message.items() if key != name})
    with pytest.raises(MalformedMessage):
        parse_report(message | {"surprise": 1})
    damaged = message | {name: data.draw(json_values)}
    try:
        parsed = parse_report(damaged)
    except MalformedMessage:
        return
    assert parsed.to_json() == damaged
