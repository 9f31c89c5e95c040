"""The moments that workers die at are counted well: else a kill that a test orders would not happen."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fakes.lethal import Moments

THREADS, EACH = 8, 200


def test_each_moment_has_a_number_of_its_own_whichever_thread_reaches_it(tmp_path: Path) -> None:
    moments = Moments(tmp_path / "moments", fatal=None)
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(THREADS * EACH):
            threads.submit(moments.reach, "a call")
    numbers = [int(line.split()[0]) for line in moments.journal.read_text().splitlines()]
    assert numbers == list(range(1, THREADS * EACH + 1))
