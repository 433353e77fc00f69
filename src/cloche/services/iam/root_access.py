"""Centralized root access: the management account (or IAM's delegated administrator) takes over the root users of its organization's members.

What is switched on here is asked by STS's AssumeRoot. A member's root user has no password, keys or devices until somebody makes them: `RootLogin` is the password's place.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.services.organizations import public as organizations

from . import errors
from . import service as iam

if TYPE_CHECKING:
    from cloche.shapes import iam as t

CREDENTIALS, SESSIONS = "RootCredentialsManagement", "RootSessions"
TRUSTED = "iam.amazonaws.com"
# what AssumeRoot's task policies need switched on
TASKS = {"IAMAuditRootUserCredentials": CREDENTIALS, "IAMCreateRootUserPassword": CREDENTIALS, "IAMDeleteRootUserCredentials": CREDENTIALS,
         "S3UnlockBucketPolicy": SESSIONS, "SQSUnlockQueuePolicy": SESSIONS}


class RootAccess(Record, frozen=True):
    """Kept with the management account."""

    kind = "iam.root_access"
    scope = "account"

    features: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return "features"


class RootLogin(Record, frozen=True):
    """The root user of this account may recover a password."""

    kind = "iam.root_login"
    scope = "account"

    created: float

    @property
    def key(self) -> str:
        return "root"


def nameless(call: Call, req: Any) -> bool:
    """Is the request about the root user itself?"""
    return "UserName" not in req and call.principal.kind == "root"


def features(call: Call, manager: str) -> tuple[str, ...]:
    found = call.at(manager, call.region).get(RootAccess, "features")
    return found.features if found else ()


def _standing(call: Call) -> tuple[Call, str]:
    """The management account, and the organization's id; refused to who may not speak for it."""
    found = organizations.management(call.cloud, call.account)
    if found is None:
        raise errors.no_organization()
    _, organization = found
    manager = organizations.administers(call.cloud, call.account, TRUSTED)
    if manager is None:
        raise errors.not_for_members()
    if organization.features != "ALL":
        raise errors.needs_all_features()
    if TRUSTED not in organization.services:
        raise errors.not_trusted()
    return call.at(manager, call.region), organization.id


def _switched(call: Call, feature: str, on: bool) -> dict[str, Any]:
    there, organization = _standing(call)
    others = tuple(one for one in features(call, there.account) if one != feature)
    there.put(RootAccess(features=tuple(sorted((*others, feature))) if on else others))
    return _shown(there, organization)


def _shown(there: Call, organization: str) -> dict[str, Any]:
    return {"OrganizationId": organization, "EnabledFeatures": list(features(there, there.account))}


@iam.op(resource=ANY)
def enable_organizations_root_credentials_management(call: Call, req: Any) -> t.EnableOrganizationsRootCredentialsManagementResponse:
    return _switched(call, CREDENTIALS, True)  # type: ignore[return-value]


@iam.op(resource=ANY)
def enable_organizations_root_sessions(call: Call, req: Any) -> t.EnableOrganizationsRootSessionsResponse:
    return _switched(call, SESSIONS, True)  # type: ignore[return-value]


@iam.op(resource=ANY)
def list_organizations_features(call: Call, req: Any) -> t.ListOrganizationsFeaturesResponse:
    return _shown(*_standing(call))  # type: ignore[return-value]


@iam.op(resource=ANY)
def disable_organizations_root_credentials_management(call: Call, req: Any) -> t.DisableOrganizationsRootCredentialsManagementResponse:
    return _switched(call, CREDENTIALS, False)  # type: ignore[return-value]


@iam.op(resource=ANY)
def disable_organizations_root_sessions(call: Call, req: Any) -> t.DisableOrganizationsRootSessionsResponse:
    return _switched(call, SESSIONS, False)  # type: ignore[return-value]
