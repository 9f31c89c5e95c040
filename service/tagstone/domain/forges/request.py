"""Letters about requests for registration: curators hear of each, and who asked hears what became of it."""

from dataclasses import dataclass

from tagstone.domain.publications.letter import line, quoted


@dataclass(frozen=True)
class About:
    """A request: the project's path at its forge, who asked and why, and the address of the page with requests."""

    project: str
    forge: str
    who: str
    note: str
    page: str


def asked(about: About) -> tuple[str, str]:
    """Subject and text for curators."""
    text = [
        f"{line(about.who)} asks that the project {line(about.project)} at {line(about.forge)} is registered.",
        quoted(about.note),
        f"Grant or refuse it: {about.page}",
    ]
    return f"{line(about.project)} asks to be registered", _joined(text)


def granted(about: About, account: str, caps: str) -> tuple[str, str]:
    """Subject and text for who asked; `account` is where its records will be deposited, empty where nothing was said."""
    where = f"Its records are deposited with the account {line(account)}." if account else ""
    text = [
        f"The project {line(about.project)} is registered. Each run may have {caps}.",
        where,
        f"A maintainer sets its hook up, which lets tags be noticed at once: {about.page}",
    ]
    return f"{line(about.project)} is registered", _joined(text)


def refused(about: About, reason: str) -> tuple[str, str]:
    """Subject and text for who asked."""
    text = [f"The project {line(about.project)} was not registered. The reason that was given:", quoted(reason), about.page]
    return f"{line(about.project)} was not registered", _joined(text)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
