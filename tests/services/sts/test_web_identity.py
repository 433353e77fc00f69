"""AssumeRoleWithWebIdentity: tokens of an issuer whose keys are fetched over TLS, as AWS does."""
import base64
import hashlib
import http.server
import json
import ssl
import threading
from datetime import datetime
from ipaddress import ip_address

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from cloche.testing.people import allow, document, keys, refused, trusting


def text(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def number(value):
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    """An OpenID Connect issuer on loopback with a certificate that only its thumbprint vouches for."""

    def __init__(self, folder):
        self.rsa, self.ec = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.rsa.public_key()).serial_number(9)
                       .not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2049, 1, 1))
                       .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False).sign(self.rsa, hashes.SHA256()))
        self.thumbprint = hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
        (folder / "c.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + self.rsa.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer.pages.get(self.path, {})).encode()
                self.send_response(200 if self.path in issuer.pages else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "c.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        n, p = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        self.pages = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": self.url + "/keys"},
            "/keys": {"keys": [{"kty": "RSA", "kid": "r", "use": "sig", "n": number(n.n), "e": number(n.e)}, {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(p.x), "y": number(p.y)}]},
        }
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, now, kid="r", alg=None, **claims):
        alg = alg or ("RS256" if kid == "r" else "ES256")
        head = {"alg": alg, "kid": kid}
        body = {"iss": self.url, "sub": "repo:me/app:main", "aud": "sts.amazonaws.com", "iat": int(now), "exp": int(now) + 600} | claims
        signed = f"{text(json.dumps(head).encode())}.{text(json.dumps({k: v for k, v in body.items() if v is not None}).encode())}"
        if alg == "ES256":
            r, s = decode_dss_signature(self.ec.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self.rsa.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()) if alg == "RS256" else b""
        return f"{signed}.{text(signature)}"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    found = Issuer(tmp_path_factory.mktemp("issuer"))
    yield found
    found.server.shutdown()
    found.server.server_close()


class Federation:
    def __init__(self, cloud, issuer, actions="sts:AssumeRoleWithWebIdentity", thumbprint=None, **more):
        self.cloud, self.issuer, self.iam = cloud, issuer, cloud.client("iam")
        self.provider = self.iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[thumbprint or issuer.thumbprint])["OpenIDConnectProviderArn"]
        self.role = self.iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting({"Federated": self.provider}, actions, **more))["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document(
            allow("iam:ListUsers"), allow("iam:ListRoles", Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})))
        self.sts = cloud.client("sts", config=Config(signature_version=UNSIGNED))

    def assume(self, role=None, token=None, session="ses", DurationSeconds=3600, **claims):
        token = token or self.issuer.token(self.cloud.now, **claims)
        return self.sts.assume_role_with_web_identity(RoleArn=role or self.role, RoleSessionName=session, WebIdentityToken=token, DurationSeconds=DurationSeconds)


def test_a_token_of_a_known_issuer_opens_a_session(cloud, issuer):
    host = issuer.url.removeprefix("https://")
    it = Federation(cloud, issuer, Condition={"StringEquals": {f"{host}:aud": "sts.amazonaws.com"}, "StringLike": {f"{host}:sub": "repo:me/*"}})
    answer = it.assume()
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/r/ses" and answer["SubjectFromWebIdentityToken"] == "repo:me/app:main"
    assert answer["Audience"] == "sts.amazonaws.com" and answer["Provider"].endswith(host)
    assert "Users" in cloud.client("iam", **keys(answer)).list_users()
    assert it.assume(kid="e")["Credentials"]
    assert refused("AccessDenied", it.assume, sub="repo:other/app") == "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def test_what_is_not_the_issuers_is_not_believed(cloud, issuer):
    it = Federation(cloud, issuer)
    good = issuer.token(cloud.now)
    first, second, third = good.split(".")
    changed = json.loads(base64.urlsafe_b64decode(second + "==")) | {"sub": "admin"}
    refused("InvalidIdentityToken", it.assume, token=f"{first}.{text(json.dumps(changed).encode())}.{third}")
    refused("InvalidIdentityToken", it.assume, alg="none")
    refused("InvalidIdentityToken", it.assume, token="not.a.token")
    refused("InvalidIdentityToken", it.assume, kid="unknown")
    assert refused("InvalidIdentityToken", it.assume, aud="somebody") == "Incorrect token audience"
    assert refused("InvalidIdentityToken", it.assume, sub=None) == "Missing a required claim: sub"
    assert refused("InvalidIdentityToken", it.assume, iss="https://elsewhere") == "No OpenIDConnect provider found in your account for https://elsewhere"


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(cloud, issuer):
    other = Federation(cloud.other(), issuer, thumbprint="0" * 40)
    assert "Couldn't retrieve verification key" in refused("InvalidIdentityToken", other.assume)


def test_a_token_ends_on_the_virtual_clock(cloud, issuer):
    it = Federation(cloud, issuer)
    token = issuer.token(cloud.now)
    it.assume(token=token)
    cloud.advance(minutes=11)
    refused("ExpiredTokenException", it.assume, token=token)


def test_the_role_limits_the_session_and_tags_need_permission(cloud, issuer):
    it = Federation(cloud, issuer)
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}}
    refused("ValidationError", it.assume, DurationSeconds=3601)
    assert refused("AccessDenied", it.assume, **tags) == "Not authorized to perform sts:TagSession"
    it.iam.update_assume_role_policy(RoleName="r", PolicyDocument=trusting({"Federated": it.provider}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]))
    assert "Roles" in cloud.client("iam", **keys(it.assume(**tags))).list_roles()
    refused("AccessDenied", cloud.client("iam", **keys(it.assume())).list_roles)
