"""Trees of a commit out of texts, and bases that nobody looks up."""

import hashlib
from collections.abc import Collection, Mapping

from tagstone.domain.code.source import EntryKind, SourceEntry
from tagstone.domain.code.source_tree import Tree
from tagstone.domain.images.oci import CONFIG, Descriptor, Image, ImageSettings


def tree_of(files: Mapping[str, str], executable: Collection[str] = ()) -> Tree:
    """A tree with these files."""
    entries = [
        SourceEntry(
            path,
            EntryKind.EXECUTABLE if path in executable else EntryKind.FILE,
            hashlib.sha1(content.encode()).hexdigest(),
            len(content.encode()),
        )
        for path, content in sorted(files.items())
    ]
    return Tree(entries, lambda path: files[path].encode())


def some_base(written: str) -> Image:
    """A base whose digest is of its name."""
    digest = "sha256:" + hashlib.sha256(written.encode()).hexdigest()
    return Image(f"base/{written.partition(':')[0]}", digest, Descriptor(CONFIG, digest, 2), (), (), ImageSettings())
