"""What of a bundle is deposited by itself, what travels in the pack, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.deposits.packing import PACK, Part, excess, packed_paths, refuse_excess, split
from tagstone.errors import Invalid

DESCRIBING = ("README.md", "SHA256SUMS", "code.tar", "image/blobs/sha256/ab", "image/index.json", "tagstone.json")
ALONE = tuple(Part(path, 100) for path in DESCRIBING)
RESULTS = tuple(Part(f"outputs/{number:03}.csv", number + 1) for number in range(20))

_folders = st.sampled_from(["outputs", "brought", "inputs"])
_results = st.lists(
    st.builds(lambda folder, name, size: Part(f"{folder}/{name}", size), _folders, st.integers(0, 10**6), st.integers(0, 50)),
    max_size=25,
    unique_by=lambda part: part.path,
)
_most = st.none() | st.integers(1, 35)
_limits = st.builds(Limits, files=_most, empty=st.booleans())


def test_a_depository_without_limits_gets_every_file_by_itself():
    assert packed_paths((*ALONE, *RESULTS, Part("outputs/none", 0)), Limits()) == frozenset()


def test_files_without_a_byte_travel_together_where_they_are_refused():
    files = (*ALONE, Part("logs/run.log", 0), Part("outputs/none", 0), Part("outputs/some", 1))
    assert packed_paths(files, Limits(empty=False)) == {"logs/run.log", "outputs/none"}


def test_the_smallest_results_travel_together_where_there_are_too_many():
    assert packed_paths((*ALONE, *RESULTS), Limits(files=19)) == {f"outputs/{number:03}.csv" for number in range(8)}


def test_a_later_version_with_a_few_more_large_files_has_the_same_pack():
    files, limits = [*ALONE, *(Part(f"outputs/{number:03}.csv", number + 1) for number in range(150))], Limits(files=100)
    before = packed_paths(files, limits)
    assert len(before) == 60
    assert packed_paths([*files, Part("outputs/new.fits", 1000), Part("image/blobs/sha256/cd", 9)], limits) == before


def test_as_many_files_as_are_taken_need_no_pack():
    assert packed_paths((*ALONE, *RESULTS), Limits(files=26)) == frozenset()


@given(_results, _limits)
def test_what_describes_the_deposit_and_the_image_stays_alone(results: list[Part], limits: Limits):
    assert not packed_paths((*ALONE, *results), limits) & set(DESCRIBING)


@given(_results, _limits)
def test_no_file_is_lost_or_sent_twice(results: list[Part], limits: Limits):
    files = [*ALONE, *results]
    alone, together = split(files, packed_paths(files, limits))
    assert sorted(file.path for file in (*alone, *together)) == sorted(file.path for file in files)


@given(_results, _limits)
def test_what_is_said_to_fit_fits(results: list[Part], limits: Limits):
    files = [*ALONE, *results]
    alone, together = split(files, packed_paths(files, limits))
    if excess(files, limits) is None:
        assert limits.files is None or len(alone) + bool(together) <= limits.files
        assert limits.empty or all(file.size for file in alone)


@given(_results, st.integers(len(ALONE) + 1, 60))
def test_results_alone_are_never_too_many(results: list[Part], most: int):
    assert excess((*ALONE, *results), Limits(files=most, empty=False)) is None


@given(_results, _most)
def test_no_larger_result_travels_while_a_smaller_one_goes_alone(results: list[Part], most: int | None):
    files = [*ALONE, *results]
    alone, together = split(files, packed_paths(files, Limits(files=most)))
    largest = max((file.size for file in together), default=0)
    assert all(file.size >= largest for file in alone if file.path not in DESCRIBING)


@given(_results, _limits, st.randoms())
def test_the_order_of_the_files_makes_no_difference(results: list[Part], limits: Limits, random: object):
    files = [*ALONE, *results]
    shuffled = sorted(files, key=lambda _: random.random())  # type: ignore[attr-defined]  # hypothesis' own Random
    assert packed_paths(files, limits) == packed_paths(shuffled, limits)


def test_the_pack_has_a_name_that_no_file_of_a_bundle_has():
    assert "/" not in PACK
    assert PACK not in DESCRIBING


def test_a_deposit_over_the_limit_is_refused_with_what_to_leave_out_the_largest_first():
    files = (*ALONE, Part("outputs/large.fits", 5 * 2**30), Part("inputs/map.fits", 8 * 2**30), Part("outputs/small.csv", 7))
    with pytest.raises(Invalid) as refused:
        refuse_excess(files, Limits(bytes=4 * 2**30))
    assert "would have 13.0 GiB; the depository takes 4 GiB" in refused.value.message
    assert "inputs/map.fits (8 GiB), outputs/large.fits (5 GiB)." in refused.value.remedy


def test_an_image_is_left_out_whole_or_not_at_all():
    files = (*ALONE, *(Part(f"image/blobs/sha256/{number}", 2**30) for number in range(6)), Part("outputs/a", 4 * 2**30))
    with pytest.raises(Invalid) as refused:
        refuse_excess(files, Limits(bytes=5 * 2**30))
    assert "the image (6.0 GiB)" in refused.value.remedy
    assert "image/blobs" not in refused.value.remedy
    assert "where a registry keeps it" in refused.value.remedy


def test_a_file_that_is_too_large_by_itself_is_named():
    with pytest.raises(Invalid) as refused:
        refuse_excess((*ALONE, Part("outputs/cube.fits", 3 * 2**30)), Limits(file_bytes=2**30))
    assert "outputs/cube.fits (3 GiB)" in refused.value.message


def test_an_image_of_more_blobs_than_files_are_taken_is_refused():
    files = (*ALONE, *(Part(f"image/blobs/sha256/{number}", 9) for number in range(120)))
    with pytest.raises(Invalid, match="126 files even with all results in one; the depository takes 100"):
        refuse_excess(files, Limits(files=100))


@given(_results, st.integers(1, 3000))
def test_what_is_over_the_limit_in_bytes_never_fits(results: list[Part], most: int):
    files = [*ALONE, *results]
    assert (excess(files, Limits(bytes=most)) is None) == (sum(file.size for file in files) <= most)
