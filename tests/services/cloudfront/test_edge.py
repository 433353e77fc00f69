"""From viewer to origin and back: behaviours, methods, protocols, headers, error pages, failover, signatures."""
from __future__ import annotations

import base64
import json

import pytest

from .edge import ALL_VIEWER_BUT_HOST, DISABLED, EVERY_METHOD, behaviour, config, custom, listed, made, view


def test_behaviours_are_tried_in_their_order_and_then_the_default_one(cloud, origin):
    def path(pattern, target):
        return {"PathPattern": pattern, **behaviour(target, policy=DISABLED)}
    origins = [custom(origin.port, id_, OriginPath=f"/{id_}") for id_ in ("o", "one", "two")]
    one = made(cloud, *origins, CacheBehaviors=listed(path("img/*.jp?", "one"), path("/img/*", "two"), path("*.php", "one")))
    where = {"/img/a.jpg": "/one", "/img/x/y.jpg": "/one", "/img/a.jpeg": "/two", "/IMG/a.jpg": "/o", "/x/y.php": "/one", "/": "/o", "/img": "/o"}
    for asked in where:
        view(cloud, one, asked)
    assert {a["target"]: None for a in origin.asked} == {place + asked: None for asked, place in where.items()}


def test_http_is_redirected_or_refused_as_each_behaviour_says(cloud, origin):
    strict = {"PathPattern": "/strict", **behaviour(protocol="https-only")}
    one = made(cloud, custom(origin.port), default=behaviour(protocol="redirect-to-https", AllowedMethods=EVERY_METHOD), CacheBehaviors=listed(strict))
    moved = view(cloud, one, "/a?b=c")
    assert (moved.status, moved.headers["location"], moved.cache) == (301, f"https://{one['DomainName']}/a?b=c", "Redirect")
    assert view(cloud, one, "/a", "POST", b"x").status == 307
    assert view(cloud, one, "/strict").status == 403 and not origin.asked
    assert view(cloud, one, "/strict", x_forwarded_proto="https").status == 200 and view(cloud, one, "/a", x_forwarded_proto="https").status == 200
    assert "x-forwarded-proto" not in origin.asked[0]["headers"]


def test_methods_that_are_not_allowed_are_refused(cloud, origin):
    one = made(cloud, custom(origin.port))
    seen = view(cloud, one, "/", "POST", b"x")
    assert seen.status == 403 and seen.cache == "Error" and b"only cachable requests" in seen.body and not origin.asked
    assert view(cloud, one, "/", "GET", b"a body").status == 403
    every = made(cloud, custom(origin.port), default=behaviour(AllowedMethods=EVERY_METHOD))
    sent = view(cloud, every, "/form", "POST", b"a=b", content_type="application/x-www-form-urlencoded", x_other="1")
    assert (sent.status, sent.cache) == (200, "Miss")
    assert origin.asked[0]["body"] == b"a=b" and origin.asked[0]["headers"]["content-type"] == "application/x-www-form-urlencoded" and "x-other" not in origin.asked[0]["headers"]


def test_the_root_is_the_default_root_object(cloud, origin):
    one = made(cloud, custom(origin.port), DefaultRootObject="index.html")
    view(cloud, one, "/")
    view(cloud, one, "/sub/")
    assert [a["target"] for a in origin.asked] == ["/index.html", "/sub/"]


