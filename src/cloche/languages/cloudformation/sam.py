"""AWS::Serverless-2016-10-31, run by AWS's own translator: the same logical ids, the same complaints.

The import costs most of a second, so it happens at the first template that declares the transform.
"""
from __future__ import annotations

import copy
import importlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from .errors import TransformError

NAME = "AWS::Serverless-2016-10-31"


class _Session:
    """All the translator wants of a boto3 session is where it is."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def expand(template: dict[str, Any], values: Mapping[str, Any], policies: Mapping[str, str], region: str) -> dict[str, Any]:
    """`values` of parameters, `policies`: name to ARN of AWS's managed policies, which a role may name without an ARN."""
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # it complains about metrics that nobody publishes
    translators = importlib.import_module("samtranslator.translator.translator")
    parser = importlib.import_module("samtranslator.parser.parser")
    exceptions = importlib.import_module("samtranslator.model.exceptions")
    arns = importlib.import_module("samtranslator.translator.arn_generator")
    py27 = importlib.import_module("samtranslator.utils.py27hash_fix")  # deployment ids are hashes of what Python 2.7 printed
    arns._region_to_partition.cache_clear()
    fragment, values = copy.deepcopy(template), dict(values)
    py27.to_py27_compatible_template(fragment, values)
    try:
        translator = translators.Translator(None, parser.Parser(), boto_session=_Session(region))
        result = translator.translate(fragment, parameter_values=values, passthrough_metadata=True, get_managed_policy_map=lambda: dict(policies))
    except exceptions.InvalidDocumentException as error:
        causes = " ".join(sorted(cause.message for cause in error.causes))
        raise TransformError(f"Transform {NAME} failed with: {error.message} {causes}") from None
    # the translator leaves its own string type behind; plain values from here on
    return json.loads(json.dumps(py27.undo_mark_unicode_str_in_template(result)))
