"""The programs in a pod, as processes, with a desk over a real socket: what goes in, what comes out, and who ends what."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.pods import KEY, Counter, to_its_end
from tagstone.adapters.desk import Desk
from tagstone.domain.runs.run import OutputRules
from tagstone.domain.runs.told import Phase


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    made = Counter(tmp_path / "service")
    with made.open():
        yield made


def log_of(desk: Desk) -> bytes:
    data, cursor = b"", ""
    while (chunk := desk.log(KEY, cursor)).data:
        data, cursor = data + chunk.data, chunk.cursor
    return data


def test_a_run_starts_from_code_and_inputs_and_its_outputs_are_kept(counter: Counter, tmp_path: Path):
    spec = counter.spec(
        "sh", "-c", "mkdir results; cat code.txt data/in.txt > results/out.txt; echo said", files={"data/in.txt": b"input\n"},
        outputs=("results/*.txt",),
    )  # fmt: skip
    told = to_its_end(counter, tmp_path / "pod", spec)
    assert (told.done, told.problem, told.keeping.exit_code) == (True, None, 0)
    assert told.keeping.started_at is not None
    assert told.keeping.ended_at is not None
    assert log_of(counter.desk) == b"said\n"
    outputs = counter.desk.collect(KEY, OutputRules(("results/*.txt",)))
    assert [(file.path, file.size) for file in outputs] == [("results/out.txt", 11)]
    with counter.storage.open(outputs[0].storage_key) as kept:
        assert kept.read() == b"code\ninput\n"
    assert told.keeping.phase is Phase.DONE
