"""Comparing two sets of outputs: by checksum, and by value where the manifest declares a tolerance."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from tagstone.domain.manifests.sections import Output
from tagstone.domain.reading.paths import path_problem
from tagstone.domain.runs.comparison import Comparison, Deviation, compare
from tagstone.domain.runs.run import OutputFile
from tagstone.errors import NotFound, Permanent
from tagstone.ports import Ports, Storage


def compare_outputs(
    ports: Ports, rules: Sequence[Output], recorded: Iterable[OutputFile], found: Iterable[OutputFile], bundle: Path | None
) -> Comparison:
    """Compare what was recorded with what a run left; recorded bytes are in storage, else in the bundle's folder."""
    # Results that were made elsewhere are no run's to make again.
    made = [output for output in recorded if not output.brought]
    return compare(made, list(found), rules, lambda one, two, rule: deviation_of(ports, one, two, rule, bundle))


def deviation_of(ports: Ports, recorded: OutputFile, found: OutputFile, rule: Output, bundle: Path | None) -> Deviation:
    """How far apart two outputs are; what cannot be read has that as its problem."""
    try:
        with open_recorded(ports.storage, recorded, bundle) as one, ports.storage.open(found.storage_key) as two:
            return ports.comparer.compare(one, two, rule)
    except (NotFound, Permanent) as error:
        return Deviation(problem=error.message)


def open_recorded(storage: Storage, output: OutputFile, bundle: Path | None) -> BinaryIO:
    """The bytes of a recorded output.

    Raises:
        NotFound: they are neither in storage nor in the bundle.
        Permanent: the bundle has other bytes.
    """
    if storage.size(output.storage_key) is not None:
        return storage.open(output.storage_key)
    path = bundle / "outputs" / output.path if bundle is not None and path_problem(output.path) is None else None
    if path is None or not path.is_file():
        raise NotFound("The recorded bytes are gone.", remedy="Give the folder of the record's bundle.")
    stream = path.open("rb")
    if hashlib.file_digest(stream, "sha256").hexdigest() != output.sha256:
        stream.close()
        raise Permanent("The bundle's bytes are not the recorded ones.", remedy="`tagstone verify` names every damaged file.")
    stream.seek(0)
    return stream
