"""What is said to have changed between two publications."""

import io
import tarfile
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import facts as recorded
from tagstone.actions.diff import OpenCode, diff
from tagstone.domain.environments.build import Package
from tagstone.domain.publications.difference import Difference, Section
from tagstone.domain.publications.record import Facts
from tagstone.domain.runs.hardware import Resources
from tagstone.errors import Invalid, NotFound


def code(files: dict[str, bytes], *, links: dict[str, str] | None = None, executable: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755 if path in executable else 0o644
            tar.addfile(info, io.BytesIO(content))
        for path, target in (links or {}).items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def opener(archive: bytes) -> OpenCode:
    def opened(_facts: Facts) -> BinaryIO:
        return io.BytesIO(archive)

    return opened


def gone(_facts: Facts) -> BinaryIO:
    raise NotFound("gone", remedy="none")


def compared(before: Facts, after: Facts) -> Difference:
    return diff(before, after, opener(b""), opener(b""))


def code_compared(before: bytes, after: bytes) -> Section:
    one, other = recorded.facts(code=before), recorded.facts(code=after)
    return section(diff(one, other, opener(before), opener(after)), "code")


def section(found: Difference, name: str) -> Section:
    return next(section for section in found.sections if section.name == name)


def told(section: Section) -> list[str]:
    return [str(change) for change in section.changes]


def test_a_publication_compared_with_itself_has_no_difference() -> None:
    found = compared(recorded.facts(), recorded.facts())
    assert found.identical
    assert (
        "no difference: metadata, code, parameters, run, image, packages, inputs, outputs, machine, warnings" in found.as_text()
    )
    assert found.as_json()["identical"] is True


def test_files_of_the_code_are_told_with_the_number_of_lines() -> None:
    before = code({"a.py": b"one\ntwo\nthree\n", "old.py": b"x", "same.py": b"same"})
    after = code({"a.py": b"one\nthree\nfour\nfive\n", "new.py": b"y" * 2048, "same.py": b"same"})
    found = code_compared(before, after)
    assert told(found) == ["~ a.py: +2 -1 lines", "+ new.py: 2 KiB", "- old.py: 1 B"]
    assert found.same == 1


def test_lines_that_only_moved_are_not_counted() -> None:
    assert told(code_compared(code({"a": b"1\n2\n3\n"}), code({"a": b"3\n2\n1\n"}))) == ["~ a: +0 -0 lines"]


def test_what_is_no_text_is_told_by_its_size() -> None:
    assert told(code_compared(code({"a": b"\0" * 10}), code({"a": b"\0" * 2048}))) == ["~ a: 10 B → 2 KiB"]


def test_modes_and_links_are_told() -> None:
    before, after = code({"a": b"x", "b": b"x"}), code({"a": b"x"}, links={"b": "a"}, executable=("a",))
    assert told(code_compared(before, after)) == ["~ a: is executable now", "~ b: 1 B → 0 B, file → link"]


def test_an_archive_that_is_gone_is_said_so() -> None:
    found = diff(recorded.facts(code=b"1"), recorded.facts(code=b"2"), gone, opener(b""))
    assert "not here" in section(found, "code").note
    assert not found.identical


@pytest.mark.parametrize("archive", [b"", b"nonsense" * 100, b"\x1f\x8b\x08" + b"\0" * 600])
def test_an_archive_that_is_no_tar_is_refused(archive: bytes) -> None:
    with pytest.raises(Invalid, match="no sound tar"):
        diff(recorded.facts(code=b"1"), recorded.facts(code=b"2"), opener(archive), opener(code({"a": b"x"})))


@given(st.binary(max_size=2000))
def test_whatever_bytes_an_archive_has_nothing_but_our_error_comes_of_it(noise: bytes) -> None:
    sound = code({"a": b"x" * 600})
    spoilt = noise + sound[len(noise) :]
    with suppress(Invalid):
        diff(recorded.facts(code=b"1"), recorded.facts(code=b"2"), opener(spoilt), opener(sound))


def test_a_sparse_file_of_a_terabyte_is_refused_unread() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("huge")
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.size": str(2**40), "GNU.sparse.map": f"0,0,{2**40},0"}
        tar.addfile(info)
    with pytest.raises(Invalid, match="no sound tar"):
        diff(recorded.facts(code=b"1"), recorded.facts(code=b"2"), opener(out.getvalue()), opener(code({})))


def test_packages_are_told_with_both_versions() -> None:
    def having(*packages: Package) -> Facts:
        facts = recorded.facts()
        assert facts.image is not None
        return replace(facts, image=replace(facts.image, packages=packages))

    before = having(Package("deb", "python3", "3.11"), Package("pypi", "numpy", "1.24"), Package("deb", "bc", "1.07"))
    after = having(Package("deb", "python3", "3.11"), Package("pypi", "numpy", "1.26"), Package("deb", "dc", "1.07"))
    found = section(compared(before, after), "packages")
    assert told(found) == ["- deb bc: 1.07", "+ deb dc: 1.07", "~ pypi numpy: 1.24 → 1.26"]
    assert found.same == 1


def test_command_hardware_and_parameters_are_told() -> None:
    before = recorded.facts(resources=Resources(memory=2**29, time=60))
    after = recorded.facts(command=("python3", "analysis.py", "--name", "a b"), resources=Resources(memory=2**30, time=60))
    after = replace(after, source=replace(after.source, manifest=after.source.manifest.replace("bins: 64", "bins: 128")))
    found = compared(before, after)
    assert told(section(found, "run")) == [
        "~ command: python3 analysis.py --bins 64 → python3 analysis.py --name 'a b'",
        "~ memory: 512 MiB → 1 GiB",
    ]
    assert told(section(found, "parameters")) == ["~ bins: 64 → 128"]


def test_the_identifier_that_every_run_is_given_is_no_difference() -> None:
    assert compared(recorded.facts(env=(("TAGSTONE_DOI", "1"),)), recorded.facts(env=(("TAGSTONE_DOI", "2"),))).identical


def test_inputs_and_outputs_are_told_by_their_checksums() -> None:
    before = recorded.facts(
        outputs=(recorded.output("a", b"1"), recorded.output("b", b"2")), inputs=(recorded.given("i", b"1"),)
    )
    after = recorded.facts(
        outputs=(recorded.output("a", b"1"), recorded.output("b", b"3")), inputs=(recorded.given("i", b"2"),)
    )
    found = compared(before, after)
    outputs = section(found, "outputs")
    assert (len(outputs.changes), outputs.same) == (1, 1)
    assert told(outputs)[0].startswith("~ b: 1 B, sha256:")
    assert len(section(found, "inputs").changes) == 1


def test_authors_licence_and_title_are_told() -> None:
    before = recorded.facts()
    citation = before.source.citation.replace("MIT", "Apache-2.0").replace("given-names: Ada", "given-names: Augusta Ada")
    after = replace(before, source=replace(before.source, citation=citation, title="More wobble", version="1.1.0"))
    names = [change.name for change in section(compared(before, after), "metadata").changes]
    assert names == ["authors", "licences", "title", "version"]


def test_another_machine_is_told() -> None:
    before = recorded.facts()
    assert before.run is not None
    assert before.run.status.granted is not None
    granted = replace(before.run.status.granted, cpu_model="Another CPU")
    after = replace(before, run=replace(before.run, status=replace(before.run.status, granted=granted)))
    assert told(section(compared(before, after), "machine")) == ["~ processor: Some CPU @ 3 GHz → Another CPU"]


def test_a_waived_secret_is_told() -> None:
    after = replace(recorded.facts(), secrets_waived=("Private Key: test.pem",))
    assert told(section(compared(recorded.facts(), after), "warnings")) == ["+ waived secret: Private Key: test.pem"]


def test_what_was_never_run_can_be_compared_too() -> None:
    found = compared(recorded.facts(), replace(recorded.facts(), run=None, outputs=(), image=None))
    assert all(
        change.happened == "removed" for name in ("run", "outputs", "packages") for change in section(found, name).changes
    )


def test_long_lists_are_cut_for_people_and_whole_for_programs() -> None:
    after = recorded.facts(outputs=tuple(recorded.output(f"{n:03}", b"x") for n in range(100)))
    found = compared(recorded.facts(outputs=()), after)
    assert "and 60 more" in found.as_text()
    sections = found.as_json()["sections"]
    assert isinstance(sections, dict)
    assert len(sections["outputs"]["changes"]) == 100
