"""What a manifest says of its deposit, and what is said of a wrong one."""

import pytest

from tagstone.domain.deposits.deposit import Funding, PartLicence
from tagstone.domain.manifests.manifest import EXAMPLE, dump_manifest, json_schema, parse_manifest
from tagstone.domain.manifests.sections import DepositSection

FULL = """\
deposit:
  to: zenodo
  kind: workflow
  access: embargoed
  embargo: 2027-01-31
  licences: {outputs: CC-BY-4.0, image: GPL-3.0-or-later}
  funding:
  - {funder: "https://ror.org/018mejw64", award: "460248186", title: PUNCH4NFDI, url: "https://gepris.dfg.de/gepris/projekt/460248186"}
  - {funder: Carl-Zeiss-Stiftung}
  continues: 10.5281/zenodo.1003149
"""


def deposit(text: str) -> DepositSection:
    manifest, faults = parse_manifest(EXAMPLE + text)
    assert faults == ()
    assert manifest is not None
    again, _ = parse_manifest(dump_manifest(manifest))
    assert again == manifest
    return manifest.deposit


def told(text: str) -> list[str]:
    """Faults as `line of the section: message remedy`."""
    first = EXAMPLE.count("\n")
    return [f"{(fault.line or 0) - first}: {fault.message} {fault.remedy}" for fault in parse_manifest(EXAMPLE + text)[1]]


def test_everything_about_a_deposit_is_read() -> None:
    read = deposit(FULL)
    assert (read.kind, read.access, read.embargo, read.continues) == (
        "workflow",
        "embargoed",
        "2027-01-31",
        "10.5281/zenodo.1003149",
    )
    assert read.licences.parts == (PartLicence("outputs", "CC-BY-4.0"), PartLicence("image", "GPL-3.0-or-later"))
    assert [item.funding for item in read.funding] == [
        Funding(
            "https://ror.org/018mejw64",
            "018mejw64",
            "460248186",
            "PUNCH4NFDI",
            "https://gepris.dfg.de/gepris/projekt/460248186",
        ),
        Funding("Carl-Zeiss-Stiftung"),
    ]


def test_without_a_word_the_record_is_open_and_of_the_citations_kind() -> None:
    read = deposit("")
    assert (read.kind, read.access, read.embargo, read.licences.parts, read.funding) == (None, "open", None, (), ())


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("acces: open", "`deposit.acces` is no key of this file. Did you mean `access`?"),
        ("access: closed", "`deposit.access`: 'closed' is no kind of access. Write one of: open, embargoed, restricted."),
        ("access: embargod", "`deposit.access`: 'embargod' is no kind of access. Did you mean embargoed?"),
        ("kind: softwar", "`deposit.kind`: 'softwar' is no kind of record. Did you mean software?"),
        (
            "licences: {outputs: CC-BY}",
            "`deposit.licences.outputs`: 'CC-BY' is no SPDX licence. Did you mean CC-BY-4.0?",
        ),
        ("licences: {code: MIT}", "`deposit.licences.code` is no key of this file. Known keys here: `outputs`, `image`."),
        (
            'funding: [{funder: "https://ror.org/x"}]',
            "`deposit.funding.0.funder`: 'https://ror.org/x' is no ROR id. Copy it from https://ror.org, such as https://ror.org/018mejw64.",
        ),
        ("funding: [{funder: DFG, award: 4}]", '`deposit.funding.0.award` must be a text, not the number 4. Put it in quotes, such as "4".'),
        (
            "continues: https://doi.org/10.5281/zenodo.1",
            "`deposit.continues`: 'https://doi.org/10.5281/zenodo.1' is not a DOI. Write it without its address, such as 10.5281/zenodo.1003150.",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(line: str, fault: str) -> None:
    assert told(f"deposit:\n  to: zenodo\n  {line}\n") == [f"3: {fault}"]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("access: embargoed", "The embargo has no end. Write the day that opens the files, such as `embargo: 2027-01-31`."),
        ("embargo: 2027-01-31", "There is an `embargo`, but access is open. Write `access: embargoed`, or remove `embargo`."),
        (
            "access: restricted\n  embargo: 2027-01-31",
            "There is an `embargo`, but access is restricted. Write `access: embargoed`, or remove `embargo`.",
        ),
    ],
)
def test_access_and_embargo_belong_together(lines: str, fault: str) -> None:
    assert [line.partition(": `deposit`: ")[2] for line in told(f"deposit:\n  {lines}\n")] == [fault]


@pytest.mark.parametrize("day", ["2027-02-31", "20270131", "31.1.2027", "soon"])
def test_an_embargo_ends_on_a_day_of_the_calendar(day: str) -> None:
    (fault,) = told(f"deposit:\n  access: embargoed\n  embargo: {day!r}\n")
    assert fault == f"3: `deposit.embargo`: {day!r} is no day of the calendar. Write year, month and day, such as 2027-01-31."


def test_editors_are_told_the_words_there_are() -> None:
    section = json_schema()["$defs"]["DepositSection"]["properties"]
    assert section["access"]["enum"] == ["open", "embargoed", "restricted"]
    assert "workflow" in str(section["kind"])
