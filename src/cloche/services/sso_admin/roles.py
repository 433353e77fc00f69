"""A permission set as a role of an account: `AWSReservedSSO_<name>_<16 hex>`, which only Identity Center changes."""
from __future__ import annotations

import json

from cloche.kernel import Call
from cloche.services.iam import public as iam

from .instances import HEX, Instance
from .permission_sets import PermissionSet

# the policy that an inline policy becomes, as AWS calls it
INLINE = "AwsSSOInlinePolicy"


def path(region: str) -> str:
    return "/aws-reserved/sso.amazonaws.com/" + (f"{region}/" if region != "us-east-1" else "")


def trust(account: str, instance: Instance) -> str:
    """Whom the role trusts: the account's SAML provider of Identity Center. The portal comes in behind it."""
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_{instance.id.removeprefix('ssoins-')}_DO_NOT_DELETE"
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": provider}, "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                                                               "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}]})


def provision(call: Call, instance: Instance, one: PermissionSet, account: str) -> str:
    """Make the account's role what the set says now; why not, if that cannot be."""
    there = call.of("iam", account=account)
    attached = [*one.managed, *(f"arn:aws:iam::{account}:policy{path_}{name}" for path_, name in one.customer)]
    boundary = ""
    if one.boundary:
        named = one.boundary.get("CustomerManagedPolicyReference")
        boundary = f"arn:aws:iam::{account}:policy{named.get('Path', '/')}{named['Name']}" if named else one.boundary["ManagedPolicyArn"]
    for arn in [*attached, *([boundary] if boundary else [])]:
        if iam.managed_document(there, account, arn) is None:
            return f"Received a 404 status error: Not supported policy {arn}."
    name = one.provisioned[account][0] if account in one.provisioned else f"AWSReservedSSO_{one.name}_{call.pick(HEX, 16)}"
    iam.reserve(there, name, path(instance.region), trust(account, instance), description=one.description, seconds=one.seconds, attached=attached, boundary=boundary,
                inline={f"{INLINE}": one.inline} if one.inline else {}, tags=one.tags)
    call.put(one.but(provisioned={**one.provisioned, account: (name, one.version)}))
    return ""


def withdraw(call: Call, one: PermissionSet, account: str) -> None:
    """Nobody is assigned there any more."""
    if account in one.provisioned:
        iam.unreserve(call.of("iam", account=account), one.provisioned[account][0])
        call.put(one.but(provisioned={number: made for number, made in one.provisioned.items() if number != account}))
