"""What a publication's facts become when the depository is too small for them."""

from dataclasses import replace

import pytest

from fakes import facts as recorded
from tagstone.actions.fit import fitted
from tagstone.bundle.contents import bundle_files
from tagstone.bundle.sizes import known_parts
from tagstone.domain.deposits.deposit import Limits
from tagstone.domain.publications.record import Facts
from tagstone.errors import Invalid

MANIFEST = b'{"layers": []}'
LAYER = b"l" * 10_000


def facts(registry: str = "registry.example/keep", outputs: int = 100) -> Facts:
    made = recorded.image(MANIFEST, b"{}", (LAYER,))
    found = recorded.facts(made=made, outputs=(recorded.output("results/cube.fits", b"f" * outputs),), code=b"c" * 1000)
    assert found.image is not None
    return replace(found, image=replace(found.image, registry=registry))


def test_what_fits_stays_as_it_is_and_knows_the_limits():
    assert fitted(facts(), Limits(bytes=20_000)) == replace(facts(), limits=Limits(bytes=20_000))


def test_an_image_that_is_too_large_is_left_out_where_a_registry_keeps_it():
    left = fitted(facts(), Limits(bytes=5000))
    assert left.image is not None
    assert not left.image.bundled
    (warning,) = left.source.warnings
    assert warning.startswith("The deposit names the image by digest and does not hold it: with its 9.8 KiB it would not fit.")
    assert warning.endswith(f"kept at registry.example/keep/wobble@{left.image.image.digest}.")


def test_a_layer_that_is_too_large_for_a_file_leaves_the_image_out():
    left = fitted(facts(), Limits(file_bytes=5000))
    assert left.image is not None
    assert not left.image.bundled


def test_an_image_that_nobody_else_keeps_is_never_left_out():
    with pytest.raises(Invalid, match=r"the depository takes 4\.9 KiB") as refused:
        fitted(facts(registry=""), Limits(bytes=5000))
    assert "the image (9.8 KiB)" in refused.value.remedy
    assert "TAGSTONE_BUILDS__REGISTRY" in refused.value.remedy


def test_outputs_that_are_too_large_without_the_image_are_named():
    with pytest.raises(Invalid) as refused:
        fitted(facts(outputs=9000), Limits(bytes=5000))
    assert "outputs/results/cube.fits (8.8 KiB)" in refused.value.remedy
    assert "image" not in refused.value.remedy


def test_asked_again_with_other_limits_nothing_of_the_first_answer_is_left():
    left = fitted(facts(), Limits(bytes=5000))
    assert fitted(left, Limits()) == facts()
    assert fitted(left, Limits(bytes=5000)) == left


def test_inputs_that_are_kept_elsewhere_take_no_room():
    given = recorded.given("in/map.fits", b"m" * 9000)
    large = replace(facts(), source=replace(facts().source, inputs=(given,)))
    with pytest.raises(Invalid, match="the depository takes"):
        fitted(large, Limits(bytes=9000))
    elsewhere = replace(large, source=replace(large.source, inputs=(replace(given, copied=False),)))
    assert fitted(elsewhere, Limits(bytes=9000)).source.inputs[0].copied is False


@pytest.mark.parametrize("bundled", [True, False])
def test_every_file_of_the_bundle_is_counted(bundled: bool):
    made = facts()
    assert made.image is not None
    made = replace(made, image=replace(made.image, bundled=bundled, recipe="FROM scratch\n"))
    files = bundle_files(made, recorded.metadata(), recorded.CITATION, MANIFEST)
    parts = {part.path: part.size for part in known_parts(made)}
    assert len(parts) == len(files)
    assert {file.path: parts[file.path] for file in files if file.path in parts and parts[file.path] > 1} == {
        file.path: file.size for file in files if parts.get(file.path, 1) > 1
    }
