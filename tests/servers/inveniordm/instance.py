"""Fills an empty InvenioRDM: tables, indices, vocabularies, people with tokens. Runs in the server's own environment.

Usage: instance.py FOLDER, which gets `people.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import invenio_rdm_records.fixtures
import yaml
from flask import Flask
from invenio_access.permissions import system_identity
from invenio_accounts.proxies import current_datastore
from invenio_app.cli import cli
from invenio_app.factory import create_app
from invenio_db import db
from invenio_oauth2server.models import Token
from invenio_rdm_records.fixtures.vocabularies import PrioritizedVocabulariesFixtures
from invenio_users_resources.proxies import current_users_service
from invenio_users_resources.records.api import UserAggregate

PEOPLE = ("owner", "other", "curator")
LANGUAGES = frozenset({"ara", "deu", "eng", "fra", "ita", "jpn", "lat", "nld", "por", "rus", "spa", "zho"})
TITLES = {"eng": "English", "deu": "German", "fra": "French"}


def main(folder: Path) -> None:
    """Fill the instance that the environment names."""
    app = create_app()
    app.logger.setLevel("WARNING")
    location = str(folder / "data")
    for command in (
        ("db", "init", "create"),
        ("index", "init"),
        ("files", "location", "create", "--default", "default", location),
    ):
        run(app, *command)
    with app.app_context():
        vocabularies = write_vocabularies(folder / "vocabularies")
        PrioritizedVocabulariesFixtures(system_identity, app_data_folder=vocabularies, delay=False).load()
    for person in PEOPLE:
        run(app, "users", "create", address(person), "--password", "123456", "--active", "--confirm", "-u", person)
    with app.app_context():
        people = {person: make_token(person) for person in PEOPLE}
        for account in people.values():  # what would index them is a queue that nobody reads here
            current_users_service.indexer.index(UserAggregate.get_record(account["id"]))
    (folder / "people.json").write_text(json.dumps(people), encoding="utf-8")


def run(app: Flask, *command: str) -> None:
    """Run a command of InvenioRDM's in this process: starting it anew would take seconds each time."""
    result = app.test_cli_runner().invoke(cli, args=list(command), catch_exceptions=False)
    if result.exit_code:
        sys.exit(f"invenio {' '.join(command)}: {result.output}")


def address(person: str) -> str:
    """The e-mail address that somebody signs in with."""
    return f"{person}@example.org"


def make_token(person: str) -> dict[str, Any]:
    """A personal token for somebody, with their address and identifier."""
    user = current_datastore.get_user_by_email(address(person))
    token = Token.create_personal("tests", user.id, scopes=["user:email"])
    db.session.commit()
    return {"id": str(user.id), "address": user.email, "token": token.access_token}


def write_vocabularies(folder: Path) -> Path:
    """The package's own vocabularies, but few languages and no list of names: those have a hundred thousand lines."""
    theirs = Path(invenio_rdm_records.fixtures.__file__).parent / "data"
    folder.mkdir()
    listed = yaml.safe_load((theirs / "vocabularies.yaml").read_text(encoding="utf-8"))
    for vocabulary in listed.values():
        vocabulary["data-file"] = str(theirs / vocabulary["data-file"])
    languages = [
        {"id": language, "title": {"en": TITLES.get(language, language)}, "tags": ["individual", "living"]}
        for language in sorted(LANGUAGES)
    ]
    (folder / "languages.yaml").write_text(yaml.safe_dump(languages), encoding="utf-8")
    (folder / "none.yaml").write_text("[]\n", encoding="utf-8")
    listed["languages"]["data-file"] = str(folder / "languages.yaml")
    for name in ("names", "code:programmingLanguages"):
        listed[name]["data-file"] = str(folder / "none.yaml")
    (folder / "vocabularies.yaml").write_text(yaml.safe_dump(listed, sort_keys=False), encoding="utf-8")
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]))
