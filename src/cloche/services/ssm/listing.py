"""Parameters by path, by filter, and through their history."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsError, Call

from . import errors, published
from . import service as ssm
from .parameters import Parameter, Version, arn, by_name, opened, plain, show

if TYPE_CHECKING:
    from cloche.shapes import ssm as t


def _names(call: Call, after: str, below: str = "") -> Any:
    """Names in order, below a prefix and behind the last one shown."""
    end = below + "\U0010ffff"
    return (row[0] for row in call.sql("SELECT name FROM ssm_name WHERE account=? AND region=? AND name>? AND name>=? AND name<? ORDER BY name", call.account, call.region, after, below, end))


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _after(req: Any) -> str:
    try:
        return base64.urlsafe_b64decode(req.get("NextToken") or "").decode()
    except ValueError:
        raise errors.bad_token() from None


def by_path(call: Call, req: Any) -> str:
    return call.arn(f"parameter/{req['Path'].strip('/')}")


@ssm.op(by_path, context=lambda call, req: {"ssm:Recursive": req.get("Recursive", False)})
def get_parameters_by_path(call: Call, req: t.GetParametersByPathRequest) -> t.GetParametersByPathResult:
    path = req["Path"]
    if not path.startswith("/"):
        raise errors.bad_path()
    below = path if path.endswith("/") else f"{path}/"
    filters = req.get("ParameterFilters") or []
    for one in filters:
        if one["Key"] not in ("Type", "KeyId", "Label", "DataType") and not one["Key"].startswith("tag:"):
            raise errors.bad_filter_key(one["Key"])
    label = next((one["Values"][0] for one in filters if one["Key"] == "Label" and one.get("Values")), "")
    limit, shown, after = req.get("MaxResults") or 10, [], _after(req)
    out: Any = {"Parameters": shown}
    if below.startswith(published.PREFIX):
        names: Any = (name for name in published.names(below) if name > after)
    else:
        names = _names(call, after, below)
    for name in names:
        if not req.get("Recursive") and "/" in name[len(below) :]:
            continue
        found = call.get(Parameter, name)
        if found is not None and (not _passes(found, filters) or (label and not any(label in v.labels for v in found.versions))):
            continue
        if len(shown) == limit:
            out["NextToken"] = _token(shown[-1]["Name"])
            break
        shown.append(show(call, f"{name}:{label}" if label else name, req.get("WithDecryption", False)))
    return out  # type: ignore[no-any-return]


def _passes(parameter: Parameter, filters: list[Any]) -> bool:
    return all(_passes_one(parameter, one["Key"], one.get("Option", "Equals"), one.get("Values") or []) for one in filters)


def _passes_one(parameter: Parameter, key: str, option: str, values: list[str]) -> bool:
    last = parameter.last
    if key == "Label":
        return True  # chooses a version, elsewhere
    if key == "Path":
        for value in values:
            below = value if value.endswith("/") else f"{value}/"
            if parameter.name.startswith(below) and (option == "Recursive" or "/" not in parameter.name[len(below) :]):
                return True
        return False
    if key.startswith("tag:"):
        tag = parameter.tags.get(key[4:])
        return tag is not None and (not values or tag in values)
    text = {"Name": parameter.name, "Type": last.type, "KeyId": last.key_id, "Tier": last.tier, "DataType": last.data_type}[key]
    if option == "BeginsWith":
        return any(text.startswith(v) or (key == "Name" and text.lstrip("/").startswith(v.lstrip("/"))) for v in values)
    if option == "Contains":
        return any(v in text for v in values)
    return any(v == text or (key == "Name" and v.lstrip("/") == text.lstrip("/")) for v in values)


_OPTIONS = {"Path": ("Recursive", "OneLevel"), "Name": ("BeginsWith", "Equals", "Contains")}


def _check_filters(filters: list[Any]) -> None:
    keys = [one["Key"] for one in filters]
    if len(set(keys)) < len(keys):
        raise errors.invalid("The following filters are duplicated in the request: " + ", ".join(sorted({k for k in keys if keys.count(k) > 1})) + ". A request can contain only one instance of a specific filter.")
    for one in filters:
        if one["Key"] == "Label":
            raise AwsError("InvalidFilterKey", "The following filter key is not valid: Label. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType, tag:].")
        option = one.get("Option")
        if option and option not in _OPTIONS.get(one["Key"], ("BeginsWith", "Equals")):
            raise errors.bad_filter_option(option)
        if not one.get("Values") and not one["Key"].startswith("tag:"):
            raise AwsError("InvalidFilterValue", f"The following filter values are missing : null for filter key {one['Key']}")


@ssm.op(ANY)
def describe_parameters(call: Call, req: t.DescribeParametersRequest) -> t.DescribeParametersResult:
    if req.get("Filters") and req.get("ParameterFilters"):
        raise errors.invalid("You can use either Filters or ParameterFilters in a single request.")
    filters = req.get("ParameterFilters") or [{"Key": f["Key"], "Option": "Equals" if f["Key"] != "Name" else "BeginsWith", "Values": f["Values"]} for f in req.get("Filters") or ()]
    _check_filters(filters)
    limit, shown = req.get("MaxResults") or 50, []
    out: Any = {"Parameters": shown}
    if req.get("Shared"):
        return out  # type: ignore[no-any-return]  # nothing is shared with this account
    for name in _names(call, _after(req)):
        found: Parameter = call.get(Parameter, name)  # type: ignore[assignment]
        if not _passes(found, filters):
            continue
        if len(shown) == limit:
            out["NextToken"] = _token(shown[-1]["Name"])
            break
        shown.append(_metadata(call, found, found.last))
    return out  # type: ignore[no-any-return]


def _metadata(call: Call, parameter: Parameter, version: Version) -> dict[str, Any]:
    out: dict[str, Any] = {
        "Name": parameter.name, "ARN": arn(call, parameter.name), "Type": version.type, "LastModifiedDate": version.modified, "LastModifiedUser": version.by,
        "Version": version.number, "Tier": version.tier, "DataType": version.data_type,
        "Policies": [{"PolicyText": msgspec.json.encode(p).decode(), "PolicyType": p["Type"], "PolicyStatus": "Pending"} for p in msgspec.json.decode(version.policies or "[]")],
    }
    for name, value in (("KeyId", version.key_id), ("Description", version.description), ("AllowedPattern", version.pattern)):
        if value:
            out[name] = value
    return out


@ssm.op(by_name)
def get_parameter_history(call: Call, req: t.GetParameterHistoryRequest) -> t.GetParameterHistoryResult:
    found = call.get(Parameter, plain(call, req["Name"]))
    if found is None:
        raise errors.not_found()
    after = _after(req)
    if after and not after.isdigit():
        raise errors.bad_token()
    limit = req.get("MaxResults") or 50
    versions = [v for v in found.versions if v.number > int(after or 0)]
    shown = []
    for v in versions[:limit]:
        one = _metadata(call, found, v)
        del one["ARN"]
        shown.append(one | {"Value": opened(call, found.name, v, req.get("WithDecryption", False)), "Labels": list(v.labels)})
    out: Any = {"Parameters": shown}
    if len(versions) > limit:
        out["NextToken"] = _token(str(versions[limit - 1].number))
    return out  # type: ignore[no-any-return]
