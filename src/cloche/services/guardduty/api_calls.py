"""Requests as GuardDuty reads them (its CloudTrail management and S3 data events): who called what, from where, and what that gave away.

A witness in the kernel's timeline, there only while some account has a detector: without one a request pays nothing.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import Call
from cloche.kernel.front import identify
from cloche.wire import codec, sigv4

from . import ip_sets, sightings
from . import service as guardduty
from .detectors import Detector

READING = ("List", "Describe", "Get", "Head", "Lookup", "Search", "Scan", "BatchGet")
OWN = "guardduty"
PEN_TESTERS = ("Kali", "Parrot", "Pentoo")


@guardduty.boot
def watch(call: Call) -> None:
    """Be told of requests, if anybody has a detector."""
    witnesses = call.cloud.timeline.witnesses
    if witness not in witnesses and call.cloud.store.scopes(Detector.kind):
        witnesses.append(witness)


def witness(call: Call, status: int, error: Any, value: Any) -> None:
    principal, store = call.principal, call.cloud.store
    if principal.inside or principal.kind == "service" or call.entry is None:
        return
    here = Call(call.cloud, call.cloud.service(OWN), call.account, call.region, principal, call.request_id, call.request, call.entry)
    direct = value is None                                # else one service called another for somebody: whose request was seen already
    look = LOOKS.get((call.service.name, call.op))
    if not (look and status < 400) and not (direct and sightings.looking(here)):
        return
    with store:
        if direct and sightings.looking(here) and principal.account == call.account:
            _caller(here, call, error)
        if look is not None and (status < 400 or look in EVEN_REFUSED):
            look(here, call, value if value is not None else _values(call), error)
    if not store._steps and call.cloud.undelivered:
        call.cloud.deliver()


def _values(call: Call) -> dict[str, Any]:
    """The request's members, read once more."""
    try:
        _, protocol = identify(call.request, sigv4.parse(call.request))  # type: ignore[arg-type]
        return codec.read(call.entry.op, protocol, call.request)  # type: ignore[union-attr, arg-type, no-any-return]
    except codec.Invalid:
        return {}


# -- what a finding shows --------------------------------------------------------------------------------------------------

KINDS = {"root": "Root", "user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser", "anonymous": "AWSAccount"}


def who(call: Call) -> dict[str, Any]:
    p = call.principal
    return {"AccessKeyId": p.access_key, "PrincipalId": p.id, "UserName": "Root" if p.kind == "root" else p.name, "UserType": KINDS.get(p.kind, "AWSService")}


def action(of: Call, error: Any = None) -> dict[str, Any]:
    meta = of.service.model.meta
    out: dict[str, Any] = {"Api": of.op, "ServiceName": f"{meta['endpointPrefix']}.amazonaws.com", "CallerType": "Remote IP", "UserAgent": of.user_agent,
                           "RemoteIpDetails": {"IpAddressV4": of.source_ip} if ":" not in of.source_ip else {"IpAddressV6": of.source_ip}}
    if error is not None:
        out["ErrorCode"] = error.code
    return {"ActionType": "AWS_API_CALL", "AwsApiCallAction": out}


def key_resource(call: Call) -> dict[str, Any]:
    return {"ResourceType": "AccessKey", "AccessKeyDetails": who(call)}


def note(here: Call, of: Call, type_: str, title: str, description: str, error: Any = None, about: str = "", resource: dict[str, Any] | None = None, **more: Any) -> None:
    sightings.note(here, type_, about or f"{of.principal.id}/{of.principal.access_key}", title=title, description=description, resource=resource or key_resource(of),
                   action=action(of, error), **more)


# -- the caller --------------------------------------------------------------------------------------------------------------

