"""Files that packages brought are told apart from those that somebody wrote, by the lists that packages leave."""

import io
import tarfile

import pytest

from tagstone.image.packaged_files import PackagedFiles, file_heads

SITE = "opt/venv/lib/python3.11/site-packages"
FILES = {
    "var/lib/dpkg/info/hello.list": b"/.\n/usr\n/usr/bin\n/usr/bin/hello\n/lib/x86_64-linux-gnu/libhello.so\n/etc/hello.conf\n",
    "var/lib/dpkg/status": b"Package: hello\n",
    "usr/bin/hello": b"#!/bin/sh\n",
    "usr/lib/x86_64-linux-gnu/libhello.so": b"text\n",
    "etc/hello.conf": b"edited\n",
    f"{SITE}/numpy-2.0.dist-info/RECORD": b'numpy/__init__.py,sha256=x,1\n"numpy/a,b.py",,\n../../../bin/f2py,,\n',
    f"{SITE}/numpy/__init__.py": b"x = 1\n",
    f"{SITE}/numpy/a,b.py": b"x = 1\n",
    f"{SITE}/numpy/written.py": b"x = 1\n",
    "opt/venv/bin/f2py": b"#!/usr/bin/python3\n",
    "opt/conda/conda-meta/zlib-1.json": b'{"files": ["include/zlib.h", 3]}',
    "opt/conda/conda-meta/broken-1.json": b"[",
    "opt/conda/include/zlib.h": b"int x;\n",
    "usr/local/lib/R/site-library/ggplot2/Meta/package.rds": b"rds",
    "usr/local/lib/R/site-library/ggplot2/R/ggplot2": b"code\n",
    "usr/lib/node_modules/left-pad/index.js": b"x\n",
    "root/.netrc": b"machine\n",
    "opt/mine": b"mine\n",
}
WRITTEN = {"etc/hello.conf", f"{SITE}/numpy/written.py", "root/.netrc", "opt/mine", "opt/conda/conda-meta/zlib-1.json",
           f"{SITE}/numpy-2.0.dist-info/RECORD", "opt/conda/conda-meta/broken-1.json"}  # fmt: skip


def layer(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


@pytest.fixture(scope="module")
def packaged() -> PackagedFiles:
    return PackagedFiles(layer(FILES))


@pytest.mark.parametrize("path", FILES)
def test_what_a_package_lists_it_brought_but_what_people_edit_counts_as_theirs(packaged: PackagedFiles, path: str) -> None:
    assert (path in packaged) is (path not in WRITTEN)


def test_only_what_is_wanted_is_read_and_no_more_than_its_head() -> None:
    heads = dict(file_heads(layer({"a": b"x" * 100, "b": b"y" * 100, "c": b"z"}), 10, lambda path: path != "b"))
    assert heads == {"a": b"x" * 10, "c": b"z"}


def test_a_record_that_leaves_its_folder_names_nothing_above_the_root() -> None:
    record = b"../../../../../../../../etc/passwd,,\n"
    assert "etc/passwd" not in PackagedFiles(layer({f"{SITE}/x-1.dist-info/RECORD": record}))
