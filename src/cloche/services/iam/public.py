"""What the kernel asks IAM behind the curtain: whose key is this, and which policies count for this principal.

Both answers are remembered with the very records they were made from. Records are values, so an answer is good as long as the records in
the tables are still the same objects; there is nothing to invalidate.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import Bundle, MalformedPolicy, Policy, Principal, managed, parse
from cloche.iam.policy import Named

from .groups import Group
from .keys import AccessKey
from .policies import ManagedPolicy
from .roles import Role
from .users import User

if TYPE_CHECKING:
    from cloche.kernel import Call, Cloud


class Credential(msgspec.Struct, frozen=True):
    secret: str
    principal: Principal
    token: str | None = None                           # temporary keys: the session token that must come along
    expires: float | None = None
    active: bool = True


class PrincipalPolicies(msgspec.Struct, frozen=True):
    identity: Bundle
    boundary: Named | None
    session: Bundle | None


NOTHING = PrincipalPolicies(Bundle(), None, None)


def credential(cloud: Cloud, access_key_id: str) -> Credential | None:
    """The secret and the principal behind an access key, long-term or temporary."""
    if access_key_id.startswith("ASIA"):
        from ..sts import public
        return public.credential(cloud, access_key_id)
    store = cloud.store
    key = store.table(AccessKey, "", "").get(access_key_id)
    if key is None:
        return None
    user = store.table(User, key.account, "").get(key.user.lower())
    if user is None:
        return None
    memo = cloud.memory.setdefault("iam.credential", {})
    found = memo.get(access_key_id)
    if found is None or found[0] is not key or found[1] is not user:
        principal = Principal(kind="user", arn=f"arn:aws:iam::{key.account}:user{user.path}{user.name}", account=key.account, id=user.id, name=user.name,
                              tags=user.tags, access_key=key.id)
        found = memo[access_key_id] = (key, user, Credential(key.secret, principal, active=key.active))
    return found[2]


USED_EVERY_SECONDS = 60


def used(cloud: Cloud, credential: Credential, service: str, region: str) -> None:
    """A key just signed a good request. Written down once a minute, key and service, so that many requests are not many writes."""
    principal = credential.principal
    memo = cloud.memory.setdefault("iam.used", {})
    name = (principal.access_key, service)
    last = memo.get(name)
    now = cloud.clock.now()
    if last is not None and 0 <= now - last < USED_EVERY_SECONDS:
        return
    if len(memo) > 4096:
        memo.clear()
    memo[name] = now
    cloud.service("iam")
    with cloud.store:
        if not principal.temporary:
            cloud.store.write("INSERT OR REPLACE INTO iam_key_used VALUES (?,?,?,?)", (principal.access_key, now, service, region))
        elif principal.kind == "role":
            cloud.store.write("INSERT OR REPLACE INTO iam_role_used VALUES (?,?,?)", (principal.id.partition(":")[0], now, region))
        if principal.kind in ("user", "role"):
            cloud.store.write("INSERT OR REPLACE INTO iam_access VALUES (?,?,?,?)", (principal.id.partition(":")[0], service, now, region))


def policies(cloud: Cloud, principal: Principal) -> PrincipalPolicies:
    """The identity policies, the boundary and the session policies of a principal, compiled."""
    if (principal.kind == "root" or principal.outsider) and principal.session_policies is None:
        return NOTHING
    memo = cloud.memory.setdefault("iam.policies", {})
    name = (principal.arn, principal.id, principal.role_arn, principal.session_policies)
    found = memo.get(name)
    version = cloud.store.version
    if found is not None:
        if found[0] == version:
            return found[2]
        if all(table.get(key) is record for table, key, record in found[1]):
            memo[name] = (version, found[1], found[2])
            return found[2]
    if len(memo) > 4096:
        memo.clear()
    seen = _Seen(cloud)
    made = PrincipalPolicies(*_gather(seen, principal))
    memo[name] = (version, seen.records, made)
    return made


class _Seen:
    """Looks records up and keeps what it saw: an answer made from the same records is the same answer."""

    def __init__(self, cloud: Cloud) -> None:
        self.store = cloud.store
        self.records: list[tuple[dict[str, Any], str, Any]] = []

    def get(self, type_: type[Any], account: str, key: str) -> Any:
        table = self.store.table(type_, account, "")
        record = table.get(key)
        self.records.append((table, key, record))
        return record

    def managed(self, account: str, arn: str) -> str | None:
        parts = arn.split(":", 5)
        if parts[4] == "aws":
            return managed.document(arn)
        policy = self.get(ManagedPolicy, account, arn.rpartition("/")[2].lower())
        return policy.document if policy else None


def _gather(seen: _Seen, p: Principal) -> tuple[Bundle, Named | None, Bundle | None]:
    entity, groups = behind(seen, p)
    named: list[tuple[str, str, str | None]] = []
    boundary: Named | None = None
    if entity is not None:
        named += [(name, "inline", text) for name, text in entity.inline.items()]
        named += [(arn, "managed", seen.managed(p.account, arn)) for arn in entity.attached]
        for group in groups:
            named += [(f"{group.name}/{name}", "group", text) for name, text in group.inline.items()]
            named += [(arn, "group managed", seen.managed(p.account, arn)) for arn in group.attached]
        if entity.boundary:
            text = seen.managed(p.account, entity.boundary)
            boundary = (entity.boundary, "boundary", parse(text or _NOBODY))
    if p.kind == "federated" and p.role_arn.endswith(":root"):
        named.append(("root", "account", _ANYTHING))   # whom root federates may what the session's policies say
    session = None
    if p.session_policies is not None:
        session = Bundle((f"session policy {i + 1}", "session", parse(text)) for i, text in enumerate(p.session_policies))
    return Bundle(_compiled(named)), boundary, session


_ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
_NOBODY = '{"Version":"2012-10-17","Statement":[]}'


def _compiled(named: list[tuple[str, str, str | None]]) -> list[Named]:
    found = []
    for name, kind, text in named:
        if text is None:
            continue
        try:
            found.append((name, kind, parse(text)))
        except MalformedPolicy:                        # one of AWS's own with an element newer than we are: it then allows nothing
            continue
    return found


def behind(seen: _Seen, p: Principal) -> tuple[Any, list[Group]]:
    """The user or role whose policies count. One made anew under an old name has another id, and is a stranger."""
    if p.kind == "role":
        role = seen.get(Role, p.account, p.name.lower())
        return (role if role is not None and role.id == p.id.partition(":")[0] else None), []
    name = p.name if p.kind == "user" else p.role_arn.rpartition("/")[2] if p.kind == "federated" else ""
    user = seen.get(User, p.account, name.lower()) if name else None
    if user is None or (p.kind == "user" and user.id != p.id):
        return None, []
    return user, [group for name in user.groups if (group := seen.get(Group, p.account, name.lower())) is not None]


def role(call: Call, arn: str) -> Role | None:
    """The role with this ARN, of whatever account."""
    from . import roles
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        return None
    there = call.at(parts[4], call.region)
    found = there.get(Role, parts[5].rpartition("/")[2].lower())
    return found if found and roles.arn(there, found) == arn else None


def ensure_linked(call: Call, service: str, description: str = "") -> Role:
    """The service-linked role of a service, made if the account has none: what ECS and others do when first used."""
    from . import service_linked
    return service_linked.ensure(call, service, description)


def trust_policy(role: Role) -> Policy:
    """A role's trust policy, compiled, with unique ids in place of the names it was written with."""
    from . import trust
    return trust.policy(role)


