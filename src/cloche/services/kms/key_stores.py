"""Custom key stores. Those in CloudHSM need an active cluster: there is none here, and that is said in AWS's words. An external key store is a proxy that is really spoken to.

A store is made when its proxy answers, is connected when the proxy answers again, and only keys of a connected store can be used. The keys outside are nobody's here.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, Sealed, pages

from . import errors, proxy
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t

MOST = 10
EXTERNAL = "EXTERNAL_KEY_STORE"
PARTLY = ("there is no CloudHSM, so no store of that kind can be made; proxies behind a VPC endpoint service (VPC_ENDPOINT_SERVICE) are not built; a proxy has three seconds where AWS gives it 250 ms, "
          "may have a port, and on this machine (localhost) may speak plain HTTP; KMS shows it no certificate of its own (mutual TLS)")
OWN = ("localhost", "127.0.0.1", "[::1]")


class KeyStore(Record, frozen=True):
    kind = "kms.key-store"

    id: str
    name: str
    created: float
    endpoint: str
    path: str
    access_key: str
    secret: Sealed
    state: str = "DISCONNECTED"
    failure: str = ""

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> KeyStore:
    found = call.get(KeyStore, id_)
    if found is None:
        raise errors.no_key_store(id_)
    return found


def _check(call: Call, wanted: KeyStore) -> None:
    """Names and places are each one store's."""
    scheme, _, host = wanted.endpoint.partition("://")
    name = host.rpartition(":")[0] or host
    if scheme != "https" and name not in OWN and not name.endswith(".localhost"):
        raise errors.invalid("The protocol of XksProxyUriEndpoint must be HTTPS.")
    for one in call.all(KeyStore):
        if one.id != wanted.id and one.name == wanted.name:
            raise errors.key_store_name_used(wanted.name)
        if one.id != wanted.id and (one.endpoint, one.path) == (wanted.endpoint, wanted.path):
            raise errors.proxy_used()


@kms.op(ANY, partly=PARTLY)
async def create_custom_key_store(call: Call, req: t.CreateCustomKeyStoreRequest) -> Any:
    if req.get("CustomKeyStoreType", "AWS_CLOUDHSM") != EXTERNAL:
        if given := [name for name in req if name.startswith("XksProxy")]:
            raise errors.invalid(f"{given[0]} is not valid for a custom key store of the type AWS_CLOUDHSM.")
        if missing := [name for name in ("CloudHsmClusterId", "KeyStorePassword", "TrustAnchorCertificate") if not req.get(name)]:
            raise errors.invalid(f"{missing[0]} is required for a custom key store of the type AWS_CLOUDHSM.")
        raise errors.no_cluster(req["CloudHsmClusterId"])
    if given := [name for name in ("CloudHsmClusterId", "KeyStorePassword", "TrustAnchorCertificate") if req.get(name)]:
        raise errors.invalid(f"{given[0]} is not valid for a custom key store of the type {EXTERNAL}.")
    if missing := [name for name in ("XksProxyConnectivity", "XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyAuthenticationCredential") if not req.get(name)]:
        raise errors.invalid(f"{missing[0]} is required for a custom key store of the type {EXTERNAL}.")
    if req["XksProxyConnectivity"] == "VPC_ENDPOINT_SERVICE":
        raise errors.unbuilt("Proxies behind a VPC endpoint service")
    credential = req["XksProxyAuthenticationCredential"]
    store = KeyStore(call.id("cks-"), req["CustomKeyStoreName"], call.now, req["XksProxyUriEndpoint"], req["XksProxyUriPath"], credential["AccessKeyId"], Sealed(credential["RawSecretAccessKey"]))
    _check(call, store)
    await _healthy(call, store, "CreateCustomKeyStore")
    with call.step():
        _check(call, store)      # others may have come while the proxy was asked
        if len(call.all(KeyStore)) >= MOST:
            raise errors.too_many("Custom key store")
        call.put(store)
    return {"CustomKeyStoreId": store.id}


async def _healthy(call: Call, store: KeyStore, operation: str) -> None:
    try:
        await proxy.health(call, store, operation)
    except proxy.Failed as failed:
        raise failed.of_store() from None


def _shown(one: KeyStore) -> dict[str, Any]:
    return {
        "CustomKeyStoreId": one.id, "CustomKeyStoreName": one.name, "ConnectionState": one.state, "CreationDate": one.created, "CustomKeyStoreType": EXTERNAL,
        "XksProxyConfiguration": {"Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": one.access_key, "UriEndpoint": one.endpoint, "UriPath": one.path},
        **({"ConnectionErrorCode": one.failure} if one.failure else {}),
    }


