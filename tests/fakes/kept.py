"""What was recorded of one run, with the real registry and storage that keep it."""

from dataclasses import dataclass

from tagstone.adapters.folder_storage import FolderStorage
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.publications.record import Facts


@dataclass(frozen=True)
class Kept:
    """Where things are kept, and what was recorded."""

    facts: Facts
    registry: OciLayout
    storage: FolderStorage
