"""The authors of a repository: who committed how often, as one list of people without doubles and without machines."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tagstone.domain.deposits.deposit import Creator

MAX_AUTHORS = 100
_BOT = re.compile(
    r"\[bot\]|^(?:dependabot|renovate|github[- ]actions|gitlab[- ]ci|pre-commit-ci|greenkeeper|allcontributors|weblate|transifex|"
    r"copilot|codecov|imgbot|snyk-bot|root|unknown|your name)\b|[-_ ]bot$|^(?:project|group)_[0-9]+_bot",
    re.IGNORECASE,
)
_BOT_ADDRESS = re.compile(r"\[bot\]@|^(?:project|group)_?[0-9]+_?bot|^(?:noreply|actions|bot|root)@", re.IGNORECASE)
_PARTICLE = re.compile(r"[^\W\d_A-Z]+")


@dataclass(frozen=True)
class Contribution:
    """One name and address in the history (as .mailmap has them), with the number of commits."""

    name: str
    email: str
    commits: int


@dataclass(frozen=True)
class Known:
    """What files of the repository say of a person; `orcid` without its URL."""

    creator: Creator
    email: str = ""


@dataclass
class _Person:
    names: Counter[str] = field(default_factory=Counter)
    emails: set[str] = field(default_factory=set)

    @property
    def commits(self) -> int:
        return self.names.total()


def authors(history: Iterable[Contribution], known: Sequence[Known]) -> tuple[Creator, ...]:
    """The people who committed, most commits first, with what is known of them; without any, the people that are known."""
    people: list[_Person] = []
    for one in history:
        name = " ".join(one.name.split())
        if not name or _BOT.search(name) or _BOT_ADDRESS.search(one.email):
            continue
        same = [person for person in people if one.email.lower() in person.emails or _key(name) in map(_key, person.names)]
        merged = _Person()
        for person in same:
            merged.names.update(person.names)
            merged.emails |= person.emails
            people.remove(person)
        merged.names[name] += one.commits
        merged.emails |= {one.email.lower()} if one.email else set()
        people.append(merged)
    ordered = sorted(people, key=lambda person: (-person.commits, person.names.most_common(1)[0][0]))
    found = tuple(_creator(person, known) for person in ordered[:MAX_AUTHORS])
    return tuple(dict.fromkeys(found)) or tuple(dict.fromkeys(one.creator for one in known))


def creator_of(name: str) -> Creator:
    """A person's name in its parts: `Jan van der Berg`, `van der Berg, Jan`; one word is a family name."""
    name = " ".join(name.split())
    family, comma, given = name.partition(",")
    if comma and given.strip():
        return Creator(name, given.strip(), family.strip())
    words = name.split(" ")
    at = len(words) - 1
    while at > 1 and _PARTICLE.fullmatch(words[at - 1]):
        at -= 1
    family, given = " ".join(words[at:]), " ".join(words[:at])
    return Creator(f"{family}, {given}" if given else family, given or None, family)


def _key(name: str) -> str:
    return " ".join(sorted(re.findall(r"\w+", name.casefold())))


def _creator(person: _Person, known: Sequence[Known]) -> Creator:
    keys = {_key(name) for name in person.names}
    for one in known:
        if one.email.lower() in person.emails or _key(one.creator.name) in keys:
            return one.creator
    # The name that says most: `Ada Lovelace` rather than the `ada` of another machine.
    name = max(person.names, key=lambda name: (len(name.split()) > 1, person.names[name]))
    return creator_of(name)


def with_more(first: Creator, second: Creator) -> Creator:
    """One person of two sources: what the first does not say is taken from the second."""
    return replace(first, orcid=first.orcid or second.orcid, affiliations=first.affiliations or second.affiliations)


def merged(known: Iterable[Known]) -> tuple[Known, ...]:
    """The people of several files, each once."""
    found: dict[str, Known] = {}
    for one in known:
        key = _key(one.creator.name)
        earlier = found.get(key)
        if earlier is None:
            found[key] = one
        else:
            found[key] = Known(with_more(earlier.creator, one.creator), earlier.email or one.email)
    return tuple(found.values())
