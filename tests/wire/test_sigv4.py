"""Signatures against AWS's own signers: what they sign is believed, what was changed on the way is not."""
from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloche.wire import sigv4

from .signing import Seen, on_the_wire

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
WITH_TOKEN = Credentials("ASIAEXAMPLE", "another/secret+key", "a//token+with=odd/characters==")
often = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
segment = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=10)
paths = st.lists(segment, max_size=4).map(lambda parts: "/" + "/".join(quote(p, safe="~") for p in parts))
value = st.text("abc \tXYZ;=,.~é", max_size=16).map(lambda v: v.strip())
headers = st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).map(lambda n: "x-amz-meta-" + n), value, max_size=4)
queries = st.lists(st.tuples(text.filter(bool), text), max_size=5)
methods = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"])
keys = st.sampled_from([KEYS, WITH_TOKEN])


def url_of(path: str, query: list[tuple[str, str]], host: str = "localhost:4566") -> str:
    pairs = "&".join(quote(n, safe="~") + "=" + quote(v, safe="~") for n, v in query)
    return f"http://{host}{path}" + ("?" + pairs if pairs else "")


def believed(seen: Seen, secret: str) -> bool:
    try:
        claim = sigv4.parse(seen)
        assert claim is not None
        return sigv4.verify(seen, claim, secret)
    except sigv4.Malformed:
        return False


def tampered(seen: Seen) -> list[Seen]:
    other = "GET" if seen.method != "GET" else "DELETE"
    path, mark, query = seen.target.partition("?")
    changed = [replace_(seen, method=other), replace_(seen, target=path + "x" + mark + query),
               replace_(seen, target=path + "?" + (query + "&" if query else "") + "extra=1")]
    for name in seen.headers:
        if name.startswith("x-amz-meta-") or name == "host":
            changed.append(replace_(seen, headers=seen.headers | {name: seen.headers[name] + "y"}))
    return changed


def replace_(seen: Seen, **changes) -> Seen:
    return Seen(changes.get("method", seen.method), changes.get("target", seen.target), changes.get("headers", seen.headers), changes.get("body", seen.body))


@often
@given(methods, paths, queries, headers, st.binary(max_size=60), keys)
def test_what_a_version_4_header_signs_is_believed_and_what_was_changed_is_not(method, path, query, extra, body, who):
    request = AWSRequest(method, url_of(path, query), {"content-type": "application/x-amz-json-1.0", **extra}, body)
    auth.SigV4Auth(who, "dynamodb", "eu-west-1").add_auth(request)
    seen = on_the_wire(request)
    assert believed(seen, who.secret_key)
    assert sigv4.parse(seen).token == who.token
    assert not believed(seen, who.secret_key + "x")
    for other in [*tampered(seen), replace_(seen, body=body + b"!")]:
        assert not believed(other, who.secret_key), other


@often
@given(methods, paths, queries, headers, st.binary(max_size=60), keys)
def test_s3_signs_the_path_as_it_is_and_a_promise_of_the_body(method, path, query, extra, body, who):
    request = AWSRequest(method, url_of("/bucket" + path + "//x/../y", query), extra, body)
    auth.S3SigV4Auth(who, "s3", "us-east-1").add_auth(request)
    seen = on_the_wire(request)
    assert believed(seen, who.secret_key)
    for other in tampered(seen):
        assert not believed(other, who.secret_key), other
    with pytest.raises(sigv4.Malformed) as refused:
        sigv4.verify(replace_(seen, body=body + b"!"), sigv4.parse(seen), who.secret_key)
    assert refused.value.code == "XAmzContentSHA256Mismatch"
    with pytest.raises(sigv4.Malformed) as refused:
        sigv4.verify(replace_(seen, headers=seen.headers | {"x-amz-acl": "public-read"}), sigv4.parse(seen), who.secret_key)
    assert (refused.value.code, refused.value.extra) == ("AccessDenied", {"HeadersNotSigned": "x-amz-acl"})


@often
@given(methods, paths, queries, keys, st.integers(0, sigv4.ONE_WEEK))
def test_a_presigned_url_of_s3_is_believed_with_any_body(method, path, query, who, seconds):
    request = AWSRequest(method, url_of("/bucket" + path, query))
    auth.S3SigV4QueryAuth(who, "s3", "us-east-1", expires=seconds).add_auth(request)
    seen = on_the_wire(request)
    claim = sigv4.parse(seen)
    assert (claim.kind, claim.expires, claim.access_key, claim.token) == ("query", seconds, who.access_key, who.token)
    assert believed(replace_(seen, body=b"anything"), who.secret_key)
    for other in tampered(seen):
        assert not believed(other, who.secret_key), other
    assert not believed(replace_(seen, target=seen.target.replace("X-Amz-Expires=", "X-Amz-Expires=1", 1)), who.secret_key)


