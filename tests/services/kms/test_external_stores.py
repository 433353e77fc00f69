"""External key stores: a proxy of the test's own, spoken to as AWS's "External Key Store Proxy API" says. It checks every signature, and holds the only keys that open."""
import base64
import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloche.testing.people import Person, allow, refused

PATH, ACCESS, SECRET = "/shop/kms/xks/v1", "ABCDEFGHIJKLMNOPQRST", "s" * 43
BASE64 = lambda data: base64.b64encode(data).decode()


class Refuse(Exception):
    def __init__(self, status, name):
        self.status, self.name = status, name


class Proxy(ThreadingHTTPServer):
    """Keys by name: material, usage, status."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.keys = {name: {"secret": os.urandom(32), "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"} for name in ("one", "two")}
        self.secret, self.health, self.asked, self.spoil = SECRET, "ACTIVE", [], None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://localhost:{self.server_address[1]}"

    def said(self, path, about, body, headers):
        whole = AWSRequest("POST", f"http://{headers['host']}{path}", data=body, headers={"content-type": headers["content-type"], "host": headers["host"]})
        whole.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials(ACCESS, self.secret), "kms-xks-proxy", "us-east-1")
        whole.headers["X-Amz-Date"] = headers["x-amz-date"]
        signature = signer.signature(signer.string_to_sign(whole, signer.canonical_request(whole)), whole)
        if not headers["authorization"].endswith(signature) or f"Credential={ACCESS}/" not in headers["authorization"]:
            raise Refuse(401, "AuthenticationFailedException")
        if not path.startswith(PATH + "/"):
            raise Refuse(404, "InvalidUriPathException")
        _, _, rest = path.partition(PATH + "/")
        self.asked.append((rest, about["requestMetadata"]))
        if rest == "health":
            return {"xksProxyFleetSize": 1, "xksProxyVendor": "test", "xksProxyModel": "1", "ekmVendor": "test", "ekmFleetDetails": [{"id": "1", "model": "1", "healthStatus": self.health}]}
        _, name, verb = rest.split("/")
        if name not in self.keys:
            raise Refuse(404, "KeyNotFoundException")
        key = self.keys[name]
        if verb == "metadata":
            return {k: key[k] for k in ("keySpec", "keyUsage", "keyStatus")}
        if key["keyStatus"] != "ENABLED":
            raise Refuse(400, "InvalidStateException")
        read = lambda member: base64.b64decode(about.get(member, ""))
        aad = read("additionalAuthenticatedData")
        assert about["encryptionAlgorithm"] == "AES_GCM"
        if verb == "encrypt":
            assert about["ciphertextDataIntegrityValueAlgorithm"] == "SHA_256"
            vector, meta = os.urandom(12), b"version=1"
            sealed = AESGCM(key["secret"]).encrypt(vector, read("plaintext"), aad + meta)
            body, tag = sealed[:-16], sealed[-16:]
            whole = hashlib.sha256(aad + meta + vector + body + tag).digest()
            return {"ciphertext": BASE64(body), "initializationVector": BASE64(vector), "authenticationTag": BASE64(tag), "ciphertextMetadata": BASE64(meta),
                    "ciphertextDataIntegrityValue": BASE64(whole)}
        try:
            plain = AESGCM(key["secret"]).decrypt(read("initializationVector"), read("ciphertext") + read("authenticationTag"), aad + read("ciphertextMetadata"))
        except InvalidTag:
            raise Refuse(400, "InvalidCiphertextException") from None
        return {"plaintext": BASE64(plain)}


class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            status, said = 200, self.server.said(self.path, json.loads(body), body, {k.lower(): v for k, v in self.headers.items()})
        except Refuse as refusal:
            status, said = refusal.status, {"errorName": refusal.name}
        text = self.server.spoil(said) if self.server.spoil else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *about):
        pass


@pytest.fixture
def proxy():
    one = Proxy()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


def new(proxy, name="store", **more):
    return {"CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": proxy.url, "XksProxyUriPath": PATH,
            "XksProxyAuthenticationCredential": {"AccessKeyId": ACCESS, "RawSecretAccessKey": SECRET}, **more}


def connected(cloud, kms, proxy, **more):
    store = kms.create_custom_key_store(**new(proxy, **more))["CustomKeyStoreId"]
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    cloud.advance(1)      # it has asked the proxy when this returns
    assert told(kms, store)["ConnectionState"] == "CONNECTED"
    return store


def told(kms, store):
    return kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]


@pytest.fixture
def store(cloud, kms, proxy):
    return connected(cloud, kms, proxy)


@pytest.fixture
def key(kms, store):
    return kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="one")["KeyMetadata"]["KeyId"]


def test_a_store_is_made_connected_disconnected_and_deleted(cloud, kms, proxy):
    store = kms.create_custom_key_store(**new(proxy))["CustomKeyStoreId"]
    assert store.startswith("cks-") and proxy.asked[-1][0] == "health" and proxy.asked[-1][1]["kmsOperation"] == "CreateCustomKeyStore"
    one = told(kms, store)
    assert one["ConnectionState"] == "DISCONNECTED" and one["CustomKeyStoreType"] == "EXTERNAL_KEY_STORE" and one["CustomKeyStoreName"] == "store"
    assert one["XksProxyConfiguration"] == {"Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": ACCESS, "UriEndpoint": proxy.url, "UriPath": PATH}
    refused("CustomKeyStoreInvalidStateException", kms.create_key, Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="one")
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    cloud.advance(1)
    assert told(kms, store)["ConnectionState"] == "CONNECTED"
    refused("CustomKeyStoreInvalidStateException", kms.connect_custom_key_store, CustomKeyStoreId=store)
    refused("CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    assert kms.describe_custom_key_stores(CustomKeyStoreName="store")["CustomKeyStores"][0]["ConnectionState"] == "DISCONNECTED"
    kms.delete_custom_key_store(CustomKeyStoreId=store)
    refused("CustomKeyStoreNotFoundException", kms.describe_custom_key_stores, CustomKeyStoreId=store)


def test_a_store_wants_a_proxy_that_answers_and_believes_the_credential(kms, proxy):
    make = lambda **more: refused_of(kms.create_custom_key_store, **new(proxy, **more))
    proxy.secret = "other" * 10
    assert make() == "XksProxyIncorrectAuthenticationCredentialException"
    proxy.secret = SECRET
    assert make(XksProxyUriPath="/other/kms/xks/v1") == "XksProxyInvalidConfigurationException"
    proxy.health = "UNAVAILABLE"
    assert make() == "XksProxyUriUnreachableException"
    proxy.health, proxy.spoil = "DEGRADED", lambda said: b"<html>"
    assert make() == "XksProxyInvalidResponseException"
    proxy.spoil = None
    assert make(XksProxyUriEndpoint="http://localhost:1") == "XksProxyUriUnreachableException"
    assert make(XksProxyUriEndpoint="http://xks.example.com") == make(XksProxyUriPath="/kms/xks/version1") == "ValidationException"
    without = new(proxy)
    del without["XksProxyUriPath"]
    refused("ValidationException", kms.create_custom_key_store, **without)
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
    kms.create_custom_key_store(**new(proxy))
    assert make(name="store", XksProxyUriPath="/b/kms/xks/v1") == "CustomKeyStoreNameInUseException" and make(name="b") == "XksProxyUriInUseException"


def refused_of(f, **how):
    with pytest.raises(Exception) as found:
        f(**how)
    return found.value.response["Error"]["Code"]


def test_a_connection_that_fails_says_why_and_can_be_repaired(cloud, kms, proxy):
    store = kms.create_custom_key_store(**new(proxy))["CustomKeyStoreId"]
    proxy.secret = "n" * 43
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    cloud.advance(1)
    assert told(kms, store)["ConnectionState"] == "FAILED" and told(kms, store)["ConnectionErrorCode"] == "XKS_PROXY_ACCESS_DENIED"
    refused("XksProxyIncorrectAuthenticationCredentialException", kms.update_custom_key_store, CustomKeyStoreId=store,
            XksProxyAuthenticationCredential={"AccessKeyId": ACCESS, "RawSecretAccessKey": "x" * 43})
    kms.update_custom_key_store(CustomKeyStoreId=store, XksProxyAuthenticationCredential={"AccessKeyId": ACCESS, "RawSecretAccessKey": "n" * 43}, NewCustomKeyStoreName="new")
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    cloud.advance(1)
    assert told(kms, store)["ConnectionState"] == "CONNECTED" and told(kms, store)["CustomKeyStoreName"] == "new"
    refused("CustomKeyStoreInvalidStateException", kms.update_custom_key_store, CustomKeyStoreId=store, XksProxyUriEndpoint="http://localhost:2")


def test_a_key_stands_for_an_enabled_aes_key_outside_and_for_it_alone(kms, proxy, store):
    make = lambda name="one", **more: kms.create_key(**{"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": store, "XksKeyId": name, **more})["KeyMetadata"]
    assert refused_of(make, name="none") == "XksKeyNotFoundException"
    proxy.keys["two"]["keyStatus"] = "DISABLED"
    assert refused_of(make, name="two") == "XksKeyInvalidConfigurationException"
    proxy.keys["two"] |= {"keyStatus": "ENABLED", "keyUsage": ["ENCRYPT"]}
    assert refused_of(make, name="two") == "XksKeyInvalidConfigurationException"
    assert refused_of(make, MultiRegion=True) == refused_of(make, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC") == "UnsupportedOperationException"
    assert refused_of(make, Origin="AWS_KMS") == "ValidationException" == refused_of(kms.create_key, Origin="EXTERNAL_KEY_STORE")
    one = make()
    assert one["Origin"] == "EXTERNAL_KEY_STORE" and one["CustomKeyStoreId"] == store and one["XksKeyConfiguration"] == {"Id": "one"} and one["KeyState"] == "Enabled"
    assert refused_of(make) == "XksKeyAlreadyInUseException"
    assert refused_of(kms.get_key_rotation_status, KeyId=one["KeyId"]) == "UnsupportedOperationException"
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    assert kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]["KeyState"] == "Unavailable"
    assert refused_of(kms.delete_custom_key_store, CustomKeyStoreId=store) == "CustomKeyStoreHasCMKsException"


def test_what_such_a_key_seals_only_the_key_outside_opens(cloud, kms, proxy, key):
    context = {"a": "1"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
    verb, about = proxy.asked[-1]
    assert verb == "keys/one/encrypt" and about["kmsOperation"] == "Encrypt" and about["kmsKeyArn"].endswith(key) and about["awsPrincipalArn"] == f"arn:aws:iam::{cloud.account}:root"
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
    data = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    pair = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"] == pair["PrivateKeyPlaintext"]
    inside = kms.create_key()["KeyMetadata"]["KeyId"]
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=inside)["CiphertextBlob"]
    back = kms.re_encrypt(CiphertextBlob=moved, DestinationKeyId=key)["CiphertextBlob"]
    proxy.keys["one"]["keyStatus"] = "DISABLED"
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=back)
    assert kms.decrypt(CiphertextBlob=moved)["Plaintext"] == b"secret"
    proxy.keys["one"] |= {"keyStatus": "ENABLED", "secret": os.urandom(32)}
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=back)      # gone for ever: KMS has only half of it


def test_an_answer_that_was_changed_on_the_way_is_not_taken(kms, proxy, key):
    proxy.spoil = lambda said: json.dumps({**said, "ciphertext": BASE64(b"x" * len(base64.b64decode(said["ciphertext"])))}).encode()
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"secret")


def test_a_disconnected_store_closes_its_keys_and_a_reconnected_opens_them(cloud, kms, key, store):
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    cloud.advance(1)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_services_seal_with_such_keys_and_the_proxy_hears_for_whom(cloud, kms, proxy, key):
    s3, secrets = cloud.client("s3"), cloud.client("secretsmanager")
    s3.create_bucket(Bucket=f"b{cloud.account}")
    s3.put_object(Bucket=f"b{cloud.account}", Key="k", Body=b"body", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert proxy.asked[-1][0] == "keys/one/encrypt" and proxy.asked[-1][1]["kmsViaService"] == "s3" and proxy.asked[-1][1]["kmsOperation"] == "GenerateDataKey"
    assert s3.get_object(Bucket=f"b{cloud.account}", Key="k")["Body"].read() == b"body" and proxy.asked[-1][0] == "keys/one/decrypt"
    secrets.create_secret(Name="s", SecretString="x", KmsKeyId=key)
    proxy.keys["one"]["keyStatus"] = "DISABLED"
    assert refused_of(s3.get_object, Bucket=f"b{cloud.account}", Key="k").startswith("KMS.")


def test_who_may_make_stores_is_up_to_iam(cloud, proxy):
    person = Person(cloud, "ann", allow("kms:CreateCustomKeyStore"))
    assert person.client("kms").create_custom_key_store(**new(proxy))["CustomKeyStoreId"]
    refused("AccessDeniedException", person.client("kms").describe_custom_key_stores)
