"""The ports that a test needs, and nothing for those that it does not."""

from dataclasses import fields
from typing import Any

from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.publications.record import SourceFacts
from tagstone.ports import Ports


def some_ports(**given: Any) -> Ports:
    """Ports of which only those given may be asked."""
    values: dict[str, Any] = {field.name: given.get(field.name) for field in fields(Ports)}
    return Ports(**values)


def source_of(manifest: str, commit: Commit, location: str = "project", citation: str = "") -> SourceFacts:
    """What resolving a commit records, as far as building reads it."""
    project = ProjectIdentity("host.test/group/project", "project", location, "https://host.test/group/project")
    return SourceFacts(project, commit, "v1", "1", "A title", manifest, citation, "code.tar", 0, "0" * 64)
