"""A package that is loaded when something of it is first asked for: for what takes long, and many do without."""

import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

LOADING = threading.RLock()


class Later(ModuleType):
    """A package without contents, until an attribute of it is missed: the same object has them from then on.

    importlib.util.LazyLoader has it loaded by everybody who asks for its class, as isinstance does, and has threads
    that come meanwhile find nothing in it.
    """

    def __getattr__(self, name):
        with LOADING:
            spec: Any = self.__spec__
            if spec is None:
                raise ModuleNotFoundError(f"No module named {self.__name__!r}", name=self.__name__)
            if "__path__" not in vars(self):  # which who imports a module of the package asks for
                self.__path__ = spec.submodule_search_locations
                try:
                    spec.loader.exec_module(self)
                except BaseException:
                    del self.__path__
                    raise
                self.__class__ = ModuleType  # type: ignore[assignment]
        return ModuleType.__getattribute__(self, name)


def later(package, name):
    """A package within a package, whoever else imports it; ModuleNotFoundError comes when it is used."""
    whole = f"{package.__name__}.{name}"
    if whole in sys.modules:
        return sys.modules[whole]
    spec = importlib.util.find_spec(whole)
    if spec is None:
        return Later(whole)
    module = importlib.util.module_from_spec(spec)
    del module.__path__
    module.__class__ = Later
    sys.modules[whole] = module
    setattr(package, name, module)
    return module
