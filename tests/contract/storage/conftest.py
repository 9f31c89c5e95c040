from pathlib import Path

import pytest

from fakes.storage import FakeStorage
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.ports import Storage


@pytest.fixture(params=["fake", "folder"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return FakeStorage() if request.param == "fake" else FolderStorage(tmp_path / "storage")
