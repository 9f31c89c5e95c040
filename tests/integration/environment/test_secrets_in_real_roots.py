"""Real roots have nothing that looks like a secret, and one line that somebody writes into them is found."""

import io
import tarfile
import time
from importlib.metadata import distribution
from pathlib import Path

import pytest

from fakes.secret_kinds import SECRETS
from fakes.storage import FakeStorage
from servers.bases import debian_base
from tagstone.actions.secrets import in_image
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.images.oci import LAYER, Image, ImageSettings

SITE = "opt/venv/lib/python3.11/site-packages"


@pytest.fixture
def with_numpy(tmp_path: Path) -> tuple[OciLayout, Image]:
    """An environment of numpy as pip unpacked it here, and one file with a token that somebody wrote."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in distribution("numpy").files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                tar.add(str(file.locate()), f"{SITE}/{file}", recursive=False)
        for path, text in (("opt/notes.txt", "nothing\n"), ("etc/pip.conf", f"[global]\n# {SECRETS['gitlab'][1]}\n")):
            info = tarfile.TarInfo(path)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    registry = OciLayout(tmp_path / "images", 30.0)
    layer = registry.put_blob("environments", [out.getvalue()], LAYER)
    return registry, Image("environments", layer.digest, layer, (layer,), (layer.digest,), ImageSettings())


def test_numpy_is_passed_over_quickly_and_what_somebody_wrote_is_found(with_numpy: tuple[OciLayout, Image]) -> None:
    registry, image = with_numpy
    begun = time.process_time()
    found = in_image(registry, FakeStorage(), image, 0)
    assert [(one.path, one.line, one.kind) for one in found] == [("image/etc/pip.conf", 2, "gitlab-token")]
    assert time.process_time() - begun < 10


def test_settings_of_an_image_are_searched_and_layers_of_its_base_are_not(with_numpy: tuple[OciLayout, Image]) -> None:
    registry, image = with_numpy
    told = Image(
        image.name,
        image.digest,
        image.config,
        image.layers,
        image.diff_ids,
        ImageSettings(env=(("TOKEN", SECRETS["github"][1]),)),
    )
    assert [one.path for one in in_image(registry, FakeStorage(), told, below=1)] == ["image/environment"]


@pytest.mark.environments
def test_a_whole_debian_has_nothing_that_looks_like_a_secret() -> None:
    registry, image = debian_base()
    assert in_image(registry, FakeStorage(), image, 0) == []
