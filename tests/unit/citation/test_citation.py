"""Reading CITATION.cff and codemeta.json: all faults at once, each with line and remedy."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tagstone.actions.check import check_citation
from tagstone.domain.citations.cff_rules import checksum_holds
from tagstone.domain.citations.citation import Citation, citation_text, citation_with, parse_citation
from tagstone.domain.citations.licences import meant, recognised
from tagstone.domain.deposits.deposit import Affiliation, Creator
from tagstone.errors import Invalid

MINIMAL = """\
cff-version: 1.2.0
message: Please cite this.
title: Wobble
authors:
  - given-names: Ada
    family-names: Lovelace
"""


def messages(text: str, file: str = "CITATION.cff") -> list[str]:
    """Faults as `line: message remedy`."""
    return [f"{fault.line}: {fault.message} {fault.remedy}" for fault in parse_citation(text, file)[1]]


def test_a_citation_says_who_and_what(citation_files: Callable[[str], list[Path]]) -> None:
    full = next(file for file in citation_files("valid") if file.stem == "full")
    citation, faults = parse_citation(full.read_text("utf-8"))
    assert faults == ()
    assert citation is not None
    assert citation.title == "Wobble: the motion of the pole"
    assert citation.authors == (
        Creator(
            "von Humboldt Jr., Alexander",
            "Alexander",
            "von Humboldt Jr.",
            "0000-0002-1825-0097",
            (Affiliation("Königliche Akademie"),),
            url="https://example.org/~humboldt",
        ),
        Creator("The Wobble Collaboration", orcid="0000-0001-5109-3700", organisation=True),
    )
    assert citation.version == "1.10"
    assert citation.date == "2026-01-31"
    assert citation.licences == ("Apache-2.0", "MIT")
    assert citation.keywords == ("pole", "Chandler wobble", "Erdrotation ü")
    assert citation.doi == "10.5281/zenodo.1003150"
    assert citation.repository == "https://gitlab.example.org/geo/wobble"
    assert citation.abstract == "How the pole moves, in one figure."


def test_every_fault_is_found_at_once_with_its_line_and_remedy() -> None:
    text = MINIMAL.replace("family-names", "family-name").replace("message", "mesage") + "license: apache-2.0\ndoi: x\n"
    assert messages(text) == [
        "None: `message` is missing. Add `message`.",
        "2: `mesage` is no key of CFF 1.2.0 here. Did you mean `message`?",
        "6: `authors.0.family-name` is no key of CFF 1.2.0 here. Did you mean `family-names`?",
        "7: `license` is no SPDX licence id: 'apache-2.0'. Did you mean Apache-2.0?",
        "8: `doi` is not a DOI: 'x'. Write it without its address, such as 10.5281/zenodo.1003150.",
    ]


def test_a_text_with_a_colon_is_explained() -> None:
    assert messages(MINIMAL.replace("Wobble", "Wobble: motion"))[0].endswith(
        "Put the text after the colon in quotes: it has a colon of its own."
    )


def test_a_newer_licence_is_a_warning_only() -> None:
    citation, faults = parse_citation(MINIMAL + "license: CFITSIO\n")
    assert citation is not None
    assert [fault.warning for fault in faults] == [True]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("GPLv3", "GPL-3.0-or-later"),
        ("MIT License", "MIT"),
        ("EUPL1.2", "EUPL-1.2"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("my very own terms", None),
    ],
)
def test_a_near_miss_of_a_licence_names_the_licence(written: str, wanted: str | None) -> None:
    assert meant(written) == wanted


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("0000-0002-1825-0097", True),
        ("0000-0001-5109-3700", True),
        ("0000-0002-1694-233X", True),
        ("0000-0002-1825-0079", False),
    ],
)
def test_an_orcids_check_digit_is_checked(number: str, holds: bool) -> None:
    assert checksum_holds(number) is holds


def test_the_projects_own_licence_is_recognised() -> None:
    assert recognised("                     Apache License\n           Version 2.0, January 2004\n") == "Apache-2.0"
    assert recognised("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007") == "GPL-3.0"
    assert recognised("All rights reserved.") is None


def test_identifier_version_and_date_are_set_and_all_else_stays_as_written() -> None:
    text = MINIMAL.replace("Wobble", "Wobble   # the name") + "version: 0.9 # old\nkeywords:\n- pole\n# the end"
    assert citation_with(text, doi="10.5072/ts.1", version="1.0", date="2026-02-01") == (
        MINIMAL.replace("Wobble", "Wobble   # the name")
        + 'version: "1.0" # old\nkeywords:\n- pole\n# the end\ndoi: "10.5072/ts.1"\ndate-released: "2026-02-01"\n'
    )


def test_a_doi_that_stood_there_is_kept_among_the_identifiers() -> None:
    text = MINIMAL + "doi: 10.5281/zenodo.7\nidentifiers:\n  - type: swh\n    value: swh:1:rev:" + "0" * 40 + "\n"
    new = citation_with(text, doi="10.5072/ts.1", version="1.0", date="2026-02-01")
    assert '  - {"type": "doi", "value": "10.5281/zenodo.7"' in new
    assert parse_citation(new)[0] == replace(_parsed(MINIMAL), doi="10.5072/ts.1", version="1.0", date="2026-02-01")


def test_the_archived_codes_swhid_joins_the_identifiers_once() -> None:
    swhid = "swh:1:dir:" + "d" * 40
    for text in (
        MINIMAL,
        MINIMAL + "doi: 10.5281/zenodo.7\n",
        MINIMAL + "identifiers: [{type: url, value: 'https://x.org/'}]\n",
    ):
        new = citation_with(text, doi="10.5072/ts.1", version="1.0", date="2026-02-01", swhid=swhid)
        assert new.count(swhid) == 1
        assert parse_citation(new)[0] == replace(_parsed(text), doi="10.5072/ts.1", version="1.0", date="2026-02-01")
        assert citation_with(new, doi="10.5072/ts.1", version="1.0", date="2026-02-01", swhid=swhid) == new
    anew = citation_text(_parsed(MINIMAL), swhid)
    assert swhid in anew
    assert parse_citation(anew) == (_parsed(MINIMAL), ())


def test_a_ror_id_is_read_where_cff_leaves_room_for_it() -> None:
    text = (
        MINIMAL
        + "    affiliation: Astrophysics (https://ror.org/03mrbr458)\n  - name: AIP\n    website: https://ror.org/03mrbr458\n"
    )
    citation = _parsed(text)
    assert [(author.affiliations, author.ror) for author in citation.authors] == [
        ((Affiliation("Astrophysics", "03mrbr458"),), None),
        ((), "03mrbr458"),
    ]
    assert parse_citation(citation_text(citation)) == (citation, ())


def test_every_valid_file_can_be_completed_with_the_same_bytes_each_time(citation_files: Callable[[str], list[Path]]) -> None:
    for file in citation_files("valid"):
        text = file.read_bytes().decode()
        first = citation_with(text, doi="10.5072/ts.1", version="1.0", date="2026-02-01")
        assert citation_with(text, doi="10.5072/ts.1", version="1.0", date="2026-02-01") == first
        citation, faults = parse_citation(first)
        assert faults == ()
        assert citation == replace(_parsed(text), doi="10.5072/ts.1", version="1.0", date="2026-02-01")
        assert citation_with(first, doi="10.5072/ts.1", version="1.0", date="2026-02-01") == first


def test_completed_files_please_cffconvert_too(
    citation_files: Callable[[str], list[Path]], cffconvert_says: Callable[[list[Path]], dict[Path, bool]], tmp_path: Path
) -> None:
    made = []
    for file in citation_files("valid"):
        for name, text in {
            "edited": citation_with(file.read_bytes().decode(), doi="10.5072/ts.1", version="1.0", date="2026-02-01"),
            "anew": citation_text(_parsed(file.read_bytes().decode())),
        }.items():
            made.append(tmp_path / f"{file.stem}-{name}.cff")
            made[-1].write_text(text, "utf-8")
    assert [file.stem for file, taken in cffconvert_says(made).items() if not taken] == []


def test_an_invalid_citation_cannot_be_completed() -> None:
    with pytest.raises(Invalid):
        citation_with("title: x", doi="10.5072/ts.1", version="1.0", date="2026-02-01")


def test_a_citation_written_anew_says_the_same(citation_files: Callable[[str], list[Path]]) -> None:
    for file in citation_files("valid"):
        citation = _parsed(file.read_text("utf-8"))
        again = parse_citation(citation_text(citation))
        assert again == (replace(citation, authors=again[0].authors if again[0] else ()), ())
        assert [author.name for author in again[0].authors] == [author.name for author in citation.authors]


CODEMETA = {
    "@context": "https://doi.org/10.5063/schema/codemeta-2.0",
    "@type": "SoftwareSourceCode",
    "name": "Wobble",
    "version": 1.10,
    "license": "https://spdx.org/licenses/Apache-2.0",
    "datePublished": "2026-01-31",
    "keywords": "pole, wobble",
    "identifier": "https://doi.org/10.5281/zenodo.1",
    "codeRepository": "https://gitlab.example.org/geo/wobble",
    "author": [
        {
            "@type": "Person",
            "@id": "https://orcid.org/0000-0002-1825-0097",
            "givenName": "Ada",
            "familyName": "Lovelace",
            "affiliation": {"@type": "Organization", "name": "Somewhere"},
        },
        {"@type": "Organization", "name": "The Collaboration"},
    ],
}


def test_codemeta_says_the_same_things() -> None:
    citation, faults = parse_citation(json.dumps(CODEMETA), "codemeta.json")
    assert faults == ()
    assert citation == Citation(
        title="Wobble",
        authors=(
            Creator("Lovelace, Ada", "Ada", "Lovelace", "0000-0002-1825-0097", (Affiliation("Somewhere"),)),
            Creator("The Collaboration", organisation=True),
        ),
        version="1.1",
        date="2026-01-31",
        licences=("Apache-2.0",),
        keywords=("pole", "wobble"),
        doi="10.5281/zenodo.1",
        repository="https://gitlab.example.org/geo/wobble",
    )


def test_faults_of_codemeta_are_found_at_once() -> None:
    found = messages(json.dumps({"name": 3.5, "author": {"@type": "Person"}, "license": "apache"}), "codemeta.json")
    assert found == [
        "None: An author has no name. Add `givenName` and `familyName`, or `name`.",
        "None: `license` is no SPDX licence: 'apache'. Did you mean https://spdx.org/licenses/Apache-2.0?",
    ]
    assert messages("{\n1}", "codemeta.json")[0].startswith("2: This is not JSON")


def test_latin_1_is_refused_with_its_line() -> None:
    (fault,) = check_citation("title: x\nabstract: Größe\n".encode("latin-1"))
    assert (fault.line, fault.message) == (2, "The file is not UTF-8.")


TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            [*MINIMAL.splitlines(True), "license: ", "[", "{", "&a ", "*a\n", "!!x ", "- ", ": ", "\t", "1.2", "\n", "'"]
        ),
        max_size=30,
    ).map("".join),
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(st.binary(max_size=300))
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbf" + MINIMAL.encode())
def test_any_bytes_give_faults_and_never_another_error(data: bytes) -> None:
    for name in ("CITATION.cff", "codemeta.json"):
        for fault in check_citation(data, name):
            assert fault.remedy
            str(fault).encode()


@quick
@given(TEXTS)
@example('"\\ud800": "\\0"')
@example("? [a]\n: b")
@example("{'a': *b")
def test_any_text_gives_a_citation_or_faults(text: str) -> None:
    for name in ("CITATION.cff", "codemeta.json"):
        citation, faults = parse_citation(text, name)
        assert (citation is None) == any(not fault.warning for fault in faults)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000,
        "{a: " * 200_000,
        "- " * 500_000,
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(20_000)),
        "? " * 500_000,
        "a: '" + "x" * 900_000,
        "k: v\n" * 200_000,
        "title: " + "9" * 1_000_000,
        "# " + "c" * 1_000_000,
        MINIMAL + "keywords:\n" + "".join(f"- k{n}\n" for n in range(15_000)),
        "".join(f"kye{n}: 1\n" for n in range(15_000)),
    ],
    ids=lambda text: text[:12],
)
def test_a_bomb_is_answered_in_bounded_time(text: str) -> None:
    before = time.monotonic()
    for name in ("CITATION.cff", "codemeta.json"):
        parse_citation(text[: 2**20], name)
    assert time.monotonic() - before < 10


def _parsed(text: str) -> Citation:
    citation, faults = parse_citation(text)
    assert citation is not None, faults
    return citation