def managed_document(call: Call, account: str, arn: str) -> str | None:
    """The default version of a managed policy, AWS's or the account's."""
    from . import policies as own
    return own.document(call.at(account, call.region), arn)


def root_mfa(call: Call, account: str, serial: str, code: str) -> bool:
    """Is this a code of the device of the account's root user?"""
    from . import mfa
    return mfa.of_root(call.of("iam", account), account, serial, code)


def verified_mfa(call: Call, req: Any) -> bool:
    """Did the request bring a good code of one of the caller's devices? Refuses a bad one."""
    if "SerialNumber" not in req and "TokenCode" not in req:
        return False
    from . import mfa
    return mfa.verified(call, req.get("SerialNumber", ""), req.get("TokenCode", ""))


def saml_provider(call: Call, arn: str) -> Any:
    """The SAML provider with this ARN, of whatever account; None if there is none."""
    from .saml_providers import SamlProvider
    parts = arn.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("saml-provider/"):
        return None
    return call.at(parts[4], call.region).get(SamlProvider, parts[5].partition("/")[2])


def oidc_provider(call: Call, account: str, issuer: str) -> Any:
    """(ARN, record) of the account's OpenID Connect provider for an issuer; None if it has none."""
    from . import oidc_providers
    there = call.at(account, call.region)
    found = there.get(oidc_providers.OidcProvider, oidc_providers.bare(issuer))
    return (oidc_providers.arn(there, found.url), found) if found else None