def test_the_origin_is_told_what_the_policy_says(cloud, origin):
    api = cloud.client("cloudfront")
    wanted = {"HeaderBehavior": "whitelist", "Headers": listed("Referer", "CloudFront-Is-Mobile-Viewer", "CloudFront-Viewer-Address", "CloudFront-Viewer-Country")}
    policy = api.create_origin_request_policy(OriginRequestPolicyConfig={"Name": "told", "HeadersConfig": wanted, "CookiesConfig": {"CookieBehavior": "all"},
                                                                         "QueryStringsConfig": {"QueryStringBehavior": "whitelist", "QueryStrings": listed("q")}})["OriginRequestPolicy"]
    extra = listed({"HeaderName": "X-Secret", "HeaderValue": "s"}, {"HeaderName": "Referer", "HeaderValue": "mine"})
    one = made(cloud, custom(origin.port, CustomHeaders=extra), default=behaviour(OriginRequestPolicyId=policy["Id"]))
    view(cloud, one, "/?q=1&r=2", cookie="a=1", referer="theirs", x_other="x", user_agent="Mozilla/5.0 (iPhone)", x_secret="forged")
    sent = origin.asked[0]
    assert sent["target"] == "/?q=1" and sent["headers"]["cookie"] == "a=1" and sent["headers"]["referer"] == "mine" and sent["headers"]["x-secret"] == "s"
    assert sent["headers"]["cloudfront-is-mobile-viewer"] == "true" and sent["headers"]["cloudfront-viewer-address"].startswith("127.0.0.1:")
    assert "cloudfront-viewer-country" not in sent["headers"]          # nobody knows the country of a private address
    assert sent["headers"]["x-forwarded-for"] == "127.0.0.1" and "x-other" not in sent["headers"] and sent["headers"]["via"].endswith("(CloudFront)")
    # what is only sent is no part of the key
    assert view(cloud, one, "/?q=3", cookie="a=2").cache == "Hit"
    everything = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED, OriginRequestPolicyId=ALL_VIEWER_BUT_HOST))
    view(cloud, everything, "/?z=1", x_other="x", authorization="Bearer t", user_agent="me", x_forwarded_for="1.2.3.4")
    sent = origin.asked[-1]
    assert sent["target"] == "/?z=1" and sent["headers"]["x-other"] == "x" and sent["headers"]["authorization"] == "Bearer t" and sent["headers"]["user-agent"] == "me"
    assert sent["headers"]["host"] == "localhost" and sent["headers"]["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"


def test_viewers_are_told_the_headers_of_the_response_headers_policy(cloud, origin):
    api = cloud.client("cloudfront")
    origin.answers["/"] = (200, {"x-powered-by": "php", "x-mine": "origin", "access-control-allow-origin": "http://old", "content-type": "text/html"}, b"x")
    cors = {"AccessControlAllowOrigins": listed("https://*.example.com"), "AccessControlAllowHeaders": listed("X-A"), "AccessControlAllowMethods": listed("ALL"), "AccessControlAllowCredentials": True,
            "AccessControlExposeHeaders": listed("X-B"), "AccessControlMaxAgeSec": 60, "OriginOverride": True}
    made_policy = api.create_response_headers_policy(ResponseHeadersPolicyConfig={
        "Name": "p", "CorsConfig": cors, "CustomHeadersConfig": listed({"Header": "X-Mine", "Value": "edge", "Override": False}, {"Header": "X-New", "Value": "n", "Override": True}),
        "RemoveHeadersConfig": listed({"Header": "X-Powered-By"}),
        "SecurityHeadersConfig": {"StrictTransportSecurity": {"Override": True, "AccessControlMaxAgeSec": 100, "IncludeSubdomains": True, "Preload": True}, "FrameOptions": {"Override": True, "FrameOption": "DENY"},
                                  "ContentTypeOptions": {"Override": True}, "ContentSecurityPolicy": {"Override": True, "ContentSecurityPolicy": "default-src 'self'"}},
        "ServerTimingHeadersConfig": {"Enabled": True, "SamplingRate": 100}})["ResponseHeadersPolicy"]
    one = made(cloud, custom(origin.port), default=behaviour(ResponseHeadersPolicyId=made_policy["Id"], AllowedMethods=EVERY_METHOD))
    seen = view(cloud, one, "/", origin="https://www.example.com").headers
    assert seen["access-control-allow-origin"] == "https://www.example.com" and seen["access-control-allow-credentials"] == "true" and seen["access-control-expose-headers"] == "X-B"
    assert "access-control-allow-methods" not in seen and "x-powered-by" not in seen and seen["x-mine"] == "origin" and seen["x-new"] == "n"
    assert seen["strict-transport-security"] == "max-age=100; includeSubDomains; preload" and seen["x-frame-options"] == "DENY" and seen["x-content-type-options"] == "nosniff"
    assert seen["content-security-policy"] == "default-src 'self'" and seen["server-timing"].startswith("cdn-cache-miss,cdn-pop;desc=")
    assert "access-control-allow-origin" not in view(cloud, one, "/", origin="https://evil.test").headers
    asked = view(cloud, one, "/", "OPTIONS", origin="https://www.example.com", access_control_request_method="PUT").headers
    assert "PUT" in asked["access-control-allow-methods"] and asked["access-control-allow-headers"] == "X-A" and asked["access-control-max-age"] == "60"
    simple = made(cloud, custom(origin.port), default=behaviour(ResponseHeadersPolicyId="e61eb60c-9c35-4d20-a928-2b84e02af89c"))
    seen = view(cloud, simple, "/plain", origin="https://any.test").headers
    assert seen["access-control-allow-origin"] == "*" and seen["referrer-policy"] == "strict-origin-when-cross-origin" and seen["x-xss-protection"] == "1; mode=block"


def test_an_error_has_the_distributions_own_page_and_status(cloud, origin):
    origin.answers |= {"/lost": (404, {}, b"raw"), "/errors/404.html": (200, {"content-type": "text/html"}, b"<h1>sorry</h1>"), "/down": (500, {}, b"raw")}
    errors = listed({"ErrorCode": 404, "ResponsePagePath": "/errors/404.html", "ResponseCode": "200", "ErrorCachingMinTTL": 60},
                    {"ErrorCode": 500, "ResponsePagePath": "/errors/none.html", "ResponseCode": "503", "ErrorCachingMinTTL": 60},
                    {"ErrorCode": 403, "ResponsePagePath": "/errors/404.html", "ResponseCode": "403", "ErrorCachingMinTTL": 60})
    origin.answers["/errors/none.html"] = (404, {}, b"")
    one = made(cloud, custom(origin.port), CustomErrorResponses=errors)
    seen = view(cloud, one, "/lost")
    assert (seen.status, seen.body, seen.cache, seen.headers["content-type"]) == (200, b"<h1>sorry</h1>", "Error", "text/html")
    assert view(cloud, one, "/lost").body == b"<h1>sorry</h1>" and sum(a["target"] == "/lost" for a in origin.asked) == 1
    assert (view(cloud, one, "/down").status, view(cloud, one, "/down").body) == (500, b"raw")       # a page that cannot be had is none
    refused = view(cloud, one, "/x", "DELETE")
    assert (refused.status, refused.body) == (403, b"<h1>sorry</h1>")


def test_of_a_group_the_second_origin_answers_where_the_first_fails(cloud, origin):
    origin.answers |= {"/first/down": (503, {}, b""), "/first/lost": (404, {}, b"first"), "/second/down": (200, {}, b"second"), "/first/fine": (200, {}, b"first")}
    group = {"Id": "g", "FailoverCriteria": {"StatusCodes": listed(500, 502, 503, 504)}, "Members": listed({"OriginId": "a"}, {"OriginId": "b"})}
    origins = [custom(origin.port, "a", OriginPath="/first"), custom(origin.port, "b", OriginPath="/second")]
    one = made(cloud, *origins, OriginGroups=listed(group), default=behaviour("g", policy=DISABLED))
    assert [(seen.status, seen.body) for seen in (view(cloud, one, path) for path in ("/down", "/lost", "/fine"))] == [(200, b"second"), (404, b"first"), (200, b"first")]
    dead = [custom(1025, "a", ConnectionAttempts=1), custom(origin.port, "b", OriginPath="/second")]
    two = made(cloud, *dead, OriginGroups=listed(group), default=behaviour("g", policy=DISABLED))
    assert view(cloud, two, "/down").body == b"second"


def test_an_origin_that_cannot_be_reached_is_502_and_one_that_is_silent_504(cloud, origin):
    import threading
    gate = threading.Event()
    origin.answers["/silent"] = lambda seen: (gate.wait(20) and None) or (200, {}, b"late")
    nobody = made(cloud, custom(1025, ConnectionAttempts=1))
    refused = view(cloud, nobody, "/")
    assert (refused.status, refused.cache) == (502, "Error") and b"Generated by cloudfront (CloudFront)" in refused.body and refused.headers["x-amz-cf-id"].encode() in refused.body
    one = made(cloud, custom(origin.port, own={"OriginReadTimeout": 1}))
    late = view(cloud, one, "/silent")
    gate.set()
    assert (late.status, late.cache) == (504, "Error")


def test_an_origin_is_asked_over_tls_only_if_its_certificate_is_trusted(cloud, cloche_server, origin, tmp_path):
    import ssl
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from cloche.engines import authority
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def shows(certificate):
        (tmp_path / "x.pem").write_bytes(private + certificate)
        context.load_cert_chain(tmp_path / "x.pem")
    strangers = tmp_path / "strangers"
    strangers.mkdir()
    shows(authority.sign(strangers, "localhost", key.public_key(), ["localhost"]))
    origin.server.socket = context.wrap_socket(origin.server.socket, server_side=True)
    one = made(cloud, custom(origin.port, own={"OriginProtocolPolicy": "https-only"}, ConnectionAttempts=1))
    seen = view(cloud, one, "/a")
    assert (seen.status, seen.cache) == (502, "Error") and not origin.asked
    shows(authority.sign(Path(cloche_server.bell.cloud.data), "localhost", key.public_key(), ["localhost"]))
    assert view(cloud, one, "/b").status == 200
    shows(authority.sign(Path(cloche_server.bell.cloud.data), "other.test", key.public_key(), ["other.test"]))
    assert view(cloud, one, "/c").status == 502


def test_a_websocket_passes_through(cloud, origin):
    import socket
    one = made(cloud, custom(origin.port))
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=10) as client:
        client.sendall(f"GET /chat HTTP/1.1\r\nHost: {one['DomainName']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5a2U=\r\n\r\n".encode())
        file = client.makefile("rb")
        head = b"".join(iter(file.readline, b"\r\n")).decode().lower()
        assert head.startswith("http/1.1 101") and "upgrade: websocket" in head and "sec-websocket-accept: =u2a5v2" in head and "x-amz-cf-id" in head
        client.sendall(b"hello")
        assert file.read(5) == b"HELLO"


