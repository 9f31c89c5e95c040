"""What every registry does, whatever it stands on."""

import hashlib
import io
import tracemalloc

import pytest
import requests

from tagstone.domain.images.oci import INDEX, LAYER, MANIFEST, Descriptor, ImageReference, Platform
from tagstone.errors import Conflict, Invalid, NotFound, Permanent
from tagstone.image.documents import canonical_json
from tagstone.image.manifest import read_history, read_image

NOTHING = "sha256:" + "0" * 64


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_a_blob_comes_back_as_it_was_stored(registry):
    written = registry.put_blob("a/b", [b"one", b"", b"two"], LAYER)
    assert written == Descriptor(LAYER, sha256(b"onetwo"), 6)
    assert registry.has_blob("a/b", written.digest)
    with registry.blob("a/b", written.digest) as stream:
        assert stream.read() == b"onetwo"


def test_an_empty_blob_is_a_blob(registry):
    written = registry.put_blob("a", [], LAYER)
    with registry.blob("a", written.digest) as stream:
        assert stream.read() == b""


def test_a_large_blob_is_streamed(registry):
    written = registry.put_blob("a", (bytes([n]) * 700_000 for n in range(9)), LAYER)
    assert written.size == 6_300_000
    with registry.blob("a", written.digest) as stream:
        assert stream.read(700_001) == bytes(700_000) + b"\1"
        assert len(stream.read()) == 6_300_000 - 700_001


def test_storing_a_blob_twice_is_storing_it_once(registry):
    assert registry.put_blob("a", [b"x"], LAYER) == registry.put_blob("a", [b"x"], LAYER)


def test_what_is_not_there_is_not_found(registry):
    assert not registry.has_blob("a", NOTHING)
    for ask in (registry.blob, registry.manifest):
        with pytest.raises(NotFound):
            ask("a", NOTHING)
    with pytest.raises(NotFound):
        registry.manifest("a", "v1")
    with pytest.raises(NotFound):
        registry.tags("a")
    with pytest.raises(NotFound), registry.pullable(ImageReference("a", NOTHING)):
        pass


def test_damaged_bytes_are_told_before_the_last_is_out(subject):
    written = subject.registry.put_blob("a", [b"x" * 3_000_000], LAYER)
    subject.corrupt(written.digest)
    with subject.registry.blob("a", written.digest) as stream, pytest.raises(Permanent, match="not its own"):
        for _ in range(3):
            stream.read(1_000_000)


def test_a_damaged_manifest_is_told(subject, push):
    digest, _ = push(subject.registry, "a", "v1", b"a layer of its own: real registries share blobs")
    subject.corrupt(digest)
    for reference in (digest, "v1"):
        with pytest.raises(Permanent):
            subject.registry.manifest("a", reference)


def test_a_manifest_is_found_by_digest_and_tag(registry, push):
    digest, manifest = push(registry, "a/b", "v1.0", b"layer")
    assert digest == sha256(manifest)
    assert registry.manifest("a/b", digest) == registry.manifest("a/b", "v1.0") == manifest
    assert registry.tags("a/b") == ["v1.0"]


def test_a_manifest_without_a_tag_is_found_by_digest_alone(registry, push):
    digest, manifest = push(registry, "a", None, b"layer")
    assert registry.manifest("a", digest) == manifest


def test_names_do_not_see_each_others_manifests(registry, push):
    digest, _ = push(registry, "project", "v1", b"layer")
    push(registry, "project/part", None, b"other")
    for name in ("project/part", "proj", "projectx"):
        for reference in ("v1", digest):
            with pytest.raises(NotFound):
                registry.manifest(name, reference)


def test_a_tag_set_again_to_the_same_digest_is_fine(registry, push):
    assert push(registry, "a", "v1", b"layer") == push(registry, "a", "v1", b"layer")


