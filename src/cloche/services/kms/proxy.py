"""The proxy of an external key store, spoken to by HTTP as "AWS KMS External Key Store Proxy API" (version 1) says: signed by Signature Version 4 under the store's credential.

AWS gives a proxy 250 ms; one's own machine may be slower, so here it is SECONDS. A `Question` is made out at once and asked later, by whoever can wait, or at once by who cannot.
What the proxy refuses becomes one of `FAILURES`: AWS has a sentence for each, and a code that depends on what KMS was doing.
"""
from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from cloche.engines.fetch import Fetched, Unreachable, fetch, fetch_now
from cloche.kernel import AwsError, Call
from cloche.wire import sigv4

if TYPE_CHECKING:
    from .key_stores import KeyStore

SECONDS = 3.0
LONGEST = 1 << 20

_GARBLED = "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, report it to your external key store proxy administrator."
# what went wrong -> (code while a store is made or changed, code of CreateKey, connection error code, AWS's sentence)
FAILURES: dict[str, tuple[str, str, str, str]] = {
    "Garbled": ("XksProxyInvalidResponseException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_INVALID_RESPONSE", _GARBLED),
    "ValidationException": ("XksProxyInvalidResponseException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_INVALID_RESPONSE", _GARBLED),
    "InvalidStateException": ("XksProxyUriUnreachableException", "XksKeyInvalidConfigurationException", "XKS_PROXY_INVALID_CONFIGURATION",
                              "The external key associated with this KMS key in an external key store is not enabled in the external key manager. Enable the external key in the external key manager and retry the request."),
    "InvalidCiphertextException": ("", "", "", "The external key store proxy rejected the request because the specified ciphertext or encryption context is corrupted, missing, or otherwise invalid."),
    "InvalidKeyUsageException": ("", "XksKeyInvalidConfigurationException", "", "The external key associated with this KMS key in an external key store does not support the requested operation. Enable the operation on the key in your "
                                 "external key manager, and try the request again."),
    "AuthenticationFailedException": ("XksProxyIncorrectAuthenticationCredentialException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_ACCESS_DENIED",
                                      "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS proxy authentication credentials for your external key store and update if necessary."),
    "AccessDeniedException": ("", "KMSInvalidStateException", "XKS_PROXY_ACCESS_DENIED", "The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and "
                              "try the request again."),
    "KeyNotFoundException": ("", "XksKeyNotFoundException", "", "The external key associated with this KMS key in an external key store was not found in its external key manager. If the external key ID associated with this KMS key is "
                             "incorrect, create a new KMS key with the correct external key ID."),
    "InvalidUriPathException": ("XksProxyInvalidConfigurationException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_INVALID_CONFIGURATION",
                                "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for your external key store and update if necessary."),
    "UnsupportedOperationException": ("", "XksProxyInvalidResponseException", "XKS_PROXY_INVALID_RESPONSE", "The external key store proxy rejected the request because it does not support the requested operation. If you see this error "
                                      "repeatedly, report it to your external key store proxy administrator."),
    "DependencyTimeoutException": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_TIMED_OUT",
                                   "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."),
    "ThrottlingException": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_NOT_REACHABLE", "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of "
                            "your calls using KMS keys in this external key store."),
    "InternalException": ("XksProxyInvalidResponseException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_INVALID_RESPONSE", "The external key store proxy rejected the request because it cannot communicate with the external key "
                          "manager. Verify that the external key store proxy configuration is correct and that the external key manager is available."),
    "Unreachable": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_NOT_REACHABLE", "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see "
                    "this error repeatedly, verify that your external key store proxy is active and is connected to the network, and that its endpoint URI is correct in your external keystore."),
    "NoTls": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_INVALID_TLS_CONFIGURATION",
              "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, including its certificate."),
    "TimedOut": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_TIMED_OUT", "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see "
                 "this error repeatedly, report it to your external key store proxy administrator."),
    "Unavailable": ("XksProxyUriUnreachableException", "CustomKeyStoreInvalidStateException", "XKS_PROXY_NOT_REACHABLE", "All the external key manager instances of the external key store proxy are unavailable."),
    "NotConnected": ("", "CustomKeyStoreInvalidStateException", "", "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the external key store and try the request again."),
}


class Failed(Exception):
    """The proxy did not do it: a name out of FAILURES."""

    def __init__(self, why: str) -> None:
        self.why = why

    @property
    def connection(self) -> str:
        return FAILURES[self.why][2] or "INTERNAL_ERROR"

    def of_store(self) -> AwsError:
        return AwsError(FAILURES[self.why][0] or "XksProxyInvalidResponseException", FAILURES[self.why][3])

    def of_key(self) -> AwsError:
        return AwsError(FAILURES[self.why][1] or "CustomKeyStoreInvalidStateException", FAILURES[self.why][3])

    def of_use(self) -> AwsError:
        return AwsError("KMSInvalidStateException", FAILURES[self.why][3])