def test_who_is_not_named_or_not_enabled_is_refused(cloud, origin):
    assert view(cloud, None, "/", host="dnobody0000000.cloudfront.net").status == 403
    one = made(cloud, custom(origin.port), Enabled=False)
    assert view(cloud, one, "/").status == 403 and not origin.asked


def test_nobody_is_shut_out_whose_country_cannot_be_told(cloud, origin):
    """Documented: where CloudFront cannot determine a viewer's location, it serves the content. A private address has none."""
    only = {"GeoRestriction": {"RestrictionType": "whitelist", **listed("DE")}}
    one = made(cloud, custom(origin.port), Restrictions=only)
    assert view(cloud, one, "/").status == 200
    api = cloud.client("cloudfront")
    with pytest.raises(api.exceptions.InvalidGeoRestrictionParameter):
        api.create_distribution(DistributionConfig=config(custom(80), Restrictions={"GeoRestriction": {"RestrictionType": "none", **listed("DE")}}))
    with pytest.raises(api.exceptions.InvalidLocationCode):
        api.create_distribution(DistributionConfig=config(custom(80), Restrictions={"GeoRestriction": {"RestrictionType": "blacklist", **listed("Germany")}}))


# -- signed URLs and cookies ------------------------------------------------------------------------------------------------------