@kms.op(ANY)
def describe_custom_key_stores(call: Call, req: t.DescribeCustomKeyStoresRequest) -> Any:
    if "CustomKeyStoreId" in req and "CustomKeyStoreName" in req:
        raise errors.invalid("Specify either CustomKeyStoreId or CustomKeyStoreName, but not both.")
    found = sorted(call.all(KeyStore), key=lambda one: one.id)
    if named := req.get("CustomKeyStoreId") or req.get("CustomKeyStoreName"):
        found = [one for one in found if named in (one.id if "CustomKeyStoreId" in req else one.name,)]
        if not found:
            raise errors.no_key_store(named)
    shown, more = pages.page(found, req, lambda one: one.id, 1000, errors.bad_marker, size="Limit", token="Marker")
    return {"CustomKeyStores": [_shown(one) for one in shown], "Truncated": bool(more), **({"NextMarker": more["Marker"]} if more else {})}


@kms.op(ANY)
def connect_custom_key_store(call: Call, req: t.ConnectCustomKeyStoreRequest) -> Any:
    store = find(call, req["CustomKeyStoreId"])
    if store.state not in ("DISCONNECTED", "FAILED"):
        raise errors.bad_store_state(store.id, store.state)
    call.put(store.but(state="CONNECTING", failure=""))
    call.wake(connect, store.id)
    return {}


@kms.worker
async def connect(call: Call, key: str) -> None:
    """The answer leaves before the proxy is asked: DescribeCustomKeyStores tells what came of it."""
    store = call.get(KeyStore, key)
    if store is None or store.state != "CONNECTING":
        return
    failure = ""
    try:
        await proxy.health(call, store, "ConnectCustomKeyStore")
    except proxy.Failed as failed:
        failure = failed.connection
    with call.step():
        if (now := call.get(KeyStore, key)) is not None and now.state == "CONNECTING":
            call.put(now.but(state="FAILED" if failure else "CONNECTED", failure=failure))


@kms.op(ANY)
def disconnect_custom_key_store(call: Call, req: t.DisconnectCustomKeyStoreRequest) -> Any:
    store = find(call, req["CustomKeyStoreId"])
    if store.state not in ("CONNECTED", "CONNECTING", "FAILED"):
        raise errors.bad_store_state(store.id, store.state)
    call.put(store.but(state="DISCONNECTED", failure=""))
    return {}


@kms.op(ANY)
async def update_custom_key_store(call: Call, req: t.UpdateCustomKeyStoreRequest) -> Any:
    store = find(call, req["CustomKeyStoreId"])
    if given := [name for name in ("CloudHsmClusterId", "KeyStorePassword") if req.get(name)]:
        raise errors.invalid(f"{given[0]} is not valid for a custom key store of the type {EXTERNAL}.")
    if req.get("XksProxyConnectivity") == "VPC_ENDPOINT_SERVICE" or req.get("XksProxyVpcEndpointServiceName"):
        raise errors.unbuilt("Proxies behind a VPC endpoint service")
    if len(req) == 1:
        raise errors.invalid("Specify a property of the custom key store to change.")
    if store.state not in ("DISCONNECTED", "FAILED") and ("XksProxyUriEndpoint" in req or "XksProxyConnectivity" in req):
        raise errors.bad_store_state(store.id, store.state)
    credential = req.get("XksProxyAuthenticationCredential")
    changed = {"name": req.get("NewCustomKeyStoreName", store.name), "endpoint": req.get("XksProxyUriEndpoint", store.endpoint), "path": req.get("XksProxyUriPath", store.path),
               **({"access_key": credential["AccessKeyId"], "secret": Sealed(credential["RawSecretAccessKey"])} if credential else {})}
    wanted = store.but(**changed)
    _check(call, wanted)
    if (wanted.endpoint, wanted.path) != (store.endpoint, store.path) or credential:
        await _healthy(call, wanted, "UpdateCustomKeyStore")
    with call.step():
        _check(call, wanted)
        call.put(find(call, store.id).but(**changed))
    return {}


@kms.op(ANY)
def delete_custom_key_store(call: Call, req: t.DeleteCustomKeyStoreRequest) -> Any:
    from .keys import Key
    store = find(call, req["CustomKeyStoreId"])
    if any(one.store == store.id for one in call.all(Key)):
        raise errors.store_has_keys(store.id)
    if store.state not in ("DISCONNECTED", "FAILED"):
        raise errors.bad_store_state(store.id, store.state)
    call.delete(store)
    return {}