class Question(NamedTuple):
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    async def ask(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(SECONDS):
                return read(await fetch("POST", self.url, self.headers, self.body, limit=LONGEST))
        except TimeoutError:
            raise Failed("TimedOut") from None
        except Unreachable as error:
            raise Failed("NoTls" if "SSL" in str(error) else "Unreachable") from None

    def ask_now(self) -> dict[str, Any]:
        try:
            return read(fetch_now(SECONDS, "POST", self.url, self.headers, self.body, LONGEST))
        except TimeoutError:
            raise Failed("TimedOut") from None
        except Unreachable as error:
            raise Failed("NoTls" if "SSL" in str(error) else "Unreachable") from None


def question(call: Call, store: KeyStore, path: str, operation: str, key_arn: str = "", service: str = "", **body: Any) -> Question:
    """What KMS asks the proxy while it does an operation for somebody; `service`: that asked KMS in his name."""
    about: dict[str, Any] = {"kmsRequestId": call.request_id or call.uuid(), "kmsOperation": operation}
    if path != "health":
        about["awsPrincipalArn"] = call.principal.service if call.principal.kind == "service" else call.principal.arn
    if key_arn:
        about["kmsKeyArn"] = key_arn
    via = call.request.via if call.request is not None and call.request.via else {}
    about |= {name: via[key] for name, key in (("awsSourceVpc", "aws:SourceVpc"), ("awsSourceVpce", "aws:SourceVpce")) if key in via}
    if service:
        about["kmsViaService"] = service
    text, target = msgspec.json.encode({"requestMetadata": about, **body}), f"{store.path}/{path}"
    host = store.endpoint.partition("://")[2]
    stamp = datetime.fromtimestamp(call.cloud.clock.real(), UTC).strftime("%Y%m%dT%H%M%SZ")   # the proxy has a clock of its own
    signed = "content-type;host;x-amz-date"
    canonical = f"POST\n{target}\n\ncontent-type:application/json\nhost:{host}\nx-amz-date:{stamp}\n\n{signed}\n{hashlib.sha256(text).hexdigest()}"
    scope = (stamp[:8], call.region, "kms-xks-proxy")
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{'/'.join(scope)}/aws4_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = sigv4.sign(str(store.secret), scope, to_sign.encode())
    return Question(store.endpoint + target, [
        ("Host", host), ("Content-Type", "application/json"), ("X-Amz-Date", stamp),
        ("Authorization", f"AWS4-HMAC-SHA256 Credential={store.access_key}/{'/'.join(scope)}/aws4_request, SignedHeaders={signed}, Signature={signature}")], text)


def read(said: Fetched) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(said.body)
    except msgspec.DecodeError:
        raise Failed("Garbled") from None
    if said.status != 200:
        name = body.get("errorName") if isinstance(body, dict) else None
        raise Failed(name if isinstance(name, str) and name in FAILURES else "Garbled")
    if not isinstance(body, dict):
        raise Failed("Garbled")
    return body


async def health(call: Call, store: KeyStore, operation: str) -> None:
    """Is the proxy there, does it believe the credential, and is a key manager behind it alive?"""
    said = await question(call, store, "health", operation).ask()
    fleet, size = said.get("ekmFleetDetails"), said.get("xksProxyFleetSize")
    if not isinstance(size, int) or size < 1 or not isinstance(fleet, list) or not fleet or any(not isinstance(one, dict) or "healthStatus" not in one for one in fleet):
        raise Failed("Garbled")
    if all(one["healthStatus"] == "UNAVAILABLE" for one in fleet):
        raise Failed("Unavailable")


async def metadata(call: Call, store: KeyStore, external: str, operation: str) -> None:
    """Only an enabled AES-256 key that encrypts and decrypts will do."""
    said = await question(call, store, f"keys/{external}/metadata", operation).ask()
    if not isinstance(said.get("keyUsage"), list) or "keySpec" not in said or "keyStatus" not in said:
        raise Failed("Garbled")
    if said["keySpec"] != "AES_256" or not {"ENCRYPT", "DECRYPT"} <= set(said["keyUsage"]):
        raise Failed("InvalidKeyUsageException")
    if said["keyStatus"] != "ENABLED":
        raise Failed("InvalidStateException")


def bytes_of(said: dict[str, Any], member: str, optional: bool = False) -> bytes:
    value = said.get(member)
    if value is None and optional:
        return b""
    try:
        return base64.b64decode(value or "", validate=True)
    except (ValueError, TypeError):
        raise Failed("Garbled") from None