def safe(data):
    return base64.b64encode(data).decode().replace("+", "-").replace("=", "_").replace("/", "~")


def pem(key):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def group_of(api, *keys, name="g"):
    ids = [api.create_public_key(PublicKeyConfig={"CallerReference": f"{name}{i}", "Name": f"{name}{i}", "EncodedKey": pem(key)})["PublicKey"]["Id"] for i, key in enumerate(keys)]
    return api.create_key_group(KeyGroupConfig={"Name": name, "Items": ids})["KeyGroup"]["Id"], ids


@pytest.fixture(scope="module")
def pair():
    from cryptography.hazmat.primitives.asymmetric import rsa
    return rsa.generate_private_key(65537, 2048)


def rsa_sign(key):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA1())


def trusting(cloud, origin, key):
    group, [id_] = group_of(cloud.client("cloudfront"), key)
    one = made(cloud, custom(origin.port), default=behaviour(TrustedKeyGroups={"Enabled": True, **listed(group)}))
    return one, id_


def test_a_url_signed_with_a_canned_policy_opens_until_it_expires(cloud, origin, pair):
    from botocore.signers import CloudFrontSigner
    one, id_ = trusting(cloud, origin, pair)
    refused = view(cloud, one, "/secret")
    assert refused.status == 403 and b"<Code>MissingKey</Code>" in refused.body
    until = int(one["LastModifiedTime"].timestamp()) + 1000
    signer, url = CloudFrontSigner(id_, rsa_sign(pair)), f"http://{one['DomainName']}/secret"
    import datetime
    signed = signer.generate_presigned_url(url + "?a=1", date_less_than=datetime.datetime.fromtimestamp(until, datetime.UTC)).partition(one["DomainName"])[2]
    assert view(cloud, one, signed).status == 200 and origin.asked[0]["target"] == "/secret"
    for wrong in (signed.replace("a=1", "a=2"), signed.replace(f"Expires={until}", f"Expires={until + 1}"), signed.replace("/secret", "/other")):
        seen = view(cloud, one, wrong)
        assert seen.status == 403 and b"<Code>AccessDenied</Code>" in seen.body
    assert b"InvalidKey" in view(cloud, one, signed.replace(id_, "KNOBODY")).body
    cloud.advance(1001)
    assert view(cloud, one, signed).status == 403


