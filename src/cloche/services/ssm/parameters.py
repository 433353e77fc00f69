"""Parameters: a name, and up to a hundred versions of a value, the last of which counts.

A table of names alone answers what lies below a path without looking at anything else.
"""
from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import msgspec
import regex

from cloche.kernel import AwsError, AwsEvent, Call, Record
from cloche.services.kms import public as kms
from cloche.wire.codec import times

from . import errors, published
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

ssm.table("CREATE TABLE IF NOT EXISTS ssm_name (account TEXT, region TEXT, name TEXT, PRIMARY KEY (account, region, name)) WITHOUT ROWID")

MAX_VERSIONS, MAX_TAGS, MAX_LEVELS = 100, 50, 15
SIZE = {"Standard": 4096, "Advanced": 8192}
DEFAULT_KEY = "alias/aws/ssm"


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    value: str  # of a SecureString: its ciphertext, in base64
    modified: float
    by: str
    type: str = "String"
    key_id: str = ""
    description: str = ""
    pattern: str = ""
    tier: str = "Standard"
    data_type: str = "text"
    policies: str = ""
    labels: tuple[str, ...] = ()


class Parameter(Record, frozen=True):
    kind = "ssm.parameter"

    name: str
    versions: tuple[Version, ...]
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def last(self) -> Version:
        return self.versions[-1]


def arn(call: Call, name: str) -> str:
    if name.startswith(published.PREFIX):
        return call.arn(f"parameter{name}", account="")
    return call.arn(f"parameter/{name.lstrip('/')}")


def plain(call: Call, name: str) -> str:
    """A parameter's name, from its name or its ARN."""
    if name.startswith("arn:"):
        rest = name.split(":", 5)[-1].removeprefix("parameter/")
        return rest if call.get(Parameter, rest.partition(":")[0]) else f"/{rest}"
    return name


def by_name(call: Call, req: Any) -> str:
    return arn(call, _split(plain(call, req["Name"]))[0])


def by_names(call: Call, req: Any) -> list[str]:
    return [arn(call, _split(plain(call, name))[0]) for name in req["Names"]]


def _tag_context(call: Call, req: Any) -> dict[str, Any]:
    name = req.get("Name", "")
    found = call.get(Parameter, _split(plain(call, name))[0]) if name else None
    return {k: v for key, value in (found.tags if found else {}).items() for k, v in ((f"aws:ResourceTag/{key}", value), (f"ssm:resourceTag/{key}", value))}


