"""What every run finds in its environment, and who decides when the image says otherwise."""

import pytest

from fakes import facts as recorded
from tagstone.actions.run import run_spec
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run_environment import run_environment


def environment(image: dict[str, str] | None = None, cpu: float = 1.0, doi: str | None = None) -> dict[str, str]:
    return dict(run_environment(image or {}, Resources(cpu=cpu), time=1_700_000_000, version="1.0.0", doi=doi))


def test_dates_seeds_locale_and_timezone_are_fixed():
    wanted = {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": "0", "TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    assert wanted.items() <= environment().items()


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, "1"), (1, "1"), (2.5, "2"), (16, "16")])
def test_threads_are_as_many_as_the_cores_asked_for_and_at_least_one(cpu, threads):
    found = environment(cpu=cpu)
    names = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "JULIA_NUM_THREADS"}
    assert {found[name] for name in names} == {threads}


def test_the_identifier_is_there_when_one_is_reserved():
    assert environment(doi="10.5072/x")["TAGSTONE_DOI"] == "10.5072/x"
    assert "TAGSTONE_DOI" not in environment()


def test_what_the_image_says_of_threads_and_seeds_counts_and_is_recorded():
    image = {"OMP_NUM_THREADS": "3", "PYTHONHASHSEED": "7", "TZ": "Europe/Berlin", "PATH": "/bin"}
    found = environment(image, cpu=8)
    assert (found["OMP_NUM_THREADS"], found["PYTHONHASHSEED"], found["TZ"]) == ("3", "7", "Europe/Berlin")
    assert found["MKL_NUM_THREADS"] == "8"
    assert "PATH" not in found


def test_a_locale_of_the_image_is_taken_whole():
    found = environment({"LANG": "de_DE.UTF-8", "LC_COLLATE": "C"})
    assert {name: value for name, value in found.items() if name.startswith("L")} == {"LANG": "de_DE.UTF-8", "LC_COLLATE": "C"}


def test_the_date_and_what_tagstone_says_are_never_the_image_s():
    found = environment({"SOURCE_DATE_EPOCH": "0", "TAGSTONE_DOI": "10.1/fake", "TAGSTONE_VERSION": "9"})
    assert (found["SOURCE_DATE_EPOCH"], found["TAGSTONE_VERSION"]) == ("1700000000", "1.0.0")
    assert found["TAGSTONE_DOI"] == ""


def test_equal_wishes_give_equal_environments():
    assert run_environment({"B": "1", "TZ": "x"}, Resources(), time=1, version="1", doi=None) == run_environment(
        {"TZ": "x", "B": "1"}, Resources(), time=1, version="1", doi=None
    )


def test_a_run_is_told_its_reserved_identifier_and_umask():
    spec = run_spec(recorded.facts())
    assert dict(spec.env)["TAGSTONE_DOI"] == recorded.deposit().doi
    assert spec.umask == "0022"
