"""Puts the top-level `migrations/` folder into wheels as `tagstone/migrations`; editable installs read the folder itself."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MigrationsHook(BuildHookInterface[Any]):
    """Adds the migrations to real wheels only: beside an editable install a copy would go stale unseen."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Tell hatchling what to include; `version` is `standard` or `editable`."""
        if version == "standard":
            build_data["force_include"]["migrations"] = "tagstone/migrations"
