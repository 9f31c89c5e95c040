"""What is recorded of a real repository's code when a tag is resolved."""

from pathlib import Path

from fakes.clock import FakeClock
from fakes.small_project import make_repository
from fakes.some_ports import some_ports
from tagstone.actions.resolve import resolve
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.git import GitForge
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import Kind


def test_the_recorded_swhid_is_gits_tree(tmp_path: Path):
    make_repository(tmp_path / "repository")
    forge, place = GitForge(), str(tmp_path / "repository")
    project, commit = forge.identify(place), forge.resolve(place, "v1.0.0")
    ports = some_ports(forge=forge, storage=FolderStorage(tmp_path / "storage"), clock=FakeClock())
    source, _ = resolve(ports, Policy(), project, commit, Kind.PUBLICATION, tmp_path / "scratch")
    assert source.swhid == f"swh:1:dir:{commit.tree}"
