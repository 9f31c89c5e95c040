"""The keys of CFF 1.2.0: every mapping of its schema as a table of rules."""

from tagstone.domain.citations.cff_rules import (
    Judge,
    Rule,
    day,
    integer_or_text,
    items,
    licence,
    mapping,
    number_or_text,
    one_of,
    orcid,
    text,
    written_as,
)
from tagstone.domain.reading.yaml_text import Path

COUNTRIES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN
SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
ZA ZM ZW
"""
REFERENCE_TYPES = """
art article audiovisual bill blog book catalogue conference-paper conference data database dictionary edited-work
encyclopedia film-broadcast generic government-document grant hearing historical-work legal-case legal-rule
magazine-article manual map multimedia music newspaper-article pamphlet patent personal-communication proceedings report
serial slides software-code software-container software-executable software-virtual-machine software sound-recording
standard statute thesis unpublished video website
"""

doi = written_as(
    r"10\.[0-9]{4,9}(?:\.[0-9]+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+",
    "a DOI",
    "Write it without its address, such as 10.5281/zenodo.1003150.",
)
url = written_as(r"(?:https|http|ftp|sftp)://[^\n]+\n?", "an address", "Write it with its scheme, such as https://example.org.")
email = written_as(r"\S+@\S+\.\S{2,}", "an e-mail address", "Write name@host.")
swh = written_as(
    r"swh:1:(?:snp|rel|rev|dir|cnt):[0-9a-fA-F]{40}", "a Software Heritage identifier", "Write swh:1:, the kind, and 40 digits."
)
language = written_as(r"[a-z]{2,3}", "a language", "Write its code of ISO 639, such as en.")
country = one_of(COUNTRIES)

_PLACE: dict[str, Rule] = dict.fromkeys(("address", "alias", "city", "fax", "region", "tel"), text)
_PLACE |= {"country": country, "email": email, "orcid": orcid, "post-code": number_or_text, "website": url}
PERSON = _PLACE | dict.fromkeys(("affiliation", "family-names", "given-names", "name-particle", "name-suffix"), text)
ENTITY = _PLACE | {"date-end": day, "date-start": day, "location": text, "name": text}

entity = mapping(ENTITY, ("name",))
person = mapping(PERSON)


def agent(value: object, path: Path, judge: Judge) -> None:
    """A person, or an entity where there is a `name`."""
    if isinstance(value, str):
        judge.fault(
            path, "must be a mapping.", "Write `given-names: …` and `family-names: …`, or `name: …` for an organisation."
        )
    elif isinstance(value, dict) and "name" in value:
        for key in sorted(value.keys() & (PERSON.keys() - ENTITY.keys())):
            remedy = "Keep `name` for organisations, `family-names` and `given-names` for people."
            judge.fault((*path, key), "belongs to a person, but there is a `name`, as organisations have.", remedy)
        entity({key: item for key, item in value.items() if key in ENTITY or key not in PERSON}, path, judge)
    else:
        person(value, path, judge)


def author(value: object, path: Path, judge: Judge) -> None:
    """An agent whom one can name."""
    agent(value, path, judge)
    if isinstance(value, dict) and not value.keys() & {"name", "family-names", "given-names", "alias"}:
        judge.fault(path, "has no name.", "Add `family-names` and `given-names`, or `name` for an organisation.")


_IDENTIFIERS: dict[str, Rule] = {"doi": doi, "url": url, "swh": swh, "other": text}


def identifier(value: object, path: Path, judge: Judge) -> None:
    """An identifier, whose type says how its value is written."""
    kind = value.get("type") if isinstance(value, dict) else None
    written = _IDENTIFIERS.get(kind, text) if isinstance(kind, str) else text
    table: dict[str, Rule] = {"description": text, "type": one_of("doi url swh other"), "value": written}
    mapping(table, ("type", "value"))(value, path, judge)


def month(value: object, path: Path, judge: Judge) -> None:
    """A month's number."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value in range(1, 13)
    if not whole and value not in [str(number) for number in range(1, 13)]:
        judge.fault(path, f"is no month: {str(value)[:40]!r}.", "Write its number, 1 to 12.")


_WORK: dict[str, Rule] = {
    "abstract": text,
    "commit": text,
    "contact": items(agent),
    "date-released": day,
    "doi": doi,
    "identifiers": items(identifier),
    "keywords": items(text),
    "license": licence,
    "license-url": url,
    "repository": url,
    "repository-artifact": url,
    "repository-code": url,
    "title": text,
    "url": url,
    "version": number_or_text,
}
_TEXTS = (
    "abbreviation collection-title collection-type copyright data-type database department edition entry filename format "
    "issue-date issue-title journal medium nihmsid notes scope term thesis-type volume-title"
)
REFERENCE: dict[str, Rule] = (
    _WORK
    | dict.fromkeys(_TEXTS.split(), text)
    | dict.fromkeys(("date-accessed", "date-downloaded", "date-published"), day)
    | dict.fromkeys(("conference", "database-provider", "institution", "location", "publisher"), entity)
    | {key: items(agent) for key in ("authors", "editors", "editors-series", "recipients", "senders", "translators")}
    | dict.fromkeys(("issue", "number", "section"), number_or_text)
    | dict.fromkeys(
        ("end", "loc-end", "loc-start", "number-volumes", "pages", "start", "volume", "year", "year-original"), integer_or_text
    )
    | {
        "collection-doi": doi,
        "isbn": written_as(r"[0-9\- ]{10,17}X?", "an ISBN", "Write 10 or 13 digits, with or without hyphens."),
        "issn": written_as(r"[0-9]{4}-[0-9]{3}[0-9xX]", "an ISSN", "Write it as 1234-567X."),
        "languages": items(language),
        "month": month,
        "patent-states": items(text),
        "pmcid": written_as(r"PMC[0-9]{7}", "a PMCID", "Write PMC and seven digits."),
        "status": one_of("abstract advance-online in-preparation in-press preprint submitted"),
        "type": one_of(REFERENCE_TYPES),
    }
)
reference = mapping(REFERENCE, ("authors", "title", "type"))


def cff_version(value: object, path: Path, judge: Judge) -> None:
    """The version of the format: 1.2.0."""
    if value != "1.2.0":
        judge.fault(
            path,
            f"is {str(value)[:20]!r}; only CFF 1.2.0 is read.",
            "Write `cff-version: 1.2.0` and mend what then does not fit.",
        )


citation_file = mapping(
    _WORK
    | {
        "authors": items(author),
        "cff-version": cff_version,
        "message": text,
        "preferred-citation": reference,
        "references": items(reference),
        "type": one_of("dataset software"),
    },
    ("cff-version", "message", "title", "authors"),
)