def _caller(here: Call, of: Call, error: Any) -> None:
    p, ip = of.principal, of.source_ip
    lists = ip_sets.of(here)
    if ip and lists.trusted(ip):
        return
    if p.kind == "root":
        short = p.temporary
        note(here, of, "Policy:IAMUser/ShortTermRootCredentialUsage" if short else "Policy:IAMUser/RootCredentialUsage", f"API {of.op} was invoked using root credentials.",
             f"API {of.op} was invoked using root credentials from IP address {ip}.", error)
    bucket_call = of.service.name == "s3" and "Bucket" in (of.entry.op.input.members if of.entry and of.entry.op.input else {})
    if tool := next((name for name in PEN_TESTERS if name.lower() in of.user_agent.lower()), ""):
        _pen_test(here, of, tool, bucket_call, error)
    if ip and (named := lists.threats(ip)):
        reading = of.op.startswith(READING)
        if bucket_call:
            if here.all(Detector)[0].features.get("S3_DATA_EVENTS"):
                bucket = of.request.path.split("/", 2)[1] if of.request else ""
                type_ = "Discovery:S3/MaliciousIPCaller.Custom" if reading and of.op != "GetObject" else "UnauthorizedAccess:S3/MaliciousIPCaller.Custom"
                note(here, of, type_, f"The API {of.op} was invoked from an IP address on a custom threat list.",
                     f"The S3 API {of.op} was invoked on {bucket} from {ip}, which is on the threat list {named[0]}.", error, f"{bucket}/{ip}", bucket_resource(of, bucket), evidence=named)
        else:
            note(here, of, f"{'Recon' if reading else 'UnauthorizedAccess'}:IAMUser/MaliciousIPCaller.Custom", f"The API {of.op} was invoked from an IP address on a custom threat list.",
                 f"The API {of.op} was invoked from the IP address {ip}, which is on the threat list {named[0]}.", error, f"{p.id}/{ip}", evidence=named)
    if p.kind == "role" and (instance := p.claims.get("ec2:sourceinstancearn")) and ip:
        _credentials_of_an_instance(here, of, str(instance), error)


def _pen_test(here: Call, of: Call, tool: str, bucket_call: bool, error: Any) -> None:
    """A system that is made for breaking in names itself in what its programs say they are."""
    title = f"API {of.op} was invoked from a {tool} Linux machine."
    if not bucket_call:
        note(here, of, f"PenTest:IAMUser/{tool}Linux", title, f"API {of.op} was invoked from a computer running {tool} Linux with credentials of your account, from IP address {of.source_ip}.", error)
    elif here.all(Detector)[0].features.get("S3_DATA_EVENTS"):
        bucket = of.request.path.split("/", 2)[1] if of.request else ""
        note(here, of, f"PenTest:S3/{tool}Linux", title, f"The S3 API {of.op} was invoked on {bucket} from a computer running {tool} Linux.", error, f"{bucket}/{tool}", bucket_resource(of, bucket))


def _credentials_of_an_instance(here: Call, of: Call, instance: str, error: Any) -> None:
    """Whom the metadata service gave them is in the session; from where they come is the request's."""
    ip = of.source_ip
    if of.request is not None and getattr(of.request, "via", None):
        return                                            # through a VPC endpoint: of the VPC, at a private address
    from cloche.services.ec2 import public as ec2
    account = ec2.holder_of(here, ip)
    if account == here.account:
        return
    kind = "InsideAWS" if account else "OutsideAWS"
    where = f"the AWS account {account}" if account else f"the external IP address {ip}"
    id_ = instance.rpartition("/")[2]
    note(here, of, f"UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.{kind}", f"Credentials for the EC2 instance role {of.principal.name} were used from {where}.",
         f"Credentials created exclusively for the EC2 instance {id_} using instance role {of.principal.name} have been used from {where}.", error, f"{of.principal.id}/{ip}",
         {**key_resource(of), "InstanceDetails": {"InstanceId": id_}})


# -- single operations -------------------------------------------------------------------------------------------------------

Look = Callable[[Call, Call, dict[str, Any], Any], None]


def bucket_resource(of: Call, name: str, **more: Any) -> dict[str, Any]:
    from cloche.services.s3 import public as s3
    return {"ResourceType": "S3Bucket", "AccessKeyDetails": who(of), "S3BucketDetails": [{"Arn": f"arn:aws:s3:::{name}", "Name": name, "Type": "Destination", **s3.about(of.of("s3"), name), **more}]}


def _of_bucket(look: Callable[[Call, Call, str, dict[str, Any]], None]) -> Look:
    """In the account and region of the bucket, wherever the call was signed for."""
    def run(here: Call, of: Call, value: dict[str, Any], error: Any) -> None:
        from cloche.services.s3 import public as s3
        if place := s3.place(of.of("s3"), value.get("Bucket", "")):
            there = here.at(*place)
            if sightings.looking(there) and not ip_sets.of(there).trusted(of.source_ip):
                look(there, of, value["Bucket"], value)
    return run


@_of_bucket
def _logging(here: Call, of: Call, bucket: str, value: dict[str, Any]) -> None:
    if not (value.get("BucketLoggingStatus") or {}).get("LoggingEnabled"):
        note(here, of, "Stealth:S3/ServerAccessLoggingDisabled", f"Amazon S3 server access logging was disabled for S3 bucket {bucket}.",
             f"S3 server access logging was disabled for the bucket {bucket} by {of.principal.label} calling {of.op}.", None, bucket, bucket_resource(of, bucket))


