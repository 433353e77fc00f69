"""The kernel's questions to services: whose key is this, which policies hold it, what does its organization say.

The kernel knows none of the services. A service says in its declaration which questions its `public.py` answers (`doors=("credential",)`), the
index knows who answers which, and `doors.credential` is the answering function from its first use on: a plain attribute, no cost.
"""
from __future__ import annotations

import importlib
from typing import Any

from .. import _index


def __getattr__(name: str) -> Any:
    package = _index.DOORS.get(name)
    if package is None:
        raise AttributeError(f"no service answers {name!r}; is the index fresh? (python tools/index.py)")
    found = globals()[name] = getattr(importlib.import_module(f"cloche.services.{package}.public"), name)
    return found
