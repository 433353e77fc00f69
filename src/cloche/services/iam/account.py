"""The account as a whole: its alias, its numbers, and everything in it at once."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cloche.iam import managed
from cloche.kernel import ANY, Call, Record

from . import certificates, errors, groups, mentions, mfa, oidc_providers, policies, profiles, roles, saml_providers, tags, trust, users
from . import service as iam
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

QUOTAS = {
    "UsersQuota": 5000, "GroupsQuota": 300, "RolesQuota": 1000, "InstanceProfilesQuota": 1000, "PoliciesQuota": 1500, "ServerCertificatesQuota": 20,
    "AccessKeysPerUserQuota": 2, "GroupsPerUserQuota": 10, "SigningCertificatesPerUserQuota": 2, "AttachedPoliciesPerUserQuota": 10,
    "AttachedPoliciesPerGroupQuota": 10, "AttachedPoliciesPerRoleQuota": 10, "UserPolicySizeQuota": 2048, "GroupPolicySizeQuota": 5120,
    "RolePolicySizeQuota": 10240, "PolicySizeQuota": 6144, "VersionsPerPolicyQuota": 5, "AssumeRolePolicySizeQuota": 2048,
    "PolicyVersionsInUseQuota": 10000,
}


class Alias(Record, frozen=True):
    """Names are unique in the whole cloud; an account has one."""

    kind = "iam.alias"
    scope = "cloud"

    name: str
    account: str

    @property
    def key(self) -> str:
        return self.name


class Account(Record, frozen=True):
    kind = "iam.account"
    scope = "account"

    alias: str = ""
    tokens: int = 1      # the version of the tokens that STS's global endpoint gives

    @property
    def key(self) -> str:
        return "account"


@iam.op(resource=ANY)
def create_account_alias(call: Call, req: t.CreateAccountAliasRequest) -> None:
    name, account = req["AccountAlias"], call.get(Account, "account") or Account()
    taken = call.get(Alias, name)
    if taken and taken.account != call.account:
        raise errors.alias_exists(name)
    if account.alias and account.alias != name:        # the next replaces it
        call.delete(Alias(account.alias, call.account))
    call.put(Alias(name, call.account))
    call.put(account.but(alias=name))


@iam.op(resource=ANY)
def list_account_aliases(call: Call, req: t.ListAccountAliasesRequest) -> t.ListAccountAliasesResponse:
    account = call.get(Account, "account")
    return {"AccountAliases": [account.alias] if account and account.alias else [], "IsTruncated": False}


@iam.op(resource=ANY)
def delete_account_alias(call: Call, req: t.DeleteAccountAliasRequest) -> None:
    name, account = req["AccountAlias"], call.get(Account, "account")
    if account is None or account.alias != name:
        raise errors.no_such_alias(name)
    call.delete(Alias(name, call.account))
    call.put(account.but(alias=""))


@iam.op(resource=ANY, partly="kept and told; tokens of either version are good in every region here")
def set_security_token_service_preferences(call: Call, req: t.SetSecurityTokenServicePreferencesRequest) -> None:
    account = call.get(Account, "account") or Account()
    call.put(account.but(tokens=2 if req["GlobalEndpointTokenVersion"] == "v2Token" else 1))


@iam.op(resource=ANY)
def get_account_summary(call: Call, req: t.Nothing) -> t.GetAccountSummaryResponse:
    devices = call.all(mfa.Device)
    own = call.all(policies.ManagedPolicy)
    account = call.get(Account, "account")
    return {"SummaryMap": QUOTAS | {
        "Users": len(call.all(users.User)), "Groups": len(call.all(groups.Group)), "Roles": len(call.all(roles.Role)),
        "InstanceProfiles": len(call.all(profiles.InstanceProfile)), "Policies": len(own), "PolicyVersionsInUse": sum(len(one.versions) for one in own),
        "MFADevices": len(devices), "MFADevicesInUse": sum(bool(one.user) for one in devices), "AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1,
        "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0, "ServerCertificates": len(call.all(certificates.ServerCertificate)), "Providers": len(call.all(oidc_providers.OidcProvider)) + len(call.all(saml_providers.SamlProvider)),
        "AccountAliases": int(bool(account and account.alias)), "GlobalEndpointTokenVersion": account.tokens if account else 1,
    }}


@iam.op(resource=ANY)
def get_account_authorization_details(call: Call, req: t.GetAccountAuthorizationDetailsRequest) -> t.GetAccountAuthorizationDetailsResponse:
    wanted = req.get("Filter") or ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]
    found, more = page(req, _everything(call, wanted), key=lambda pair: f"{pair[0]}/{getattr(pair[1], 'path', '')}{pair[1].name}")
    answer: dict[str, Any] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": [], **more}
    for kind, one in found:
        name, view = DETAILS[kind]
        answer[name].append(view(call, one))
    return answer


def _everything(call: Call, wanted: list[str]) -> Iterator[tuple[str, Any]]:
    for kind, type_ in (("User", users.User), ("Group", groups.Group), ("Role", roles.Role), ("LocalManagedPolicy", policies.ManagedPolicy)):
        if kind in wanted:
            yield from ((kind, one) for one in call.all(type_))
    if "AWSManagedPolicy" in wanted:                   # only those in use, as AWS does
        for mention in call.all(mentions.Mention):
            if one := managed.find(mention.arn):
                yield "AWSManagedPolicy", one


def _written(inline: dict[str, str]) -> list[dict[str, str]]:
    return [{"PolicyName": name, "PolicyDocument": quote(text, safe="")} for name, text in inline.items()]


def _attached(arns: list[str]) -> list[dict[str, str]]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def _user(call: Call, user: users.User) -> dict[str, Any]:
    return {**users.view(call, user), "UserPolicyList": _written(user.inline), "GroupList": user.groups, "AttachedManagedPolicies": _attached(user.attached),
            "Tags": tags.pairs(user.tags)}


def _group(call: Call, group: groups.Group) -> dict[str, Any]:
    return {**groups.view(call, group), "GroupPolicyList": _written(group.inline), "AttachedManagedPolicies": _attached(group.attached)}


def _role(call: Call, role: roles.Role) -> dict[str, Any]:
    whole: dict[str, Any] = dict(roles.whole(call, role))
    whole.pop("Description", None)
    whole.pop("MaxSessionDuration")
    return {"Tags": [], **whole, "AssumeRolePolicyDocument": quote(trust.shown(call, role), safe=""), "RolePolicyList": _written(role.inline),
            "AttachedManagedPolicies": _attached(role.attached),
            "InstanceProfileList": [profiles.view(call, profiles.find(call, name)) for name in role.profiles]}


def _policy(call: Call, policy: policies.Found) -> dict[str, Any]:
    if isinstance(policy, managed.Managed):
        versions = {policy.version: (policy.document, policy.updated)}
        default = policy.version
    else:
        versions, default = policy.versions, policy.default
    return {**policies.view(call, policy), "PolicyVersionList": [
        {"VersionId": name, "Document": quote(text, safe=""), "IsDefaultVersion": name == default, "CreateDate": created}
        for name, (text, created) in versions.items()
    ]}


DETAILS = {
    "User": ("UserDetailList", _user), "Group": ("GroupDetailList", _group), "Role": ("RoleDetailList", _role),
    "LocalManagedPolicy": ("Policies", _policy), "AWSManagedPolicy": ("Policies", _policy),
}
