"""The catalogue: records by words and filters, newest first. What a question costs does not grow with the number of records.

A word that few records have leads to them; where all words are common, the newest records are looked through, which soon
fills a page. Nothing is counted to the end, nothing is skipped over: pages begin where another one ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, intersect, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, defer, joinedload

from tagstone.domain.citations.citation import Citation, parse_citation
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import Kind, State
from tagstone.domain.publications.record import Facts
from tagstone.domain.publications.search_words import LONGEST, byline, contents, facets, words, words_of
from tagstone.store.tables import Project, Publication, Word

COUNTED = 1000
_FEW = 300
_READ = 8  # times as many records of one word are read, to see whether few are left of several words
_MEANT = 20  # words that one beginning may stand for
_TERMS = 10
_BATCH = 100


@dataclass(frozen=True)
class Mark:
    """A place between two records of the list, at the record it names. Written `SECONDS~ID`."""

    created_at: float
    id: str

    def __str__(self) -> str:
        return f"{self.created_at!r}~{self.id}"


@dataclass(frozen=True)
class Wanted:
    """What is asked for: words that must all be there (the last may be the beginning of one), and filters."""

    text: str = ""
    project: int | None = None
    year: int | None = None
    licence: str | None = None
    contents: str | None = None

    @property
    def filtered(self) -> bool:
        """True when not simply everything is wanted."""
        return replace(self, text=self.text.strip()) != Wanted()

    @property
    def exact(self) -> tuple[str, ...]:
        """The words that must be there as they are: filters too."""
        pairs = {"project": self.project, "year": self.year, "licence": self.licence, "contents": self.contents}
        wanted = [f"{name}:{str(value)[:LONGEST]}" for name, value in pairs.items() if value is not None]
        return (*wanted, *words(self.text)[:_TERMS][:-1])

    @property
    def beginning(self) -> str | None:
        """What the last word must begin with."""
        found = words(self.text)[:_TERMS]
        return found[-1] if found else None


@dataclass(frozen=True)
class Found:
    """One page of records; `total` is None where counting would cost too much, and `COUNTED + 1` for more than that."""

    rows: list[Publication]
    total: int | None
    newer: Mark | None
    older: Mark | None


def find(
    session: Session,
    wanted: Wanted,
    limit: int,
    older_than: Mark | None = None,
    newer_than: Mark | None = None,
    few: int = _FEW,
) -> Found:
    """One page of the records that are wanted, newest first; without their facts, with their projects.

    Words lead to records where no more than `few` have all of them.
    """
    every, conditions = _few_or_conditions(session, wanted, few)
    if every is None:
        matching = and_(Publication.state == State.PUBLISHED, *conditions)
        total = None if wanted.filtered else _counted(session, select(Publication.created_at).where(matching), COUNTED)
        places = _places(session, matching, limit + 1, older_than, newer_than)
    else:
        total = len(every)
        places = _cut(every, limit + 1, older_than, newer_than)
    backwards = newer_than is not None
    more, places = len(places) > limit, places[:limit]
    if backwards:
        places.reverse()
    newer = places[0] if places and (more if backwards else older_than is not None) else None
    older = places[-1] if places and (backwards or more) else None
    return Found(_rows(session, places), total, newer, older)


def years(session: Session) -> list[int]:
    """The years that there are records of, newest first."""
    return sorted((int(value) for value in _values(session, Publication.year)), reverse=True)


def licences(session: Session) -> list[str]:
    """The licences that records are under."""
    return [str(value) for value in _values(session, Publication.licence)]


def projects(session: Session, most: int = 50) -> list[tuple[int, str]]:
    """Row id and name of the projects that have records, by name; none when there are more than `most`: they are searched for by name."""
    has_records = exists().where(Publication.project_id == Project.id, Publication.state == State.PUBLISHED)
    query = select(Project.id, Project.name).where(has_records).order_by(Project.name, Project.id).limit(most + 1)
    found = [(number, name) for number, name in session.execute(query)]
    return found if len(found) <= most else []


def index(session: Session, row: Publication, facts: Facts) -> None:
    """Let a released record be found, by what its facts say."""
    citation = parse_citation(facts.citation)[0] or Citation(title=facts.source.title, authors=())
    row.year, row.licence = int(facts.date[:4]), citation.licences[0] if citation.licences else None
    row.contents, row.byline = contents(facts)[0], byline(citation)
    session.execute(delete(Word).where(Word.publication_id == row.id))
    found = words_of(facts, citation) | facets(facts, citation, row.project_id)
    session.execute(insert(Word), [{"word": word, "publication_id": row.id} for word in sorted(found)])


def forget(session: Session, publication_id: str) -> None:
    """Let a record be found no more."""
    session.execute(delete(Word).where(Word.publication_id == publication_id))


def index_missing(session: Session) -> int:
    """Let records be found that an earlier version published, some at a time; how many there were."""
    query = select(Publication).where(Publication.state == State.PUBLISHED, Publication.year.is_(None))
    rows = list(
        session.scalars(query.where(Publication.facts.is_not(None), Publication.kind == Kind.PUBLICATION).limit(_BATCH))
    )
    for row in rows:
        index(session, row, record.load((row.facts or "").encode()))
    return len(rows)


def _few_or_conditions(session: Session, wanted: Wanted, few: int) -> tuple[list[Mark] | None, list[ColumnElement[bool]]]:
    """The few records that have all words, newest first, or None and what is to be asked of each record."""
    if wanted.text.strip() and wanted.beginning is None:
        return [], []
    leading: list[Select[Any]] = []
    fewest = few * _READ
    every: list[ColumnElement[bool]] = []
    beside: list[ColumnElement[bool]] = []
    for condition in _conditions(session, wanted):
        found = select(Word.publication_id).where(condition).distinct()
        every.append(exists().where(Word.publication_id == Publication.id, condition))
        count = _counted(session, found, few * _READ)
        fewest = min(fewest, count)
        if count <= few * _READ:
            leading.append(found)
        else:
            beside.append(every[-1])
    hopeful = fewest <= few or len(leading) > 1
    places = _led_to(session, leading, few) if leading and hopeful else None
    # Where many are left a page is soon full, and looking through the newest is the shorter way.
    return (None, every) if places is None else (_having(session, places, beside), [])


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    """What each word asks of its rows. The beginning of a word stands for the words that there are, where these are not too many."""
    conditions: list[ColumnElement[bool]] = [Word.word == word for word in wanted.exact]
    first = wanted.beginning
    if first is not None:
        # The index is sorted by bytes, and no letter comes after the last one of all.
        within = and_(Word.word >= first, Word.word < first + "\U0010ffff")
        meant = _values(session, Word.word, within, _MEANT + 1)
        conditions.append(Word.word.in_(meant) if len(meant) <= _MEANT else within)
    return conditions


def _led_to(session: Session, leading: Sequence[Select[Any]], few: int) -> list[Mark] | None:
    """The places of what several words lead to together, newest first; None where these are not few."""
    ids = intersect(*leading).limit(few + 1).subquery()
    query = select(Publication.created_at, Publication.id).join(ids, ids.c.publication_id == Publication.id)
    places = sorted((Mark(created_at, one) for created_at, one in session.execute(query)), key=_newest)
    return places if len(places) <= few else None


def _having(session: Session, places: list[Mark], conditions: Sequence[ColumnElement[bool]]) -> list[Mark]:
    """Those of a few places whose records fulfil all conditions."""
    if not conditions or not places:
        return places
    query = select(Publication.id).where(Publication.id.in_([place.id for place in places]), *conditions)
    kept = set(session.scalars(query))
    return [place for place in places if place.id in kept]


def _newest(mark: Mark) -> tuple[float, str]:
    return -mark.created_at, mark.id


def _cut(places: list[Mark], limit: int, older_than: Mark | None, newer_than: Mark | None) -> list[Mark]:
    if newer_than is not None:
        return [place for place in reversed(places) if _newest(place) < _newest(newer_than)][:limit]
    return [place for place in places if older_than is None or _newest(place) > _newest(older_than)][:limit]


def _places(
    session: Session, matching: ColumnElement[bool], limit: int, older_than: Mark | None, newer_than: Mark | None
) -> list[Mark]:
    query = select(Publication.created_at, Publication.id).where(matching).limit(limit)
    time, name = Publication.created_at, Publication.id
    # The first condition is what the index understands; the second is for records of the same moment.
    if newer_than is not None:
        query = query.where(time >= newer_than.created_at, or_(time > newer_than.created_at, name < newer_than.id))
        query = query.order_by(time, name.desc())
    else:
        if older_than is not None:
            query = query.where(time <= older_than.created_at, or_(time < older_than.created_at, name > older_than.id))
        query = query.order_by(time.desc(), name)
    return [Mark(created_at, one) for created_at, one in session.execute(query)]


def _rows(session: Session, places: list[Mark]) -> list[Publication]:
    query = select(Publication).where(Publication.id.in_([place.id for place in places]))
    query = query.options(joinedload(Publication.project), defer(Publication.facts, raiseload=True))
    found = {row.id: row for row in session.scalars(query)}
    return [found[place.id] for place in places]


def _counted(session: Session, found: Select[Any], most: int) -> int:
    """How many there are, `most + 1` for more than that."""
    return session.scalar(select(func.count()).select_from(found.limit(most + 1).subquery())) or 0


def _values(
    session: Session, column: InstrumentedAttribute[Any], within: ColumnElement[bool] | None = None, most: int = 50
) -> list[Any]:
    """The different values of a column in their order, at most so many, each found by one step through its index."""
    every = true() if within is None else within
    found = select(func.min(column).label("value")).where(every).cte("found", recursive=True)
    following = select(func.min(column)).where(column > found.c.value, every).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return list(session.scalars(select(found.c.value).where(found.c.value.is_not(None)).limit(most)))
