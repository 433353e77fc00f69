"""AWS's own SAM translator, imported without what it never uses here.

It imports boto3 (for the name of a region, which we tell it, and for a client of the application repository, which we
give it) and jsonschema (to check its own file of policy templates): more than half of the time and of the memory of the
import. While it is imported, those of them that nobody has imported yet are stood in for; whoever imports them
afterwards gets the real ones. Schemas that few templates need are executed when one does.
"""
from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any


class Session:
    """A session knows no region of its own, and refuses none."""

    region_name = None

    def get_available_regions(self, service: str, partition_name: str = "aws") -> Everywhere:
        return Everywhere()


class Everywhere:
    def __contains__(self, region: object) -> bool:
        return True


class ClientError(Exception):
    def __init__(self, response: dict[str, Any], operation: str) -> None:
        super().__init__(response["Error"]["Message"])
        self.response = response


class Never(Exception):
    """What only the real thing raises."""


STAND_INS: dict[str, dict[str, Any]] = {
    "boto3": {"Session": Session, "DEFAULT_SESSION": None, "session": SimpleNamespace(Session=Session)},
    "botocore": {},
    "botocore.client": {"BaseClient": object},
    "botocore.config": {"Config": object},
    "botocore.exceptions": {"ClientError": ClientError, "EndpointConnectionError": Never},
    "jsonschema": {"validate": lambda *_: None},
    "jsonschema.exceptions": {"ValidationError": Never},
}


SELDOM = {f"samtranslator.internal.schema_source.aws_serverless_{x}" for x in ("function", "microvmimage", "capacity_provider", "networkconnector")}


class Later(importlib.abc.MetaPathFinder):
    """Finds the modules that wait for their first use."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name in SELDOM else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@cache
def load() -> SimpleNamespace:
    """Its modules that we use."""
    put, later = {}, Later()
    sys.meta_path.insert(0, later)
    for name, members in STAND_INS.items():
        if name not in sys.modules:
            put[name] = sys.modules[name] = ModuleType(name)
            vars(put[name]).update(members)
    try:
        found = SimpleNamespace(
            translator=importlib.import_module("samtranslator.translator.translator"), parser=importlib.import_module("samtranslator.parser.parser"),
            exceptions=importlib.import_module("samtranslator.model.exceptions"), arns=importlib.import_module("samtranslator.translator.arn_generator"),
            applications=importlib.import_module("samtranslator.plugins.application.serverless_app_plugin"),
            py27=importlib.import_module("samtranslator.utils.py27hash_fix"))  # deployment ids are hashes of what Python 2.7 printed
    finally:
        sys.meta_path.remove(later)
        for name, module in put.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # it complains about metrics that nobody publishes
    return found
