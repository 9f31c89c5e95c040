"""A desk that listens on a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.pods import Counter


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """The service's side, with its desk open."""
    made = Counter(tmp_path / "service")
    with made.open():
        yield made