def reserve(call: Call, name: str, path: str, trust: str, *, description: str | None, seconds: int, attached: list[str], boundary: str, inline: dict[str, str], tags: dict[str, str]) -> Role:
    """A role that only AWS changes (Identity Center's), made or made anew."""
    from . import mentions, names, roles
    found = call.get(Role, name.lower())
    id, created = (found.id, found.created) if found else (names.identifier(call, "AROA"), names.moment(call))
    if found:
        roles.remove(call, found)
    role = call.put(Role(name, id, path, created, trust, description=description, max_session=seconds, tags=tags, inline=inline, attached=attached, boundary=boundary))
    for arn in attached:
        mentions.add(call, arn, "permission", "role", name)
    if boundary:
        mentions.add(call, boundary, "boundary", "role", name)
    return role


def unreserve(call: Call, name: str) -> None:
    from . import roles
    if found := call.get(Role, name.lower()):
        roles.remove(call, found)


def server_certificate(call: Call, arn: str) -> tuple[str, str, str] | None:
    """Body, chain and private key of an uploaded server certificate, for load balancers."""
    from .certificates import ServerCertificate
    if ":server-certificate/" not in arn or arn.split(":")[4] != call.account:
        return None
    found = call.get(ServerCertificate, arn.rsplit("/", 1)[1])
    return (found.body, found.chain, found.private) if found else None


def certificate_for_cloudfront(call: Call, id_: str) -> tuple[str, str, str] | None:
    """Body, chain and private key of a server certificate by its id, if it was uploaded below the path /cloudfront/."""
    from .certificates import ServerCertificate
    found = next((one for one in call.of("iam").all(ServerCertificate) if one.id == id_ and one.path.startswith("/cloudfront/")), None)
    return (found.body, found.chain, found.private) if found else None


def instance_profile(call: Call, arn: str) -> Any:
    """The instance profile with this ARN (or, in the caller's account, this name); None if there is none. `.role` names its role, "" while it has none."""
    from . import profiles
    if not arn.startswith("arn:"):
        found = call.get(profiles.InstanceProfile, arn.lower())
        return found if found and found.name == arn else None
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or not parts[5].startswith("instance-profile/"):
        return None
    there = call.at(parts[4], call.region)
    found = there.get(profiles.InstanceProfile, parts[5].rpartition("/")[2].lower())
    return found if found and profiles.arn(there, found) == arn else None


def instance_profile_arn(call: Call, profile: Any) -> str:
    from . import profiles
    return profiles.arn(call, profile)


def role_arn(call: Call, name: str) -> str:
    """The ARN of a role of the caller's account, "" if there is none of that name."""
    from . import roles
    found = call.get(Role, name.lower())
    return roles.arn(call, found) if found else ""


ROOT_TRUSTED = "iam.amazonaws.com"


def root_task(call: Call, manager: str, task: str) -> bool | None:
    """May sessions of members' root users have this task, by what the organization's manager switched on? None: there is no such task."""
    from . import root_access
    feature = root_access.TASKS.get(task)
    return feature in root_access.features(call, manager) if feature else None


def outbound_issuer(call: Call) -> str | None:
    """The account's own issuer, while outbound federation is switched on."""
    from . import outbound
    found = call.get(outbound.Outbound, "outbound")
    return outbound.url(found.issuer) if found and found.enabled else None


def issuing_account(call: Call, host: str) -> str | None:
    from . import outbound
    id_, _, rest = host.partition(".")
    found = call.get(outbound.Issuer, id_) if rest == outbound.HOST else None
    return found.account if found else None


def unused(call: Call, moment: float) -> list[Any]:
    """What of the account nobody has used since a moment (`unused.Unused`)."""
    from . import unused as found
    return found.since(call.of("iam"), moment)
