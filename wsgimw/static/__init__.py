"""Serve static files: `StaticFiles`."""

from wsgimw.static.assets import Assets
from wsgimw.static.static_files import StaticFiles

__all__ = ["Assets", "StaticFiles"]
