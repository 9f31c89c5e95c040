import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.registry import FakeRegistry
from tagstone.domain.images.oci import (
    CONFIG,
    DOCKER_LAYER_GZIP,
    LAYER,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    ImageSettings,
    Platform,
)
from tagstone.errors import Invalid, NotFound
from tagstone.image.documents import canonical_json, digest_of, media_type, read_configuration, read_manifest
from tagstone.image.layout import layout_files
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_history, read_image

DIFF = "sha256:" + "1" * 64
SETTINGS = ImageSettings(
    env=(("PATH", "/bin"), ("EMPTY", ""), ("EQUALS", "a=b")),
    workdir="/w",
    entrypoint=("sh",),
    command=("-c", "ü"),
    user="1000",
    labels=(("a", "1"), ("b", "2")),
    exposed_ports=("80/tcp",),
    stop_signal="SIGINT",
)


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture
def put(registry):
    """Stores an image from a raw configuration; returns its digest."""

    def store(config, layers=(), manifest=None, name="a"):
        data = json.dumps(config).encode()
        blob = registry.put_blob(name, [data], CONFIG)
        document = {
            "schemaVersion": 2,
            "config": {"mediaType": CONFIG, "digest": blob.digest, "size": blob.size},
            "layers": list(layers),
        }
        return registry.put_manifest(name, json.dumps(document | (manifest or {})).encode(), None)

    return store


def test_a_configuration_is_canonical_json_with_neutral_history():
    data = config_bytes(Platform(), SETTINGS, [DIFF], [history_entry("code", 1_700_000_000)], 1_700_000_000)
    assert data == canonical_json(json.loads(data))
    assert json.loads(data) == {
        "architecture": "amd64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "rootfs": {"type": "layers", "diff_ids": [DIFF]},
        "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "tagstone code"}],
        "config": {
            "Env": ["PATH=/bin", "EMPTY=", "EQUALS=a=b"],
            "WorkingDir": "/w",
            "Entrypoint": ["sh"],
            "Cmd": ["-c", "ü"],
            "User": "1000",
            "Labels": {"a": "1", "b": "2"},
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGINT",
        },
    }


def test_what_is_not_set_is_not_written():
    assert json.loads(config_bytes(Platform(), ImageSettings(), [], [], 0))["config"] == {}
    assert "annotations" not in json.loads(manifest_bytes(Descriptor(CONFIG, DIFF, 1), [], {}))


def test_a_manifest_keeps_the_order_of_layers_and_sorts_the_rest():
    layers = [Descriptor(LAYER_GZIP, "sha256:" + c * 64, 7) for c in "fa"]
    data = manifest_bytes(Descriptor(CONFIG, DIFF, 9), layers, {"b": "2", "a": "1"})
    assert [layer["digest"][7] for layer in json.loads(data)["layers"]] == ["f", "a"]
    assert data.startswith(b'{"annotations":{"a":"1","b":"2"},"config":{"digest":')
    assert media_type(data) == MANIFEST


@pytest.mark.parametrize("time", [-1, 253402300800])
def test_a_time_that_cannot_be_written_is_refused(time):
    with pytest.raises(Invalid):
        config_bytes(Platform(), SETTINGS, [], [], time)


def test_what_was_written_is_read_again(registry):
    layer = registry.put_blob("a", [b"x"], LAYER)
    config = registry.put_blob("a", [config_bytes(Platform(), SETTINGS, [layer.digest], [], 0)], CONFIG)
    digest = registry.put_manifest("a", manifest_bytes(config, [layer], {"k": "v"}), "v1")
    image = read_image(registry, "a", "v1", Platform())
    assert (image.digest, image.config, image.layers, image.diff_ids) == (digest, config, (layer,), (layer.digest,))
    assert (image.settings, image.annotations) == (SETTINGS, {"k": "v"})


