"""Custom key stores: CloudHSM clusters and proxies to key managers elsewhere. Neither is here, so there are no stores, and what asks for one hears so in AWS's words.

A store in CloudHSM needs an active cluster: there is none, and that is said. A proxy to a key manager of one's own (EXTERNAL_KEY_STORE) is not built.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call

from . import errors
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t


@kms.op(ANY, partly="there is no CloudHSM, so no store of that kind can be made; stores behind a proxy are not built")
def create_custom_key_store(call: Call, req: t.CreateCustomKeyStoreRequest) -> Any:
    if req.get("CustomKeyStoreType", "AWS_CLOUDHSM") == "EXTERNAL_KEY_STORE":
        raise AwsError("NotImplemented", "Key stores behind a proxy (EXTERNAL_KEY_STORE) are not built in Cloche.", 501)
    if missing := [name for name in ("CloudHsmClusterId", "KeyStorePassword", "TrustAnchorCertificate") if not req.get(name)]:
        raise errors.invalid(f"{missing[0]} is required for a custom key store of the type AWS_CLOUDHSM.")
    raise errors.no_cluster(req["CloudHsmClusterId"])


@kms.op(ANY)
def describe_custom_key_stores(call: Call, req: t.DescribeCustomKeyStoresRequest) -> Any:
    if named := req.get("CustomKeyStoreId") or req.get("CustomKeyStoreName"):
        raise errors.no_key_store(named)
    return {"CustomKeyStores": [], "Truncated": False}


def _none(call: Call, req: Any) -> Any:
    raise errors.no_key_store(req["CustomKeyStoreId"])


@kms.op(ANY)
def connect_custom_key_store(call: Call, req: t.ConnectCustomKeyStoreRequest) -> Any:
    return _none(call, req)


@kms.op(ANY)
def disconnect_custom_key_store(call: Call, req: t.DisconnectCustomKeyStoreRequest) -> Any:
    return _none(call, req)


@kms.op(ANY)
def update_custom_key_store(call: Call, req: t.UpdateCustomKeyStoreRequest) -> Any:
    return _none(call, req)


@kms.op(ANY)
def delete_custom_key_store(call: Call, req: t.DeleteCustomKeyStoreRequest) -> Any:
    return _none(call, req)
