"""Labels: names of versions, each on one version of a parameter at a time; ten on one version at most."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors
from . import service as ssm
from .parameters import Parameter, Version, by_name, plain, tell

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

PER_VERSION = 10
_LABEL = re.compile(r"(?!\d)(?!aws|ssm)[a-zA-Z0-9_.-]{1,100}", re.I)


def _find(call: Call, req: Any) -> tuple[Parameter, Version]:
    found = call.get(Parameter, plain(call, req["Name"]))
    if found is None:
        raise errors.not_found()
    number = req.get("ParameterVersion") or found.last.number
    version = next((v for v in found.versions if v.number == number), None)
    if version is None:
        raise errors.no_version(found.name, str(number))
    return found, version


@ssm.op(by_name)
def label_parameter_version(call: Call, req: t.LabelParameterVersionRequest) -> t.LabelParameterVersionResult:
    found, version = _find(call, req)
    good = [label for label in dict.fromkeys(req["Labels"]) if _LABEL.fullmatch(label)]
    if len({*version.labels, *good}) > PER_VERSION:
        raise errors.too_many_labels()
    versions = []
    for v in found.versions:
        left = tuple(label for label in v.labels if label not in good)
        labels = (*version.labels, *(label for label in good if label not in version.labels)) if v.number == version.number else left
        versions.append(v if labels == v.labels else msgspec.structs.replace(v, labels=labels))
    made = call.put(found.but(versions=tuple(versions)))
    if good:
        tell(call, made, "LabelParameterVersion", label=good[0])
    return {"InvalidLabels": [label for label in req["Labels"] if label not in good], "ParameterVersion": version.number}


@ssm.op(by_name)
def unlabel_parameter_version(call: Call, req: t.UnlabelParameterVersionRequest) -> t.UnlabelParameterVersionResult:
    found, version = _find(call, req)
    gone = [label for label in req["Labels"] if label in version.labels]
    kept = msgspec.structs.replace(version, labels=tuple(label for label in version.labels if label not in gone))
    call.put(found.but(versions=tuple(kept if v.number == version.number else v for v in found.versions)))
    return {"RemovedLabels": gone, "InvalidLabels": [label for label in req["Labels"] if label not in gone]}
