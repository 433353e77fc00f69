"""Web ACLs, their associations, rule groups and sets in templates. The reference of each is `name|id|scope`, of an association `resource|acl`."""
from __future__ import annotations

import base64
from typing import Any

from cloche.services.cloudformation.public import Resource, Step, Type, op, retag, steps, tag_map

from .entities import arn_of

SERVICE = "wafv2"
# CloudFormation's name -> the API's noun, its answer's member, and what GetAtt reads of it
NOUNS = {"WebACL": "webacl", "RuleGroup": "rulegroup", "IPSet": "ipset", "RegexPatternSet": "regexpatternset"}


def sent(value: Any) -> Any:
    """A template says SearchString as text or SearchStringBase64, ManagedRuleGroupStatement as the API does; pattern lists are plain texts."""
    if isinstance(value, list):
        return [sent(one) for one in value]
    if not isinstance(value, dict):
        return value
    out = {key: sent(one) for key, one in value.items()}
    if "SearchString" in out:
        out["SearchString"] = str(out["SearchString"]).encode()
    if "SearchStringBase64" in out:
        out["SearchString"] = base64.b64decode(out.pop("SearchStringBase64"))
    return out


def given(r: Resource, *skip: str) -> dict[str, Any]:
    values = {name: sent(value) for name, value in r.properties.items() if name not in skip}
    if "RegularExpressionList" in values:
        values["RegularExpressionList"] = [{"RegexString": one} for one in values["RegularExpressionList"]]
    if values.get("Tags"):
        values["Tags"] = [{"Key": key, "Value": value} for key, value in tag_map(values["Tags"]).items()]
    return values


def named(r: Resource) -> dict[str, str]:
    name, id_, scope = r.physical.split("|")
    return {"Name": name, "Id": id_, "Scope": scope}


def arn(r: Resource, noun: str) -> str:
    one = named(r)
    return arn_of(r.call.of(SERVICE), NOUNS[noun], one["Scope"], one["Name"], one["Id"])


def created(noun: str) -> Step:
    async def run(r: Resource) -> str:
        made = (await r.do(SERVICE, f"Create{noun}", **given(r)))["Summary"]
        r.physical = f"{made['Name']}|{made['Id']}|{r.get('Scope')}"
        return r.physical
    return run


def updated(noun: str) -> Step:
    async def run(r: Resource) -> None:
        token = (await r.do(SERVICE, f"Get{noun}", **named(r)))["LockToken"]
        await r.do(SERVICE, f"Update{noun}", **given(r, "Tags", "Name", "Scope", "IPAddressVersion", "Capacity"), **named(r), LockToken=token)
    return run


def deleted(noun: str) -> Step:
    async def run(r: Resource) -> None:
        token = (await r.do(SERVICE, f"Get{noun}", **named(r)))["LockToken"]
        await r.do(SERVICE, f"Delete{noun}", **named(r), LockToken=token)
    return run


def read(noun: str) -> Step:
    async def run(r: Resource) -> None:
        one = (await r.do(SERVICE, f"Get{noun}", **named(r)))[noun]
        r.attributes |= {"Arn": one["ARN"], "Id": one["Id"]} | {name: one[name] for name in ("Capacity", "LabelNamespace", "AvailableLabels", "ConsumedLabels") if name in one}
    return run


def retagged(noun: str) -> Step:
    async def run(r: Resource) -> None:
        await retag(SERVICE, "TagResource", "UntagResource", ResourceARN=arn(r, noun))(r)
    return run


async def associate(r: Resource) -> str:
    await r.do(SERVICE, "AssociateWebACL", ResourceArn=r.get("ResourceArn"), WebACLArn=r.get("WebACLArn"))
    return f"{r.get('ResourceArn')}|{r.get('WebACLArn')}"


async def disassociate(r: Resource) -> None:
    await r.do(SERVICE, "DisassociateWebACL", ResourceArn=r.physical.partition("|")[0])


async def log(r: Resource) -> str:
    given_ = {name: sent(value) for name, value in r.properties.items() if name in ("ResourceArn", "LogDestinationConfigs", "LoggingFilter", "RedactedFields")}
    await r.do(SERVICE, "PutLoggingConfiguration", LoggingConfiguration=given_)
    r.attributes["ManagedByFirewallManager"] = False
    return str(r.get("ResourceArn"))


def noun(name: str) -> Type:
    return Type(name="Name", limit=128, create=created(name), update=steps(updated(name), retagged(name)), delete=deleted(name), read=read(name), gone=("WAFNonexistentItemException",),
                attributes=("Arn", "Id"), replaces=("Capacity",) if name == "RuleGroup" else ())


TYPES = {
    **{f"AWS::WAFv2::{name}": noun(name) for name in NOUNS},
    "AWS::WAFv2::LoggingConfiguration": Type(create=log, update=log, delete=op(SERVICE, "DeleteLoggingConfiguration", ResourceArn="{id}"), gone=("WAFNonexistentItemException",),
                                             attributes=("ManagedByFirewallManager",)),
    "AWS::WAFv2::WebACLAssociation": Type(create=associate, delete=disassociate, gone=("WAFNonexistentItemException",)),
}