def test_a_tag_that_points_elsewhere_is_a_conflict(registry, push):
    _, manifest = push(registry, "a", "v1", b"layer")
    with pytest.raises(Conflict):
        push(registry, "a", "v1", b"another")
    assert registry.manifest("a", "v1") == manifest
    assert registry.tags("a") == ["v1"]
    push(registry, "b", "v1", b"another")


def test_one_manifest_may_have_many_tags(registry, push):
    for tag in ("v1", "v1.0", "V1", "v1_0"):
        push(registry, "a", tag, b"layer")
    assert registry.tags("a") == sorted(["v1", "v1.0", "V1", "v1_0"])


def test_a_manifest_whose_blobs_are_missing_is_refused(registry):
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": NOTHING, "size": 3},
            "layers": [],
        }
    )
    with pytest.raises(Invalid, match="not there"):
        registry.put_manifest("a", manifest, "v1")


@pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b"\xff", b'{"manifests": 1}', b"[" * 100_000])
def test_what_is_no_manifest_is_refused(registry, manifest):
    with pytest.raises(Invalid):
        registry.put_manifest("a", manifest, "v1")


@pytest.mark.parametrize("name", ["", "A", "a/../b", "/a", "a/", "a:b", "a@b", "a b", "x" * 256, "a\nb"])
def test_impossible_names_are_refused(registry, name):
    for ask in (registry.blob, registry.has_blob, registry.manifest):
        with pytest.raises(Invalid):
            ask(name, NOTHING)
    with pytest.raises(Invalid):
        registry.put_blob(name, [b""], LAYER)


@pytest.mark.parametrize("tag", ["", "../x", "a/b", "-a", "a:b", "x" * 129, "ä", "v1\n"])
def test_impossible_tags_are_refused(registry, push, tag):
    with pytest.raises(Invalid):
        push(registry, "a", tag, b"layer")
    with pytest.raises(Invalid):
        registry.manifest("a", tag)


def test_an_image_is_read_through_an_index(registry, push):
    digest, manifest = push(registry, "a", None, b"layer")
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": len(manifest)}
    amd64 = entry | {"platform": {"os": "linux", "architecture": "amd64"}}
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [amd64]})
    registry.put_manifest("a", index, "multi")
    image = read_image(registry, "a", "multi", Platform())
    assert image.reference == ImageReference("a", digest)
    assert (image.settings.workdir, image.settings.command, image.settings.env) == ("/workspace", ("true",), (("A", "b"),))
    assert [line["created_by"] for line in read_history(registry, image)] == ["tagstone environment"]
    with pytest.raises(Invalid, match="arm64"):
        read_image(registry, "a", "multi", Platform("linux", "arm64"))


def test_an_image_is_pulled_by_digest_over_http(registry, push):
    digest, manifest = push(registry, "a/b", "v1", b"layer")
    with registry.pullable(ImageReference("a/b", digest)) as reference:
        host, _, rest = reference.partition("/")
        name, _, found = rest.partition("@")
        answer = requests.get(f"http://{host}/v2/{name}/manifests/{found}", timeout=5, headers={"Accept": MANIFEST})
        assert answer.content == manifest


def test_a_stream_that_breaks_leaves_nothing(registry):
    def chunks():
        yield b"half"
        raise Permanent("the disk is gone", remedy="")

    with pytest.raises(Permanent, match="disk"):
        registry.put_blob("a", chunks(), LAYER)
    assert not registry.has_blob("a", sha256(b"half"))
    registry.put_blob("a", iter([b"whole"]), LAYER)


def test_a_blob_may_be_read_by_tools_that_read_as_they_like(registry):
    written = registry.put_blob("a", [b"0123456789" * 1000], LAYER)
    with registry.blob("a", written.digest) as stream:
        assert io.BufferedReader(stream).read() == b"0123456789" * 1000


def test_memory_does_not_grow_with_the_size_of_blobs(real_registry):
    tracemalloc.start()
    try:
        written = real_registry.put_blob("a", (bytes(1 << 20) for _ in range(64)), LAYER)
        with real_registry.blob("a", written.digest) as stream:
            assert sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b"")) == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
