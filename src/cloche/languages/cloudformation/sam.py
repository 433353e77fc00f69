"""AWS::Serverless-2016-10-31, run by AWS's own translator: the same logical ids, the same complaints.

The import costs a third of a second, so it happens at the first template that declares the transform.
"""
from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from . import translator
from .errors import TransformError

NAME = "AWS::Serverless-2016-10-31"
Ask = Callable[..., dict[str, Any]]


class Refused(Exception):
    """What the application repository says instead of a template."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class _Session:
    """All the translator wants of a boto3 session is where it is."""

    def __init__(self, region: str) -> None:
        self.region_name = region


class _Repository:
    """The one question it asks of the application repository."""

    def __init__(self, ask: Ask, refusal: type[Exception]) -> None:
        self.ask, self.refusal = ask, refusal

    def create_cloud_formation_template(self, ApplicationId: str, SemanticVersion: str) -> dict[str, Any]:
        try:
            return self.ask(ApplicationId=ApplicationId, SemanticVersion=SemanticVersion)
        except Refused as error:
            raise self.refusal({"Error": {"Code": error.code, "Message": error.message}}, "CreateCloudFormationTemplate") from None


def expand(template: dict[str, Any], values: Mapping[str, Any], policies: Callable[[], dict[str, str]], region: str, application: Ask) -> dict[str, Any]:
    """`values` of parameters, `policies`: name to ARN of AWS's managed policies, which a role may name without an ARN; `application` asks the
    application repository for the template of a version, and raises `Refused`."""
    sam = translator.load()
    sam.arns._region_to_partition.cache_clear()
    fragment, values = copy.deepcopy(template), dict(values)
    sam.py27.to_py27_compatible_template(fragment, values)
    repository = sam.applications.ServerlessAppPlugin(sar_client=_Repository(application, sam.applications.ClientError), parameters=values)
    try:
        result = sam.translator.Translator(None, sam.parser.Parser(), plugins=[repository], boto_session=_Session(region)).translate(
            fragment, parameter_values=values, passthrough_metadata=True, get_managed_policy_map=policies)
    except sam.exceptions.InvalidDocumentException as error:
        causes = " ".join(sorted(cause.message for cause in error.causes))
        raise TransformError(f"Transform {NAME} failed with: {error.message} {causes}") from None
    except sam.applications.ClientError as error:
        raise TransformError(f"Transform {NAME} failed with: {error}") from None
    # the translator leaves its own string type behind; plain values from here on
    return json.loads(json.dumps(sam.py27.undo_mark_unicode_str_in_template(result)))
