"""The planted faults: each still fits the sources, and changes them."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import ROOT, faults

ALL = faults()


@pytest.mark.parametrize("fault", ALL, ids=[f"{each['backend']} {each['name']}" for each in ALL])
def test_fault_fits_the_sources(fault):
    source = (ROOT / fault["file"]).read_text(encoding="utf-8")
    assert source.count(fault["old"]) == 1
    compile(source.replace(fault["old"], fault["new"]), fault["file"], "exec")


def test_there_are_enough_of_each_backend():
    assert {each["backend"] for each in ALL} <= {"numpy", "torch", "keras-torch"}
    assert sum(each["backend"] == "numpy" for each in ALL) >= 20
