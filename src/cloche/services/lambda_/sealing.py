"""Environment variables of functions with a KMS key: kept under a data key of it, shown to whoever may decrypt, handed to the function by its role's grant.

In a version's configuration stands {"Sealed", "Key"} (base64) where it else has {"Variables"}. The code itself is not sealed: its trees lie unpacked in the cache.
"""
from __future__ import annotations

import base64
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call

from . import errors, names
from .records import Version

SECONDS = 300


def context(call: Call, function: str) -> dict[str, str]:
    return {"aws:lambda:FunctionArn": names.arn(call, function)}


def keep(call: Call, function: str, before: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The configuration as it is stored: the caller needs kms:Encrypt's fellows GenerateDataKey and CreateGrant, and Decrypt where the key changes."""
    from cloche.services.kms import public as kms
    environment, key = config.get("Environment"), config.get("KMSKeyArn")
    if not environment or ("Sealed" in environment and key == before.get("KMSKeyArn") and config["Role"] == before.get("Role")):
        return config
    try:
        variables = opened(call, function, environment)
        if not key:
            return config | {"Environment": {"Variables": variables}}
        about = context(call, function)
        found = kms.sealing_key(call, key, about, function, SECONDS)
        with call.step():  # CreateFunction is no step of its own
            kms.grant(call, key, config["Role"], ["Decrypt"], {"EncryptionContextEquals": about})
    except AwsError as error:
        raise errors.kms(error, "encrypt") from None
    sealed = kms.seal(call, found.cipher, msgspec.json.encode(variables))
    return config | {"Environment": {"Sealed": base64.b64encode(sealed).decode(), "Key": base64.b64encode(found.wrapped).decode()}}


def opened(call: Call, function: str, environment: dict[str, Any]) -> dict[str, str]:
    from cloche.services.kms import public as kms
    if "Sealed" not in environment:
        return environment.get("Variables", {})  # type: ignore[no-any-return]
    cipher = kms.opening_key(call, base64.b64decode(environment["Key"]), context(call, function), SECONDS)
    return msgspec.json.decode(kms.unseal(cipher, base64.b64decode(environment["Sealed"])))  # type: ignore[no-any-return]


def shown(call: Call, function: str, environment: dict[str, Any]) -> dict[str, Any]:
    """As answers have it: the variables, or why they are not there."""
    try:
        return {"Variables": opened(call, function, environment)}
    except AwsError as error:
        return {"Error": {"ErrorCode": errors.kms(error, "decrypt").code.replace("KMSAccessDenied", "AccessDenied"), "Message": errors.kms(error, "decrypt").message}}


def for_role(call: Call, version: Version) -> dict[str, str]:
    """What the running function gets: its role is asked about."""
    environment = version.config.get("Environment", {})
    if "Sealed" not in environment:
        return environment.get("Variables", {})  # type: ignore[no-any-return]
    try:
        return opened(call.as_role(version.role, version.function, "lambda.amazonaws.com").of("lambda"), version.function, environment)
    except AwsError as error:
        raise errors.kms(error, "decrypt") from None