def _opened(value: dict[str, Any]) -> bool:
    wanted = value.get("PublicAccessBlockConfiguration")
    return wanted is None or not all(wanted.get(name) for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"))


@_of_bucket
def _block(here: Call, of: Call, bucket: str, value: dict[str, Any]) -> None:
    if _opened(value):
        note(here, of, "Policy:S3/BucketBlockPublicAccessDisabled", f"Amazon S3 Block Public Access was disabled for S3 bucket {bucket}.",
             f"Amazon S3 Block Public Access was disabled for S3 bucket {bucket} by {of.principal.label} calling {of.op}.", None, bucket, bucket_resource(of, bucket))


@_of_bucket
def _public(here: Call, of: Call, bucket: str, value: dict[str, Any]) -> None:
    from cloche.services.s3 import public as s3
    whom = s3.open_to(of.of("s3"), bucket)
    if whom:
        name = "BucketAnonymousAccessGranted" if whom == "anonymous" else "BucketPublicAccessGranted"
        to = "anonymous public read or write access" if whom == "anonymous" else "public access to all authenticated AWS users"
        note(here, of, f"Policy:S3/{name}", f"The S3 bucket {bucket} was granted {to}.", f"The S3 bucket {bucket} was granted {to} by {of.principal.label} calling {of.op}.", None, bucket,
             bucket_resource(of, bucket))


def _account_block(here: Call, of: Call, value: dict[str, Any], error: Any) -> None:
    if _opened(value) and sightings.looking(here):
        note(here, of, "Policy:S3/AccountBlockPublicAccessDisabled", "Amazon S3 Block Public Access was disabled for the account.",
             f"Amazon S3 Block Public Access was disabled for account {here.account} by {of.principal.label} calling {of.op}.")


def _password_policy(here: Call, of: Call, value: dict[str, Any], error: Any) -> None:
    if not sightings.looking(here):
        return
    weaker = error is not None or of.op.startswith("Delete") or _weaker(here, value)
    if weaker:
        note(here, of, "Stealth:IAMUser/PasswordPolicyChange", "The account password policy was weakened.",
             f"The password policy of account {here.account} was changed by {of.principal.label} calling {of.op}.", error)


# what AWS asks of a password that an account has no policy for, and of a policy that does not say
NOTHING_SAID = {"MinimumPasswordLength": 6, "RequireSymbols": False, "RequireNumbers": False, "RequireUppercaseCharacters": False, "RequireLowercaseCharacters": False, "MaxPasswordAge": 0,
                "PasswordReusePrevention": 0}


def remember(call: Call) -> None:
    """The password policy as it stands, to know a weaker one."""
    from cloche.kernel import AwsError

    from .detectors import Baseline
    try:
        now = call.as_root().do("iam", "GetAccountPasswordPolicy")["PasswordPolicy"]
    except AwsError:
        now = {}
    call.put(Baseline({name: now[name] for name in NOTHING_SAID if name in now}))


def _weaker(here: Call, value: dict[str, Any]) -> bool:
    from .detectors import Baseline
    kept = here.get(Baseline, "password")
    old = NOTHING_SAID | (kept.policy if kept else {})
    new = NOTHING_SAID | {name: value[name] for name in NOTHING_SAID if name in value}
    remember(here)
    longer = (new["MaxPasswordAge"] or 1 << 20) > (old["MaxPasswordAge"] or 1 << 20)
    return longer or any(int(new[name]) < int(old[name]) for name in NOTHING_SAID if name != "MaxPasswordAge")


def _trail(here: Call, of: Call, value: dict[str, Any], error: Any) -> None:
    if sightings.looking(here):
        name = str(value.get("Name", "")).rpartition("/")[2]
        note(here, of, "Stealth:IAMUser/CloudTrailLoggingDisabled", f"AWS CloudTrail trail {name} was disabled.",
             f"AWS CloudTrail trail {name} was disabled by {of.principal.label} calling {of.op}.", None, f"{of.principal.id}/{name}")


LOOKS: dict[tuple[str, str], Look] = {
    ("s3", "PutBucketLogging"): _logging,
    ("s3", "PutPublicAccessBlock"): _block, ("s3", "DeletePublicAccessBlock"): _block,
    ("s3", "PutBucketPolicy"): _public, ("s3", "PutBucketAcl"): _public,
    ("s3control", "PutPublicAccessBlock"): _account_block, ("s3control", "DeletePublicAccessBlock"): _account_block,
    ("iam", "UpdateAccountPasswordPolicy"): _password_policy, ("iam", "DeleteAccountPasswordPolicy"): _password_policy,
    ("cloudtrail", "StopLogging"): _trail, ("cloudtrail", "DeleteTrail"): _trail,
}
EVEN_REFUSED = (_password_policy,)
