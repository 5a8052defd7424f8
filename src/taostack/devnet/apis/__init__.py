"""The runtime APIs of the chain, one module (or folder) per group; each registers when it is imported."""

import importlib
import pkgutil

__all__ = ["load_all"]


def load_all() -> None:
    """Import every group, so that its methods are registered."""
    for each in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        importlib.import_module(f"{__name__}.{each.name}")
