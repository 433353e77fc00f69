"""AssumeRoleWithSAML: an assertion signed by a provider that the account knows and the role trusts, instead of a signature."""
from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cloche.iam import Principal, Question, decide
from cloche.kernel import Call, authorize

from ..iam import public as iam
from . import carried, errors, public, sessions
from . import service as sts

if TYPE_CHECKING:
    from cloche.languages import saml
    from cloche.shapes import sts as t

ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/"
AUDIENCES = ("https://signin.aws.amazon.com/saml", "urn:amazon:webservices")
REDEEM_SECONDS, HOUR = 300, 3600
FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"


@sts.op(unsigned=True)
def assume_role_with_saml(call: Call, req: t.AssumeRoleWithSAMLRequest) -> t.AssumeRoleWithSAMLResponse:
    arn, provider_arn = req["RoleArn"], req["PrincipalArn"]
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    provider, role = iam.saml_provider(call, provider_arn), iam.role(call, arn)
    if provider is None:
        raise errors.no_identity("Specified provider doesn't exist")
    found = believed(call, provider, req["SAMLAssertion"])
    if role is None or (arn, provider_arn) not in offered(found):
        raise errors.not_authorized("sts:AssumeRoleWithSAML")
    subject_type = found.subject_format.removeprefix(FORMAT)
    qualifier = base64.b64encode(hashlib.sha1(f"{found.issuer}{account}/{provider.name}".encode()).digest()).decode()
    context = {
        "SAML:aud": found.recipient, "SAML:iss": found.issuer, "SAML:sub": found.subject, "SAML:sub_type": subject_type, "SAML:namequalifier": qualifier,
        "SAML:doc": f"{account}/{provider.name}",
    }
    tags = {name.removeprefix(ATTRIBUTE + "PrincipalTag:"): values[0] for name, values in found.attributes.items() if name.startswith(ATTRIBUTE + "PrincipalTag:") and values}
    context |= {f"aws:RequestTag/{key}": value for key, value in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})
    for action in ["sts:AssumeRoleWithSAML", *(["sts:TagSession"] if tags else [])]:
        decision = decide(Question(principal=Principal(kind="federated", arn=provider_arn, provider=provider_arn), action=action, resource=arn, resource_account=account,
                                   context=context, now=call.now, resource_policy=(arn, iam.trust_policy(role)), rule="trust", rcps=authorize.resource_controls(call, account, action)))
        if not decision.allowed:
            raise errors.not_authorized(action)
    names = found.attributes.get(ATTRIBUTE + "RoleSessionName", [])
    if not names or not 2 <= len(names[0]) <= 64:
        raise errors.no_identity("RoleSessionName is required in AuthnResponse")
    policies, packed = carried.policies(call, {**req, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}, account)
    stays = {key.lower(): str(value) for key, value in context.items() if key.startswith("SAML:")}
    session = public.session_of(call, role, arn, names[0], claims=stays, tags=carried.over(role.tags, tags), session_policies=policies, provider=provider_arn,
                                transitive_tags=tuple(key for key in found.attributes.get(ATTRIBUTE + "TransitiveTagKeys", []) if key in tags))
    credentials, principal = sessions.begin(call, session, seconds(call, req, found, role.max_session))
    answer: t.AssumeRoleWithSAMLResponse = {
        "Credentials": credentials, "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn}, "Subject": found.subject, "SubjectType": subject_type,
        "Issuer": found.issuer, "Audience": found.recipient, "NameQualifier": qualifier,
    }
    if packed:
        answer["PackedPolicySize"] = packed
    return answer


def believed(call: Call, provider: Any, text: str) -> saml.Assertion:
    """The assertion, if it is the provider's, meant for AWS, and of now."""
    from cloche.languages import saml  # certificates take time and memory to import; few accounts have a provider
    try:
        found = saml.response(base64.b64decode(text, validate=True), saml.metadata(provider.document.encode()).certificates)
    except ValueError:
        raise errors.no_identity("Invalid base64 SAMLResponse") from None
    except saml.Rejected as error:
        raise errors.idp_rejected(str(error)) from None
    except saml.Invalid as error:
        raise errors.no_identity(f"Response signature invalid: {error}") from None
    if found.issuer != saml.metadata(provider.document.encode()).entity:
        raise errors.no_identity("Issuer not present in specified provider")
    if found.audiences and not any(audience in AUDIENCES or _signin(audience) for audience in found.audiences):
        raise errors.no_identity("Audience restriction check failed")
    if found.recipient not in AUDIENCES and not _signin(found.recipient):
        raise errors.no_identity("Recipient must be the sign-in endpoint of AWS")
    now = call.now
    if found.not_before is not None and now < found.not_before - 60:
        raise errors.no_identity("Assertion is not yet valid")
    if (found.not_on_or_after is not None and now >= found.not_on_or_after) or now >= found.issued + REDEEM_SECONDS:
        raise errors.assertion_expired()
    return found


def _signin(url: str) -> bool:
    """Regional sign-in endpoints: https://us-east-1.signin.aws.amazon.com/saml, .../platform/saml/acs/..."""
    host, _, path = url.removeprefix("https://").partition("/")
    return url.startswith("https://") and (host == "signin.aws.amazon.com" or host.endswith(".signin.aws.amazon.com")) and path.startswith(("saml", "platform/saml"))


def offered(found: saml.Assertion) -> set[tuple[str, str]]:
    """(role, provider) pairs of the Role attribute; either may come first."""
    pairs = [value.split(",", 1) for value in found.attributes.get(ATTRIBUTE + "Role", []) if "," in value]
    return {(a.strip(), b.strip()) if ":role/" in a else (b.strip(), a.strip()) for a, b in pairs}


def seconds(call: Call, req: Any, found: saml.Assertion, most: int) -> float:
    """The least of what the request, the assertion and the role say."""
    wanted = req.get("DurationSeconds")
    if wanted is not None and wanted > most:
        raise errors.beyond_role()
    limits = [float(wanted if wanted is not None else HOUR)]
    if said := found.attributes.get(ATTRIBUTE + "SessionDuration"):
        if not said[0].isdigit() or not 900 <= int(said[0]) <= 43200:
            raise errors.no_identity("SessionDuration must be between 900 and 43200")
        limits = [float(min(int(said[0]), most))] if wanted is None else [*limits, float(said[0])]
    if found.session_ends is not None:
        limits.append(found.session_ends - call.now)
    if min(limits) <= 0:
        raise errors.assertion_expired()
    return min(limits)
