"""The one place that builds adapters out of settings."""

from tagstone.bootstrap.application import Application
from tagstone.bootstrap.logs import configure_logging

__all__ = ["Application", "configure_logging"]
