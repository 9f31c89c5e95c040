import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.storage import FakeStorage
from tagstone.domain.images.oci import ImageReference
from tagstone.domain.runs.hardware import Resources
from tagstone.domain.runs.run import RunSpec


@pytest.fixture
def storage() -> FakeStorage:
    return FakeStorage()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def code(storage: FakeStorage) -> Callable[..., RunSpec]:
    """Stores an archive of these members (a name and a content; or tar's own members) and returns a run of it."""

    def make(*members: tuple[str, bytes] | tarfile.TarInfo, **files: str) -> RunSpec:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for member in members:
                if isinstance(member, tarfile.TarInfo):
                    tar.addfile(member)
                else:
                    info = tarfile.TarInfo(member[0])
                    info.size, info.mtime = len(member[1]), 1_600_000_000
                    tar.addfile(info, io.BytesIO(member[1]))
        storage.write("code.tar", [out.getvalue()])
        image = ImageReference("x", f"sha256:{'0' * 64}")
        return RunSpec(image, "code.tar", "/workspace", ("true",), (), Resources(), files=tuple(files.items()))

    return make