def test_a_policy_of_ones_own_is_for_many_urls_a_time_and_an_address(cloud, origin, pair):
    one, id_ = trusting(cloud, origin, pair)
    now = int(one["LastModifiedTime"].timestamp())

    def signed(path, ip="127.0.0.0/8", since=0, until=1000, resource=None):
        statement = {"Resource": resource or f"http*://{one['DomainName']}/files/*", "Condition": {"DateLessThan": {"AWS:EpochTime": now + until}, "DateGreaterThan": {"AWS:EpochTime": now + since},
                                                                                              "IpAddress": {"AWS:SourceIp": ip}}}
        text = json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()
        return f"{path}?Policy={safe(text)}&Signature={safe(rsa_sign(pair)(text))}&Key-Pair-Id={id_}"
    assert view(cloud, one, signed("/files/a")).status == 200 and view(cloud, one, signed("/files/a").replace("/a?", "/b?")).status == 200
    assert view(cloud, one, signed("/other")).status == 403 and view(cloud, one, signed("/files/a", ip="192.0.2.0/24")).status == 403
    assert view(cloud, one, signed("/files/a", since=500)).status == 403 and view(cloud, one, signed("/files/a", resource="*")).status == 200
    cloud.advance(600)
    assert view(cloud, one, signed("/files/a", since=500)).status == 200