def _put_context(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    return _tag_context(call, req) | {"ssm:Overwrite": req.get("Overwrite", False), "aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}


# -- put ------------------------------------------------------------------------------------------------------------------


@ssm.op(by_name, context=_put_context, partly="aws:ec2:image values are not looked up in EC2")
def put_parameter(call: Call, req: t.PutParameterRequest) -> t.PutParameterResult:
    name = req["Name"]
    _check_name(name)
    old = call.get(Parameter, name)
    if old and not req.get("Overwrite"):
        raise errors.exists()
    if req.get("Tags") and req.get("Overwrite"):
        raise errors.tags_and_overwrite()
    version = _version(call, req, old)
    if old is None:
        tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
        if len(tags) > MAX_TAGS:
            raise errors.too_many_tags()
        made = call.put(Parameter(name, (version,), tags))
        call.sql("INSERT OR IGNORE INTO ssm_name VALUES (?,?,?)", call.account, call.region, name)
    else:
        kept = old.versions
        if len(kept) >= MAX_VERSIONS:
            if kept[0].labels:
                raise errors.too_many_versions(name, kept[0].number)
            kept = kept[1:]
        made = call.put(old.but(versions=(*kept, version)))
    _plan(call, made)
    tell(call, made, "Update" if old else "Create")
    return {"Version": version.number, "Tier": version.tier}  # type: ignore[typeddict-item]


_PART = re.compile(r"[a-zA-Z0-9_.-]+")


def _check_name(name: str) -> None:
    bare = name.lstrip("/").lower()
    if bare.startswith("aws"):
        raise errors.reserved(name)
    if "/" in name and not name.startswith("/"):
        raise errors.not_qualified()
    parts = name.removeprefix("/").split("/")
    if bare.startswith("ssm") or not all(map(_PART.fullmatch, parts)):
        raise errors.bad_name()
    if len(parts) > MAX_LEVELS:
        raise errors.too_deep()
    if len(name) > 1011:
        raise errors.invalid("Parameter name: can't be longer than 1011 characters.")


def _version(call: Call, req: Any, old: Parameter | None) -> Version:
    last = old.last if old else None
    type_ = req.get("Type") or (last.type if last else None)
    if type_ is None:
        raise errors.type_required()
    if last and type_ != last.type:
        raise errors.type_fixed()
    if req.get("KeyId") and type_ != "SecureString":
        raise errors.key_without_secret()
    value, pattern = req["Value"], req.get("AllowedPattern") or (last.pattern if last else "")
    if not value:
        raise errors.invalid("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
    tier = _tier(req, last)
    if len(value.encode()) > SIZE[tier]:
        raise errors.too_long(SIZE[tier])
    _match(pattern, type_, value)
    policies = _policies(req.get("Policies", ""), tier) if "Policies" in req else (last.policies if last else "")
    key_id = ""
    if type_ == "SecureString":
        key_id = req.get("KeyId") or (last.key_id if last else "") or DEFAULT_KEY
        value = _seal(call, req["Name"], key_id, value)
    return Version(
        last.number + 1 if last else 1, value, call.now, call.principal.arn, type_, key_id, req.get("Description", last.description if last else ""), pattern, tier,
        req.get("DataType") or (last.data_type if last else "text"), policies,
    )


def _tier(req: Any, last: Version | None) -> str:
    wanted = req.get("Tier") or (last.tier if last else "Standard")
    if wanted == "Intelligent-Tiering":
        needs_more = len(req["Value"].encode()) > SIZE["Standard"] or req.get("Policies", "") not in ("", "[]")
        return "Advanced" if needs_more or (last and last.tier == "Advanced") else "Standard"
    if last and last.tier == "Advanced" and wanted == "Standard":
        raise errors.no_downgrade()
    return str(wanted)


def _match(pattern: str, type_: str, value: str) -> None:
    if not pattern:
        return
    try:
        compiled = regex.compile(pattern)
    except regex.error:
        raise errors.bad_pattern() from None
    try:
        if not all(compiled.search(one, timeout=1) for one in (value.split(",") if type_ == "StringList" else [value])):
            raise errors.pattern_mismatch(pattern)
    except TimeoutError:
        raise errors.bad_pattern() from None


def _policies(text: str, tier: str) -> str:
    if text in ("", "[]", "{}"):
        return ""
    if tier != "Advanced":
        raise errors.invalid("Parameter policies are only supported by the advanced-parameter tier.")
    try:
        found = msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        raise errors.bad_policy("InvalidPolicyAttributeException", "A policy attribute or its value is invalid.") from None
    if len(found) > MOST_POLICIES:
        raise errors.bad_policy("PoliciesLimitExceededException", "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.")
    for one in found:
        if one.get("Type") not in ("Expiration", "ExpirationNotification", "NoChangeNotification"):
            raise errors.bad_policy("InvalidPolicyTypeException", "The policy type is not supported. Parameter Store supports the following policy types: Expiration, ExpirationNotification, and NoChangeNotification.")
    if sum(one["Type"] == "Expiration" for one in found) > 1:
        raise errors.bad_policy("IncompatiblePolicyException", "There is a conflict in the policies specified for this parameter. You can't, for example, specify two Expiration policies for a parameter.")
    return text


def _seal(call: Call, name: str, key_id: str, value: str) -> str:
    try:
        return base64.b64encode(kms.encrypt(call, key_id, value.encode(), {"PARAMETER_ARN": arn(call, name)})).decode()
    except AwsError as error:
        raise _key_trouble(error) from None


def _key_trouble(error: AwsError) -> AwsError:
    if error.code in ("NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException"):
        return errors.bad_key(error.message)
    return error


def opened(call: Call, name: str, version: Version, decrypt: bool) -> str:
    """The value as the caller may see it."""
    if version.type != "SecureString" or not decrypt:
        return version.value
    try:
        return kms.decrypt(call, base64.b64decode(version.value), {"PARAMETER_ARN": arn(call, name)}).decode()
    except AwsError as error:
        raise _key_trouble(error) from None


def tell(call: Call, parameter: Parameter, operation: str, **more: Any) -> None:
    detail = {"operation": operation, "name": parameter.name, "type": parameter.last.type, **more}
    if parameter.last.description:
        detail["description"] = parameter.last.description
    call.emit(AwsEvent("aws.ssm", "Parameter Store Change", detail, [arn(call, parameter.name)]))


UNITS = {"Days": 86400, "Hours": 3600}
MOST_POLICIES = 10


def _plan(call: Call, parameter: Parameter) -> None:
    """The policies of the newest version, on the clock: its end, notice before it, notice that nothing changed."""
    call.cancel(expire, parameter.name)
    for n in range(MOST_POLICIES):
        call.cancel(notify, f"{parameter.name}#{n}")
    policies = msgspec.json.decode(parameter.last.policies or "[]")
    try:
        end = next((times.parse(one["Attributes"]["Timestamp"]) for one in policies if one["Type"] == "Expiration"), None)
        if end is not None:
            call.due(end, expire, parameter.name, parameter=parameter.name)
        for n, one in enumerate(policies):
            if one["Type"] == "Expiration":
                continue
            attributes = one["Attributes"]
            seconds = int(attributes["Before" if one["Type"] == "ExpirationNotification" else "After"]) * UNITS[attributes["Unit"]]
            if one["Type"] == "NoChangeNotification":
                call.due(call.now + seconds, notify, f"{parameter.name}#{n}", parameter=parameter.name, which=n)
            elif end is not None and end - seconds > call.now:
                call.due(end - seconds, notify, f"{parameter.name}#{n}", parameter=parameter.name, which=n)
    except (KeyError, TypeError, ValueError):
        raise errors.bad_policy("InvalidPolicyAttributeException", "A policy attribute or its value is invalid.") from None


@ssm.timer
def notify(call: Call, parameter: str, which: int) -> None:
    """What a policy has to say goes to EventBridge; nothing else happens."""
    found = call.get(Parameter, parameter)
    policies = msgspec.json.decode(found.last.policies or "[]") if found else []
    if found is None or which >= len(policies):
        return
    one = policies[which]
    attributes = one["Attributes"]
    span = f"{attributes.get('Before') or attributes.get('After')} {attributes['Unit'].lower()}"
    reason = f"The parameter will expire in {span}." if one["Type"] == "ExpirationNotification" else f"The parameter has not been changed for {span}."
    detail = {"policy-content": msgspec.json.encode(one).decode(), "parameter-name": found.name, "parameter-type": found.last.type, "policy-type": one["Type"],
              "action-status": "Success", "action-reason": reason}
    call.emit(AwsEvent("aws.ssm", "Parameter Store Policy Action", detail, [arn(call, found.name)]))


@ssm.timer
def expire(call: Call, parameter: str) -> None:
    if found := call.get(Parameter, parameter):
        remove(call, found)


# -- get ------------------------------------------------------------------------------------------------------------------


def _split(name: str) -> tuple[str, str]:
    """`name:3` and `name:label` name a version."""
    head, _, selector = name.partition(":")
    return head, selector


def chosen(parameter: Parameter, selector: str) -> Version:
    if not selector:
        return parameter.last
    if selector.isdigit():
        found = next((v for v in parameter.versions if v.number == int(selector)), None)
        if found is None:
            raise errors.no_version(parameter.name, selector)
        return found
    found = next((v for v in parameter.versions if selector in v.labels), None)
    if found is None:
        raise errors.no_label(parameter.name, selector)
    return found


def _public(call: Call, name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Type": "String", "Value": value, "Version": 1, "LastModifiedDate": published.SINCE, "ARN": arn(call, name), "DataType": "aws:ec2:image" if value.startswith("ami-") else "text"}


REFERENCE = "/aws/reference/secretsmanager/"


def _secret(call: Call, name: str, selector: str, decrypt: bool) -> dict[str, Any]:
    """A secret of Secrets Manager in a parameter's clothes; `:label` or `:version-id` may follow. The caller's rights are those on the secret."""
    if not decrypt:
        raise errors.secret_needs_decryption()
    which = {} if not selector else {"VersionId" if _UUID.fullmatch(selector) else "VersionStage": selector}
    try:
        found = call.do("secretsmanager", "GetSecretValue", SecretId=name.removeprefix(REFERENCE), **which)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            raise errors.no_secret(name) from None
        raise
    binary = found.get("SecretBinary")
    value = found["SecretString"] if binary is None else base64.b64encode(binary).decode()
    told = {**found, "SecretBinary": value} if binary is not None else found
    return {"Name": name, "Type": "SecureString", "Value": value, "Version": 0, "SourceResult": msgspec.json.encode(told).decode(), "LastModifiedDate": found["CreatedDate"],
            "ARN": found["ARN"], "DataType": "text"} | ({"Selector": f":{selector}"} if selector else {})


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def show(call: Call, name: str, decrypt: bool) -> dict[str, Any]:
    name, selector = _split(plain(call, name))
    if name.startswith(published.PREFIX) and (value := published.value(name, call.region)):
        return _public(call, name, value)
    if name.startswith(REFERENCE):
        return _secret(call, name, selector, decrypt)
    parameter = call.get(Parameter, name)
    if parameter is None:
        raise errors.not_found()
    version = chosen(parameter, selector)
    out = {
        "Name": name, "Type": version.type, "Value": opened(call, name, version, decrypt), "Version": version.number, "LastModifiedDate": version.modified,
        "ARN": arn(call, name), "DataType": version.data_type,
    }
    return out | {"Selector": f":{selector}"} if selector else out


@ssm.op(by_name, context=_tag_context)
def get_parameter(call: Call, req: t.GetParameterRequest) -> t.GetParameterResult:
    return {"Parameter": show(call, req["Name"], req.get("WithDecryption", False))}  # type: ignore[typeddict-item]


@ssm.op(by_names)
def get_parameters(call: Call, req: t.GetParametersRequest) -> t.GetParametersResult:
    found: list[Any] = []
    wrong: list[str] = []
    for name in dict.fromkeys(req["Names"]):
        try:
            found.append(show(call, name, req.get("WithDecryption", False)))
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            wrong.append(name)
    return {"Parameters": found, "InvalidParameters": wrong}


# -- delete -----------------------------------------------------------------------------------------------------------------


def remove(call: Call, parameter: Parameter) -> None:
    call.delete(parameter)
    call.cancel(expire, parameter.name)
    call.sql("DELETE FROM ssm_name WHERE account=? AND region=? AND name=?", call.account, call.region, parameter.name)
    tell(call, parameter, "Delete")


@ssm.op(by_name, context=_tag_context)
def delete_parameter(call: Call, req: t.DeleteParameterRequest) -> None:
    found = call.get(Parameter, plain(call, req["Name"]))
    if found is None:
        raise errors.not_found()
    remove(call, found)


@ssm.op(by_names)
def delete_parameters(call: Call, req: t.DeleteParametersRequest) -> t.DeleteParametersResult:
    gone: list[str] = []
    wrong: list[str] = []
    for name in dict.fromkeys(req["Names"]):
        found = call.get(Parameter, plain(call, name))
        if found is None:
            wrong.append(name)
        else:
            remove(call, found)
            gone.append(name)
    return {"DeletedParameters": gone, "InvalidParameters": wrong}
