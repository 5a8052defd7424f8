"""What a package offers is what its ``__all__`` says, no more and no less."""

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import taostack

PACKAGES = sorted(found.name for found in pkgutil.walk_packages(taostack.__path__, "taostack.") if found.ispkg)


def offered(module: ModuleType) -> set[str]:
    """Public names of the module's namespace that the package itself defines and that are not modules."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name != "TYPE_CHECKING"
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "taostack").startswith("taostack")
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_offers_exactly_what_it_lists(name: str) -> None:
    module = importlib.import_module(name)
    listed = list(getattr(module, "__all__", []))
    assert len(listed) == len(set(listed)), "listed twice"
    assert [each for each in listed if not hasattr(module, each)] == []
    assert offered(module) - set(listed) == set()


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_offers_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    things = {each: getattr(module, each) for each in getattr(module, "__all__", [])}
    silent = [
        each
        for each, thing in things.items()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and not (thing.__doc__ or "").strip()
    ]
    assert silent == []
