"""What a visitor asks of the catalogue, read from the address, and the same written into addresses again."""

from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from tagstone.errors import NotFound
from tagstone.store.search import Mark, Wanted

CONTENTS = {
    "outputs": "with outputs of a run",
    "environment": "an environment alone",
    "brought": "with results not run by Tagstone",
}
_LONGEST = 200


@dataclass(frozen=True)
class Asked:
    """The address's question, as it was written."""

    q: str = ""
    project: str = ""
    year: str = ""
    licence: str = ""
    contents: str = ""

    def wanted(self) -> Wanted:
        """The same for the store. Raises: NotFound for what no form of ours asks."""
        if self.contents and self.contents not in CONTENTS:
            raise _nothing()
        return Wanted(
            text=self.q[:_LONGEST],
            project=_number(self.project),
            year=_number(self.year),
            licence=self.licence[:_LONGEST] or None,
            contents=self.contents or None,
        )

    def address(self, **others: str) -> str:
        """This question as the last part of an address; `others` are added."""
        given = {field.name: getattr(self, field.name) for field in fields(self)} | others
        query = urlencode({name: value for name, value in given.items() if value}, errors="replace")
        return f"?{query}" if query else ""

    def without(self, name: str) -> "Asked":
        """The question without one of its parts."""
        return replace(self, **{name: ""})


def mark(text: str) -> Mark | None:
    """The place in the list that an address names. Raises: NotFound when it is none."""
    if not text:
        return None
    time, _, name = text.partition("~")
    try:
        return Mark(float(time), name[:40])
    except ValueError:
        raise _nothing() from None


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _nothing()
    return int(text)


def _nothing() -> NotFound:
    return NotFound("No page has this address.", remedy="Start from the catalogue of records.")