def test_signed_cookies_open_too_and_ecdsa_keys_sign_as_well(cloud, origin):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    one, id_ = trusting(cloud, origin, key)
    text = json.dumps({"Statement": [{"Resource": f"http://{one['DomainName']}/*", "Condition": {"DateLessThan": {"AWS:EpochTime": int(one["LastModifiedTime"].timestamp()) + 900}}}]}).encode()
    cookies = {"Policy": safe(text), "Signature": safe(key.sign(text, ec.ECDSA(hashes.SHA1()))), "Key-Pair-Id": id_}
    header = "; ".join(f"CloudFront-{name}={value}" for name, value in cookies.items())
    assert view(cloud, one, "/x", cookie=header + "; mine=1").status == 200
    assert view(cloud, one, "/x", cookie=header.replace(safe(text)[:8], "AAAAAAAA")).status == 403 and view(cloud, one, "/x", cookie="mine=1").status == 403


def test_key_groups_and_public_keys_know_who_uses_them(cloud, origin, pair):
    api = cloud.client("cloudfront")
    group, [id_] = group_of(api, pair, name="used")
    one = made(cloud, custom(origin.port), default=behaviour(TrustedKeyGroups={"Enabled": True, **listed(group)}))
    assert one["ActiveTrustedKeyGroups"]["Items"] == [{"KeyGroupId": group, "KeyPairIds": {"Quantity": 1, "Items": [id_]}}]
    assert api.list_distributions_by_key_group(KeyGroupId=group)["DistributionIdList"]["Items"] == [one["Id"]]
    found = api.get_key_group(Id=group)
    assert api.get_key_group_config(Id=group)["KeyGroupConfig"] == found["KeyGroup"]["KeyGroupConfig"]
    with pytest.raises(api.exceptions.ResourceInUse):
        api.delete_key_group(Id=group, IfMatch=found["ETag"])
    key = api.get_public_key(Id=id_)
    with pytest.raises(api.exceptions.PublicKeyInUse):
        api.delete_public_key(Id=id_, IfMatch=key["ETag"])
    changed = {**api.get_public_key_config(Id=id_)["PublicKeyConfig"], "Comment": "new"}
    new = api.update_public_key(Id=id_, IfMatch=key["ETag"], PublicKeyConfig=changed)
    with pytest.raises(api.exceptions.CannotChangeImmutablePublicKeyFields):
        api.update_public_key(Id=id_, IfMatch=new["ETag"], PublicKeyConfig={**changed, "Name": "other"})
    assert [x["Comment"] for x in api.list_public_keys()["PublicKeyList"]["Items"]] == ["new"] and [x["KeyGroup"]["Id"] for x in api.list_key_groups()["KeyGroupList"]["Items"]] == [group]
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_public_key(PublicKeyConfig={"CallerReference": "x", "Name": "x", "EncodedKey": "no key"})
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_key_group(KeyGroupConfig={"Name": "n", "Items": ["KNONE"]})
    with pytest.raises(api.exceptions.TrustedKeyGroupDoesNotExist):
        api.create_distribution(DistributionConfig=config(custom(80), default=behaviour(TrustedKeyGroups={"Enabled": True, **listed("none")})))
    alone, [other] = group_of(api, pair, name="alone")
    with pytest.raises(api.exceptions.KeyGroupAlreadyExists):
        api.update_key_group(Id=alone, IfMatch=api.get_key_group(Id=alone)["ETag"], KeyGroupConfig={"Name": "used", "Items": [other]})
    api.update_key_group(Id=alone, IfMatch=api.get_key_group(Id=alone)["ETag"], KeyGroupConfig={"Name": "renamed", "Items": [other]})
    api.delete_key_group(Id=alone, IfMatch=api.get_key_group(Id=alone)["ETag"])
    api.delete_public_key(Id=other, IfMatch=api.get_public_key(Id=other)["ETag"])
    with pytest.raises(api.exceptions.NoSuchPublicKey):
        api.get_public_key(Id=other)
