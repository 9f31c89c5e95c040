"""The words that a record is found by, and those of a question: equal spelling, whatever case and accents."""

import re
import unicodedata
from collections.abc import Iterable

from tagstone.domain.citations.citation import Citation
from tagstone.domain.publications.record import Facts

LONGEST = 48
_MOST = 600
_MOST_PACKAGES = 100
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text in their order, each once: lower-case, without accents, at most `LONGEST` letters each."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(character for character in plain if not unicodedata.combining(character))
    return list(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(kept)))


def words_of(facts: Facts, citation: Citation) -> set[str]:
    """What a record is found by: title, version, authors, keywords, project, identifier, packages of Python and R, abstract.

    Debian's packages are left out: every record has hundreds of the same. What is said first counts first, up to a bound.
    """
    image = facts.image
    packages = [package.name for package in image.packages if package.kind != "deb"] if image else []
    texts: Iterable[str] = (
        citation.title,
        facts.source.title,
        facts.source.version,
        *citation.keywords,
        facts.source.project.name,
        facts.doi or "",
        *(creator.name for creator in citation.authors),
        *packages[:_MOST_PACKAGES],
        citation.abstract,
    )
    found: dict[str, None] = {}
    for text in texts:
        found |= dict.fromkeys(words(text))
        if len(found) > _MOST:
            break
    return set(list(found)[:_MOST])


def facets(facts: Facts, citation: Citation, project_id: int) -> set[str]:
    """What filters ask for, as words that no text has: they hold a colon."""
    licences = (f"licence:{licence[:LONGEST]}" for licence in citation.licences)
    return {f"year:{facts.date[:4]}", f"project:{project_id}", *licences, *(f"contents:{kind}" for kind in contents(facts))}


def contents(facts: Facts) -> tuple[str, ...]:
    """What a record holds beside code and image, the chief thing first: outputs, brought (not run by Tagstone), environment."""
    made = any(not output.brought for output in facts.outputs)
    brought = any(output.brought for output in facts.outputs)
    kinds = (("outputs", made), ("brought", brought))
    return tuple(name for name, there in kinds if there) or (("environment",) if facts.run is None else ("outputs",))


def byline(citation: Citation, most: int = 6) -> str:
    """The authors in one line, given names first; of many the first ones."""
    people = [f"{c.given} {c.family}" if c.given and c.family else c.name for c in citation.authors]
    more = f" and {len(people) - most} more" if len(people) > most else ""
    return ", ".join(people[:most]) + more
