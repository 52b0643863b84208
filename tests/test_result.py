from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.result import Case, Record, json_schema
from tests import synthetic_run

ROOT = Path(__file__).parents[1]


def test_published_schema_is_current():
    """Renew the file by writing json_schema() to it."""
    assert json.loads((ROOT / "results" / "schema.json").read_text()) == json_schema()


@pytest.mark.parametrize(("threads", "track"), [(1, "single"), (None, "default"), (4, "4-threads")])
def test_thread_tracks_have_names_and_cases_of_their_own(threads, track):
    case = Case(suite="s", workload="w", measure="speed", contender="numpy", threads=threads)
    assert case.track == track
    assert case.id == f"w.speed.numpy.cpu.{track}"


def test_unknown_and_missing_fields_are_refused():
    record = synthetic_run.record(synthetic_run.parity(), "torch").model_dump(mode="json")
    Record.model_validate(record)
    for wrong in ({**record, "extra": 1}, {key: value for key, value in record.items() if key != "case"}):
        with pytest.raises(ValidationError):
            Record.model_validate(wrong)


def test_a_test_result_can_only_say_that_it_was_evaluated_once():
    record = synthetic_run.record(synthetic_run.curves(), "torch").model_dump(mode="json")
    record["data"]["curves"][0]["test"]["evaluations"] = 2
    with pytest.raises(ValidationError):
        Record.model_validate(record)
