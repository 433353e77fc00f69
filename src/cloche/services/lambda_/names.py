"""How functions are named: a name, a partial ARN, an ARN, each perhaps with a qualifier; and which ARN IAM is asked about."""
from __future__ import annotations

import re
from typing import Any, NamedTuple

from cloche.kernel import Call

from . import errors

_FORM = re.compile(
    r"(?:(?:arn:[a-zA-Z0-9-]+:lambda:)?(?:(?P<region>[a-z]{2}(?:-gov|-iso[a-z]?)?(?:-[a-z]+)+-\d):)?(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]{1,140})(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
LATEST = "$LATEST"


class Name(NamedTuple):
    account: str
    region: str
    name: str
    qualifier: str | None


def parse(call: Call, text: str, qualifier: str | None = None) -> Name:
    found = _FORM.fullmatch(text)
    if found is None:
        pattern = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
        raise errors.validation(f"Value '{text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}")
    region = found["region"] or call.region
    if region != call.region:
        raise errors.other_region(region, call.region)
    if found["qualifier"] and qualifier and found["qualifier"] != qualifier:
        raise errors.two_qualifiers()
    return Name(found["account"] or call.account, region, found["name"], qualifier or found["qualifier"])


def arn(call: Call, name: str, qualifier: str | None = None) -> str:
    return call.arn(f"function:{name}" + (f":{qualifier}" if qualifier else ""))


def arn_of(call: Call, name: Name) -> str:
    return call.arn(f"function:{name.name}" + (f":{name.qualifier}" if name.qualifier else ""), account=name.account)


# what IAM is asked about

def function(call: Call, req: Any) -> str:
    """The function, whatever the qualifier."""
    return arn_of(call, parse(call, req["FunctionName"])._replace(qualifier=None))


def qualified(call: Call, req: Any) -> str:
    return arn_of(call, parse(call, req["FunctionName"], req.get("Qualifier")))


def layer(call: Call, req: Any) -> str:
    return layer_arn(call, req["LayerName"])


def layer_version(call: Call, req: Any) -> str:
    return f"{layer_arn(call, req['LayerName'])}:{req['VersionNumber']}"


def layer_arn(call: Call, name: str) -> str:
    return name if name.startswith("arn:") else call.arn(f"layer:{name}")


def mapping(call: Call, req: Any) -> str:
    return call.arn(f"event-source-mapping:{req['UUID']}")


def tagged(call: Call, req: Any) -> str:
    return str(req["Resource"])
