"""A fake cluster of a release, with a runner on it."""

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from rigs.clusters import FakeCluster, fake_cluster
from rigs.runs import WORKDIR, put_image
from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import ImageSettings

Make = Callable[..., FakeCluster]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a cluster, as `fake_cluster` takes it."""
    registry, storage = OciLayout(tmp_path / "layout", 5.0), FolderStorage(tmp_path / "storage")
    image = put_image(registry, ImageSettings(env=(("PATH", "/bin"),), workdir=WORKDIR, command=("sh",), user="0"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("code.txt")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"code\n"))
    storage.write("code.tar", [out.getvalue()])
    with ExitStack() as stack:

        def made(**given: Any) -> FakeCluster:
            return stack.enter_context(fake_cluster(tmp_path / "home", registry, storage, image, **given))

        yield made


@pytest.fixture
def faked(make: Make) -> FakeCluster:
    """A cluster of a current release."""
    return make()
