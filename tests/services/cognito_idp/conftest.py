"""A pool with one client and one person, and the client's half of SRP, written from the protocol's description."""
import base64
import hashlib
import hmac
import json
import re
import urllib.request
from urllib.parse import quote

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloche.services.cognito_idp.srp import G, N

WORD = "Passw0rd!"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_CUSTOM_AUTH"]


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def pad(text):
    text = text if len(text) % 2 == 0 else "0" + text
    return "00" + text if text[0] in "89abcdef" else text


def sha(text):
    return hashlib.sha256(bytes.fromhex(text)).hexdigest()


def srp_proof(pool_short, name, word, a, answer):
    """Hexadecimal text all the way, as the JavaScript client has it."""
    p = answer["ChallengeParameters"]
    b, big_a = int(p["SRP_B"], 16), f"{pow(G, a, N):x}"
    u = int(sha(pad(big_a) + pad(p["SRP_B"])), 16)
    inner = hashlib.sha256(f"{pool_short}{p['USER_ID_FOR_SRP']}:{word}".encode()).hexdigest()
    x = int(sha(pad(p["SALT"]) + inner), 16)
    k = int(sha("00" + f"{N:x}" + "0" + f"{G:x}"), 16)
    s = pow(b - k * pow(G, x, N), a + u * x, N)
    prk = hmac.digest(bytes.fromhex(pad(f"{u:x}")), bytes.fromhex(pad(f"{s:x}")), "sha256")
    key = hmac.digest(prk, b"Caldera Derived Key\x01", "sha256")[:16]
    stamp = "Tue Nov 4 10:11:12 UTC 2025"
    message = pool_short.encode() + p["USER_ID_FOR_SRP"].encode() + base64.b64decode(p["SECRET_BLOCK"]) + stamp.encode()
    return {"USERNAME": p["USERNAME"], "PASSWORD_CLAIM_SECRET_BLOCK": p["SECRET_BLOCK"], "TIMESTAMP": stamp,
            "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(hmac.digest(key, message, "sha256")).decode()}


class Bench:
    def __init__(self, cloud, **more):
        self.cloud, self.idp = cloud, cloud.client("cognito-idp")
        self.anonymous = cloud.client("cognito-idp", config=Config(signature_version=UNSIGNED))
        self.pool = self.idp.create_user_pool(**{"PoolName": "people", "AutoVerifiedAttributes": ["email"], **more})["UserPool"]["Id"]
        self.client = self.new_client()

    def new_client(self, **more):
        return self.idp.create_user_pool_client(**{"UserPoolId": self.pool, "ClientName": "app", "ExplicitAuthFlows": FLOWS, **more})["UserPoolClient"]["ClientId"]

    def person(self, name="ann", word=WORD, **attributes):
        given = [{"Name": k, "Value": v} for k, v in ({"email": f"{name}@x.example", "email_verified": "true"} | attributes).items()]
        user = self.idp.admin_create_user(UserPoolId=self.pool, Username=name, UserAttributes=given, MessageAction="SUPPRESS")["User"]
        self.idp.admin_set_user_password(UserPoolId=self.pool, Username=name, Password=word, Permanent=True)
        return {a["Name"]: a["Value"] for a in user["Attributes"]}["sub"]

    def sign_in(self, name="ann", word=WORD, client=None):
        return self.anonymous.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client or self.client, AuthParameters={"USERNAME": name, "PASSWORD": word})

    def tokens(self, *args, **more):
        return self.sign_in(*args, **more)["AuthenticationResult"]

    def code(self, to="ann@x.example"):
        """The newest code in the letter box."""
        return re.findall(r"\d{6}", self.cloud.control(f"mail?account={self.cloud.account}&to={quote(to)}")["mail"][0]["body"])[-1]

    def document(self, path):
        with urllib.request.urlopen(f"{self.cloud.url}{path}") as answer:
            return json.loads(answer.read())


@pytest.fixture
def bench(cloud):
    return Bench(cloud)