@often
@given(paths, queries, keys)
def test_a_presigned_url_of_another_service_signs_an_empty_body(path, query, who):
    request = AWSRequest("GET", url_of(path, query))
    auth.SigV4QueryAuth(who, "sts", "us-east-1").add_auth(request)
    seen = on_the_wire(request)
    assert believed(seen, who.secret_key)
    assert not believed(replace_(seen, body=b"anything"), who.secret_key)


@often
@given(methods, paths, headers, st.lists(st.sampled_from(["acl", "uploads", "versionId=3", "partNumber=2", "uploadId=a", "prefix=q", "response-expires=x"]), unique=True), keys)
def test_version_2_of_s3_is_believed_in_a_header_and_in_a_url(method, path, extra, query, who):
    extra = {name: v for name, v in extra.items() if v.isascii()}
    url = "http://localhost:4566/bucket" + path + ("?" + "&".join(query) if query else "")
    request = AWSRequest(method, url, {"Content-Type": "text/plain", **extra}, b"data")
    auth.HmacV1Auth(who).add_auth(request)
    seen = on_the_wire(request)
    assert sigv4.parse(seen).kind == "header-v2" and believed(seen, who.secret_key)
    assert not believed(replace_(seen, target="/other" + seen.target), who.secret_key)
    assert not believed(seen, who.secret_key + "x")
    request = AWSRequest(method, url)
    auth.HmacV1QueryAuth(who, expires=100).add_auth(request)
    seen = on_the_wire(request)
    claim = sigv4.parse(seen)
    assert claim.kind == "query-v2" and claim.until > 0 and believed(seen, who.secret_key)
    assert not believed(replace_(seen, target=seen.target.replace("Expires=", "Expires=9")), who.secret_key)


def test_a_bucket_in_the_host_name_is_part_of_what_version_2_signs():
    request = AWSRequest("GET", "http://photos.s3.amazonaws.com/a/b.txt")
    request.auth_path = "/photos/a/b.txt"
    auth.HmacV1Auth(KEYS).add_auth(request)
    assert believed(on_the_wire(request), KEYS.secret_key)


