"""People and organisations of the crate: who publishes, who wrote it, and where they work."""

from collections.abc import Sequence

from tagstone.bundle.entities import Entity, ref, refs
from tagstone.bundle.text import plain, reference
from tagstone.bundle.words import HOME
from tagstone.domain.deposits.deposit import Creator, Publisher


def publisher_entities(publisher: Publisher) -> list[Entity]:
    """The organisation that publishes, first, and how to reach it."""
    organisation: Entity = {
        "@id": _ror(publisher.ror) or publisher.url or HOME,
        "@type": "Organization",
        "name": plain(publisher.name),
        "url": publisher.url or _ror(publisher.ror) or HOME,
    }
    if not publisher.contact:
        return [organisation]
    contact: Entity = {
        "@id": f"mailto:{reference(publisher.contact)}",
        "@type": "ContactPoint",
        "contactType": "questions about records",
        "email": plain(publisher.contact),
    }
    return [organisation | {"contactPoint": ref(contact)}, contact]


def author_entities(creators: Sequence[Creator]) -> tuple[list[Entity], list[Entity]]:
    """The authors, and the organisations that they belong to, each once."""
    authors = []
    organisations: dict[object, Entity] = {}
    for number, creator in enumerate(creators, 1):
        author = _author(number, creator)
        places = [_affiliation(affiliation.name, affiliation.ror) for affiliation in creator.affiliations]
        organisations |= {place["@id"]: place for place in places}
        if places:
            author["affiliation"] = refs(places)
        authors.append(author)
    known = {author["@id"] for author in authors}
    return authors, [organisation for identity, organisation in organisations.items() if identity not in known]


def _author(number: int, creator: Creator) -> Entity:
    orcid = f"https://orcid.org/{creator.orcid}" if creator.orcid else None
    ror = _ror(creator.ror) if creator.organisation else None
    author: Entity = {
        "@id": orcid or ror or f"#author-{number}",
        "@type": "Organization" if creator.organisation else "Person",
        "name": plain(creator.name),
    }
    known = {"givenName": creator.given, "familyName": creator.family, "url": creator.url or ror}
    return author | {name: plain(text) for name, text in known.items() if text}


def _affiliation(name: str, ror: str | None) -> Entity:
    url = _ror(ror)
    organisation: Entity = {
        "@id": url or f"#organisation-{reference(plain(name))}",
        "@type": "Organization",
        "name": plain(name),
    }
    return organisation | ({"url": url} if url else {})


def _ror(identifier: str | None) -> str | None:
    return f"https://ror.org/{identifier}" if identifier else None
