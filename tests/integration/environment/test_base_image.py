"""A base out of a distribution's packages."""

import pytest

from tagstone.actions.base_image import make_base_image, this_platform
from tagstone.adapters.mmdebstrap import Mmdebstrap
from tagstone.adapters.oci_layout import OciLayout


@pytest.mark.engines
def test_a_base_made_twice_is_bit_identical(tmp_path):
    digests = set()
    for place in (tmp_path / "one", tmp_path / "other" / "place"):
        place.mkdir(parents=True)
        registry = OciLayout(place / "images", 30.0)
        image = make_base_image(registry, Mmdebstrap(place).root, "debian:bookworm", place, this_platform())
        assert (image.name, len(image.layers)) == ("base/debian", 1)
        assert sorted(path.name for path in place.iterdir()) == ["images"]
        digests.add(image.digest)
    assert len(digests) == 1