@pytest.mark.parametrize("said", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_s3_takes_words_in_the_place_of_a_hash(said):
    request = AWSRequest("PUT", "http://localhost/bucket/key", {}, b"data")
    signer = auth.S3SigV4Auth(KEYS, "s3", "us-east-1")
    signer.payload = lambda _: said
    signer.add_auth(request)
    seen = on_the_wire(request)
    assert believed(replace_(seen, body=b"other"), KEYS.secret_key)
    assert sigv4.parse(seen).payload == said and not sigv4.needs_body(seen, sigv4.parse(seen))


def test_a_path_sent_less_encoded_than_it_was_signed_is_understood_by_s3():
    request = AWSRequest("GET", "http://localhost/bucket/a%28b%29%2Cc")
    auth.S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(request)
    seen = on_the_wire(request)
    assert believed(replace_(seen, target="/bucket/a(b),c"), KEYS.secret_key)
    assert believed(replace_(seen, target="/bucket/a%28b%29%2cc"), KEYS.secret_key)


def signed(**changes) -> Seen:
    request = AWSRequest("GET", "http://localhost/")
    auth.SigV4Auth(KEYS, "sqs", "us-east-1").add_auth(request)
    seen = on_the_wire(request)
    return replace_(seen, headers={name: v for name, v in (seen.headers | changes).items() if v is not None})


def without(text: str, part: str) -> str:
    return ", ".join(p for p in text.split(", ") if part not in p)


@pytest.mark.parametrize(("change", "code"), [
    (lambda a: without(a, "Signature="), "IncompleteSignature"),
    (lambda a: without(a, "SignedHeaders="), "IncompleteSignature"),
    (lambda a: "AWS4-HMAC-SHA256 " + without(a, "Credential="), "IncompleteSignature"),
    (lambda a: a.replace("aws4_request", "aws5_request"), "SignatureDoesNotMatch"),
    (lambda a: a.replace("/us-east-1", ""), "IncompleteSignature"),
    (lambda a: a.replace("SignedHeaders=host;", "SignedHeaders="), "SignatureDoesNotMatch"),
    (lambda a: "AWS4-HMAC-SHA256 nothing", "IncompleteSignature"),
])
def test_a_header_that_cannot_be_a_signature_is_refused(change, code):
    seen = signed()
    with pytest.raises(sigv4.Malformed) as refused:
        sigv4.parse(replace_(seen, headers=seen.headers | {"authorization": change(seen.headers["authorization"])}))
    assert refused.value.code == code


def test_spaces_between_the_parts_of_the_header_are_not_needed():
    seen = signed()
    assert believed(replace_(seen, headers=seen.headers | {"authorization": seen.headers["authorization"].replace(", ", ",")}), KEYS.secret_key)


def test_a_date_is_needed_and_must_be_the_day_of_the_scope():
    for date in (None, "yesterday", "20200101T000000Z", "20201301T000000Z"):
        with pytest.raises(sigv4.Malformed):
            sigv4.parse(signed(**{"x-amz-date": date}))


@pytest.mark.parametrize(("name", "text"), [
    ("X-Amz-Expires", "604801"), ("X-Amz-Expires", "-1"), ("X-Amz-Expires", "soon"), ("X-Amz-Date", "now"), ("X-Amz-Credential", "a/b"),
    ("X-Amz-Algorithm", "AWS5"), ("X-Amz-Expires", None), ("X-Amz-SignedHeaders", None),
])
def test_a_presigned_url_with_impossible_parameters_is_refused(name, text):
    request = AWSRequest("GET", "http://localhost/bucket/key")
    auth.S3SigV4QueryAuth(KEYS, "s3", "us-east-1").add_auth(request)
    seen = on_the_wire(request)
    pairs = [p.partition("=")[::2] for p in seen.query.split("&")]
    pairs = [(n, v if n != name else text) for n, v in pairs if n != name or text is not None]
    with pytest.raises(sigv4.Malformed) as refused:
        sigv4.parse(replace_(seen, target=seen.path + "?" + "&".join(f"{n}={v}" for n, v in pairs)))
    assert refused.value.code == "AuthorizationQueryParametersError"


def test_a_request_without_signature_claims_nothing():
    assert sigv4.parse(Seen("GET", "/", {"host": "localhost"})) is None
    assert sigv4.parse(Seen("GET", "/", {"host": "localhost", "authorization": "Bearer x"})) is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_nonsense_is_refused_but_never_breaks(header, query):
    for text in (header, "AWS4-HMAC-SHA256 " + header, "AWS " + header, "AWS4-HMAC-SHA256 Credential=a/20200101/b/s3/aws4_request, SignedHeaders=host, Signature=" + header):
        for target in ("/?" + query, "/?X-Amz-Signature=" + query, "/?Signature=1&AWSAccessKeyId=2&Expires=" + query):
            for headers_ in ({"authorization": text}, {}):
                try:
                    seen = Seen("GET", target, {"host": "h", "x-amz-date": "20200101T000000Z", **headers_})
                    claim = sigv4.parse(seen)
                    assert claim is None or not sigv4.verify(seen, claim, "secret")
                except sigv4.Malformed:
                    pass


SUITE = Path(os.environ.get("AWS4_TESTSUITE", "/nonexistent"))


@pytest.mark.skipif(not SUITE.exists(), reason="AWS's sig-v4 suite (botocore's tests/unit/auth/aws4_testsuite) is not on this machine: set AWS4_TESTSUITE")
def test_awss_own_suite_passes():
    passed = 0
    for file in sorted(SUITE.rglob("*.sreq")):
        head, _, body = file.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = head.decode("utf-8").replace("\n ", " ").split("\n")
        method, target = lines[0].split(" ", 1)
        found: dict[str, str] = {}
        for line in lines[1:]:
            name, _, text = line.partition(":")
            name, text = name.lower(), text.strip().encode().decode("latin-1")
            found[name] = found[name] + "," + text if name in found else text
        found["authorization"] = file.with_suffix(".authz").read_text().strip()  # one .sreq of the suite carries another request's signature
        seen = Seen(method, target.rsplit(" HTTP", 1)[0].encode().decode("latin-1"), found, body)
        assert believed(seen, KEYS.secret_key), file.stem
        assert not believed(seen, "another"), file.stem
        passed += 1
    assert passed > 25
