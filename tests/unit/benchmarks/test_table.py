"""The benchmarks' table, and that a missed limit fails; what they measure is `make bench`."""

from collections.abc import Callable

from benchmarks.__main__ import main
from benchmarks.measure import best, percentile
from benchmarks.table import Line, exit_code, table

GOOD = Line("bundling | cp", 300.0, 250.0, "MiB/s", ">= 0.8", ok=True)
ALONE = Line("tagstone --help", 0.2, None, "s", "< 0.3 s", ok=True)
MISSED = Line("catalogue", 6.0, 2.0, "ms", "<= 1.3", ok=False)


def test_each_line_shows_both_sides_their_ratio_and_the_limit():
    assert table([GOOD, ALONE, MISSED]).splitlines() == [
        "what             ours       peer       ratio  limit",
        "bundling | cp    300 MiB/s  250 MiB/s  1.20   >= 0.8   ok",
        "tagstone --help  0.20 s                       < 0.3 s  ok",
        "catalogue        6.00 ms    2.00 ms    3.00   <= 1.3   MISSED",
        "",
        "MISSED: catalogue",
        "3 limits: 2 hold, 1 missed",
    ]


def test_a_missed_limit_fails_and_none_missed_does_not():
    assert exit_code([GOOD, ALONE]) == 0
    assert exit_code([GOOD, MISSED]) == 1


def test_contestants_take_turns_every_second_time_backwards_and_the_best_try_of_each_counts():
    order: list[str] = []

    def contestant(name: str, *tries: float) -> Callable[[], float]:
        left = iter(tries)

        def work() -> float:
            order.append(name)
            return next(left)

        return work

    found = best({"ours": contestant("ours", 3.0, 1.0, 2.0), "peer": contestant("peer", 5.0, 6.0, 4.0)}, 3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert found == {"ours": 1.0, "peer": 4.0}


def test_percentiles_are_values_that_were_seen():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(100)], 0.95) == 95.0
    assert percentile([1.0], 0.95) == 1.0


def test_a_benchmark_that_there_is_not_is_named(capsys):
    assert main(["speed"]) == 2
    assert (
        "There is no benchmark speed; there are starting, publishing, bundling, depositing, catalogue, receiving, clusters."
        in capsys.readouterr().err
    )
