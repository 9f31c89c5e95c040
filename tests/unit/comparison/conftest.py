"""Comparing two files by value, in this process and through the child."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from tagstone.adapters.output_values.comparer import ProcessComparer
from tagstone.domain.manifests.sections import Output
from tagstone.domain.runs.comparison import Deviation

Compare = Callable[..., Deviation]


@pytest.fixture
def through_child(tmp_path: Path) -> Compare:
    """Compares two byte strings as the application does, with less memory and time."""

    def compare(
        kind: str, recorded: bytes, found: bytes, *, memory: int = 2**30, seconds: int = 20, **tolerance: float
    ) -> Deviation:
        rule = Output.model_validate({"path": "*", "compare": kind, **tolerance})
        comparer = ProcessComparer(tmp_path, memory=memory, seconds=seconds)
        return comparer.compare(io.BytesIO(recorded), io.BytesIO(found), rule)

    return compare
