"""Service-specific credentials: a user name and a password for Git over HTTPS (CodeCommit) and for Keyspaces; only a salted hash of the password is kept."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import errors, users
from . import service as iam
from .logins import hashed
from .names import identifier, moment, secret
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

SERVICES = {"codecommit.amazonaws.com": 2, "cassandra.amazonaws.com": 2}   # how many of each a user may have


class ServiceCredential(Record, frozen=True):
    kind = "iam.service-credential"
    scope = "account"

    id: str
    user: str                                          # the user's unique id
    service: str
    name: str                                          # what the client gives as user name
    salt: str
    hash: str
    created: float
    active: bool = True

    @property
    def key(self) -> str:
        return self.id


def of(call: Call, user: users.User) -> list[ServiceCredential]:
    return [one for one in call.all(ServiceCredential) if one.user == user.id]


def find(call: Call, req: Any) -> tuple[users.User, ServiceCredential]:
    user = users.find(call, users.name_of(call, req))
    found = call.get(ServiceCredential, req["ServiceSpecificCredentialId"])
    if found is None or found.user != user.id:
        raise AwsError("NoSuchEntity", f"No such credential {req['ServiceSpecificCredentialId']} exists", 404)
    return user, found


def supported(service: str) -> str:
    if service not in SERVICES:
        raise AwsError("NotSupportedService", f"No such service {service}", 404)
    return service


def listed(user: users.User, one: ServiceCredential) -> dict[str, Any]:
    return {"UserName": user.name, "Status": "Active" if one.active else "Inactive", "ServiceUserName": one.name, "CreateDate": one.created,
            "ServiceSpecificCredentialId": one.id, "ServiceName": one.service}


def renewed(call: Call, user: users.User, one: ServiceCredential) -> dict[str, Any]:
    password = secret(call) + "="
    salt = call.secret(12)
    return {**listed(user, call.put(one.but(salt=salt, hash=hashed(password, salt)))), "ServicePassword": password}


@iam.op(resource=users.by_name, context=users.facts, partly="no Bedrock keys, which expire")
def create_service_specific_credential(call: Call, req: t.CreateServiceSpecificCredentialRequest) -> t.CreateServiceSpecificCredentialResponse:
    user, service = users.find(call, req["UserName"]), supported(req["ServiceName"])
    have = [one for one in of(call, user) if one.service == service]
    if len(have) >= SERVICES[service]:
        raise errors.too_many("ServiceSpecificCredentialsPerUser", SERVICES[service])
    name = f"{user.name}-at-{call.account}"
    if any(one.name == name for one in have):
        name = f"{user.name}+1-at-{call.account}"
    made = ServiceCredential(identifier(call, "ACCA", 16), user.id, service, name, "", "", moment(call))
    return {"ServiceSpecificCredential": renewed(call, user, made)}


@iam.op(resource=users.by_name, context=users.facts)
def list_service_specific_credentials(call: Call, req: t.ListServiceSpecificCredentialsRequest) -> t.ListServiceSpecificCredentialsResponse:
    service = supported(req["ServiceName"]) if "ServiceName" in req else None
    owners = call.all(users.User) if req.get("AllUsers") else [users.find(call, users.name_of(call, req))]
    pairs = [(user, one) for user in owners for one in of(call, user) if service in (None, one.service)]
    found, more = page(req, pairs, key=lambda pair: pair[1].id)
    return {"ServiceSpecificCredentials": [listed(user, one) for user, one in found], **more}


@iam.op(resource=users.by_name, context=users.facts)
def reset_service_specific_credential(call: Call, req: t.ResetServiceSpecificCredentialRequest) -> t.ResetServiceSpecificCredentialResponse:
    return {"ServiceSpecificCredential": renewed(call, *find(call, req))}


@iam.op(resource=users.by_name, context=users.facts)
def update_service_specific_credential(call: Call, req: t.UpdateServiceSpecificCredentialRequest) -> None:
    call.put(find(call, req)[1].but(active=req["Status"] == "Active"))


@iam.op(resource=users.by_name, context=users.facts)
def delete_service_specific_credential(call: Call, req: t.DeleteServiceSpecificCredentialRequest) -> None:
    call.delete(find(call, req)[1])
