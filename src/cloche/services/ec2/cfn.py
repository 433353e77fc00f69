"""EC2 in templates: the tables of all its areas, each in a `cfn_<area>.py`."""
from __future__ import annotations

import importlib
import pkgutil

from cloche.services.cloudformation.public import Type

TYPES: dict[str, Type] = {}
for _module in pkgutil.iter_modules(importlib.import_module("cloche.services.ec2").__path__):
    if _module.name.startswith("cfn_"):
        TYPES |= getattr(importlib.import_module(f"cloche.services.ec2.{_module.name}"), "TYPES", {})