def test_an_image_of_docker_is_read_in_ocis_words(registry, put):
    layer = registry.put_blob("a", [b"x"], DOCKER_LAYER_GZIP)
    row = {"mediaType": DOCKER_LAYER_GZIP, "digest": layer.digest, "size": 1}
    empty: dict[str, object] = {
        "Env": None,
        "Cmd": None,
        "Entrypoint": None,
        "Labels": None,
        "ExposedPorts": None,
        "WorkingDir": "",
        "Volumes": {"/x": {}},
    }
    digest = put(
        {"os": "linux", "architecture": "amd64", "config": empty, "rootfs": {"type": "layers", "diff_ids": [DIFF]}, "x": 1},
        [row],
    )
    image = read_image(registry, "a", digest, Platform())
    assert image.layers == (Descriptor(LAYER_GZIP, layer.digest, 1),)
    assert image.config.media_type == CONFIG
    assert image.settings == ImageSettings()


def test_a_configuration_without_settings_is_one_without_settings(registry, put):
    assert (
        read_image(registry, "a", put({"os": "linux", "architecture": "amd64", "rootfs": {}}), Platform()).settings
        == ImageSettings()
    )


@pytest.mark.parametrize(
    ("history", "read"), [(None, ["unknown"]), ([], ["unknown"]), ([{"created_by": "x", "secret": "y"}], ["x"])]
)
def test_a_base_without_history_gets_a_line_for_each_layer(registry, put, history, read):
    layer = registry.put_blob("a", [b"x"], LAYER)
    row = {"mediaType": LAYER, "digest": layer.digest, "size": 1}
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [DIFF]}, "history": history}
    image = read_image(registry, "a", put(config, [row]), Platform())
    assert read_history(registry, image) == [{"created_by": line} for line in read]


def test_an_image_for_another_platform_is_refused(registry, put):
    digest = put({"os": "linux", "architecture": "arm64", "rootfs": {}})
    with pytest.raises(Invalid, match="linux/arm64"):
        read_image(registry, "a", digest, Platform())


def test_layers_counted_differently_are_refused(registry, put):
    with pytest.raises(Invalid, match="counts"):
        read_image(registry, "a", put({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [DIFF]}}), Platform())


def test_layers_of_an_unknown_type_are_refused(registry, put):
    layer = registry.put_blob("a", [b"x"], LAYER)
    row = {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": layer.digest, "size": 1}
    with pytest.raises(Invalid, match="foreign"):
        read_image(
            registry, "a", put({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [DIFF]}}, [row]), Platform()
        )


def test_an_image_that_is_not_there_is_not_found(registry):
    with pytest.raises(NotFound):
        read_image(registry, "a", "v1", Platform())


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda j: (
            st.lists(j, max_size=3)
            | st.dictionaries(
                st.sampled_from(["config", "layers", "manifests", "digest", "os", "rootfs", "mediaType"]), j, max_size=4
            )
        ),
    )
)
def test_any_json_is_read_or_invalid(document):
    for read in (read_manifest, read_configuration, media_type):
        with suppress(Invalid):
            read(json.dumps(document).encode())


def test_a_layout_is_files_that_hold_one_image_under_its_name(registry):
    layer = registry.put_blob("a", [b"x"], LAYER)
    config = registry.put_blob("a", [config_bytes(Platform(), SETTINGS, [layer.digest], [], 0)], CONFIG)
    manifest = manifest_bytes(config, [layer], {})
    registry.put_manifest("a", manifest, "v1")
    files = layout_files(manifest, read_image(registry, "a", "v1", Platform()), "v1")
    digest = digest_of(manifest)
    assert list(files) == sorted(files)
    assert files.pop("oci-layout") == b'{"imageLayoutVersion":"1.0.0"}'
    assert json.loads(files.pop("index.json"))["manifests"] == [
        {
            "mediaType": MANIFEST,
            "digest": digest,
            "size": len(manifest),
            "annotations": {"org.opencontainers.image.ref.name": "v1"},
        }
    ]
    assert files == {f"blobs/sha256/{digest[7:]}": manifest} | {
        f"blobs/sha256/{b.digest[7:]}": b.digest for b in (config, layer)
    }
