"""Who sent this request: keys known to the promise (`test`, 12 digits), to IAM, or to STS; signature, date and expiry verified.

A signature's date is good within 15 minutes of the real *or* the virtual now, since clients sign with their own clock. A presigned
URL's age is virtual: what the virtual clock showed when the client's clock showed the date in it (`Clock.virtual`).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _index
from ..iam import principal as principals
from ..iam.principal import Principal
from ..wire import sigv4
from ..wire.http import Request
from ..wire.model import Model
from . import doors, presigned
from .errors import AwsError

if TYPE_CHECKING:
    from .clock import Clock
    from .cloud import Cloud

REGIONS = frozenset(_index.REGIONS)
SKEW_SECONDS = 900
ROOT = "test"
HOME = "000000000000"


def family(model: Model) -> str:
    """Which of the four vocabularies of refusal a service speaks."""
    if model.name in ("s3", "ec2"):
        return model.name
    return "query" if model.protocols[0] in ("query", "rest-xml") or model.name == "sqs" else "json"


# what went wrong -> family -> (code, message, status). Codes as AWS answers them: spec chapter 20, "Authentication codes".
_UNKNOWN = "The security token included in the request is invalid."
_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
_EXPIRED = "The security token included in the request is expired"
_FORBIDDEN = {
    "unknown": {
        "query": ("InvalidClientTokenId", _UNKNOWN, 403), "json": ("UnrecognizedClientException", _UNKNOWN, 400),
        "s3": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
        "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    },
    "signature": {
        "query": ("SignatureDoesNotMatch", _SIGNATURE, 403), "json": ("InvalidSignatureException", _SIGNATURE, 400),
        "s3": ("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.", 403),
        "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    },
    "expired": {
        "query": ("ExpiredToken", _EXPIRED, 403), "json": ("ExpiredTokenException", _EXPIRED, 400),
        "s3": ("ExpiredToken", "The provided token has expired.", 400), "ec2": ("RequestExpired", "Request has expired.", 400),
    },
    "token": {
        "query": ("InvalidClientTokenId", _UNKNOWN, 403), "json": ("UnrecognizedClientException", _UNKNOWN, 400),
        "s3": ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
        "ec2": ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
    },
    "missing": {
        "query": ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        "json": ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
        "s3": ("AccessDenied", "Access Denied", 403), "ec2": ("MissingAuthenticationToken", "Request is missing Authentication Token", 401),
    },
}


def refuse(what: str, model: Model) -> AwsError:
    code, message, status = _FORBIDDEN[what][family(model)]
    if model.protocols[0] == "rest-json":
        status = 403
    return AwsError(code, message, status)


def nowhere(region: str, model: Model) -> AwsError:
    """A signature for a region that does not exist. s3cmd signs for `US`, and learns from the answer."""
    if model.name == "s3":
        message = f"The authorization header is malformed; the region '{region}' is wrong; expecting 'us-east-1'"
        return AwsError("AuthorizationHeaderMalformed", message, 400, extra={"Region": "us-east-1"})
    code, _, status = _FORBIDDEN["signature"][family(model)]
    return AwsError(code, "Credential should be scoped to a valid region. ", status)


def root_key(key: str) -> bool:
    return key == ROOT or (len(key) == 12 and key.isdigit())


def known(cloud: Cloud, key: str, model: Model) -> tuple[str, Principal, str | None, float | None]:
    """Secret, principal, session token and end of an access key; a refusal if there is no such key."""
    if root_key(key):
        return cloud.secret, principals.root(HOME if key == ROOT else key), None, None
    found = doors.credential(cloud, key)
    if found is None or not found.active:
        raise refuse("unknown", model)
    return found.secret, found.principal, found.token, found.expires


def authenticate(cloud: Cloud, request: Request, claim: sigv4.Claim | None, model: Model) -> Principal:
    """The principal behind a request, or an AwsError in the service's own words."""
    if claim is None:
        return principals.ANONYMOUS
    if claim.scope[1] not in REGIONS and not claim.kind.endswith("v2"):
        raise nowhere(claim.scope[1], model)
    secret, principal, token, expires = known(cloud, claim.access_key, model)
    if token is not None and claim.token != token:
        raise refuse("token", model)
    clock = cloud.clock
    if claim.kind == "header-v2" and _skewed(clock, sigv4.moment(claim.stamp)):  # version 2 looks at the date first
        raise _out_of_time()
    if not sigv4.verify(request, claim, secret):
        raise refuse("signature", model)
    if expires is not None and clock.now() >= expires:
        raise refuse("expired", model)
    if claim.until is not None:  # version 2: an absolute moment on the client's clock
        signed = presigned.signed_at(cloud, claim.signature, claim.until)
        if presigned.over(cloud, claim.signature, signed, claim.until - signed):
            raise AwsError("AccessDenied", "Request has expired", 403)
        return principal
    moment = sigv4.moment(claim.stamp)
    if claim.expires is not None:
        age = presigned.age(cloud, claim.signature, moment, claim.expires)
        if age > claim.expires or not claim.expires:
            raise AwsError("AccessDenied", "Request has expired", 403, extra={"X-Amz-Expires": str(int(claim.expires))}) if model.name == "s3" else refuse("signature", model)
        if age < -SKEW_SECONDS:
            raise AwsError("AccessDenied", "Request is not yet valid", 403)
    elif _skewed(clock, moment):
        if model.name == "s3":
            raise _out_of_time()
        code, _, status = _FORBIDDEN["signature"][family(model)]
        word = "expired" if moment < clock.now() else "not yet current"
        raise AwsError(code, f"Signature {word}: {claim.stamp} is more than 15 min from now", status)
    if not root_key(claim.access_key) and (found := doors.credential(cloud, claim.access_key)):
        doors.used(cloud, found, model.meta.get("signingName") or model.meta["endpointPrefix"], claim.scope[1] if claim.scope else "us-east-1")
    return principal


def _skewed(clock: Clock, moment: float) -> bool:
    return abs(clock.real() - moment) > SKEW_SECONDS and abs(clock.now() - moment) > SKEW_SECONDS


def _out_of_time() -> AwsError:
    return AwsError("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", 403)
