"""aws-chunked bodies: AWS's own examples, and bodies cut anywhere and broken anywhere."""
from __future__ import annotations

import io
from hashlib import sha256

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.wire import chunked, sigv4
from cloche.wire.sigv4 import Claim, Malformed

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SCOPE = ("20130524", "us-east-1", "s3")
EMPTY = sha256(b"").hexdigest()


def claim(signature: str) -> Claim:
    return Claim("header", "AKIAIOSFODNN7EXAMPLE", "20130524T000000Z", SCOPE, ("host",), signature)


def signed_body(parts: list[bytes], seed: str = "seed", trailers: str = "") -> bytes:
    before, out = seed, b""
    for part in [*parts, b""]:
        text = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", "20130524T000000Z", "/".join(SCOPE) + "/aws4_request", before, EMPTY, sha256(part).hexdigest()))
        before = sigv4.sign(SECRET, SCOPE, text.encode())
        out += f"{len(part):x};chunk-signature={before}\r\n".encode() + part + (b"\r\n" if part else b"")
    if trailers:
        text = "\n".join(("AWS4-HMAC-SHA256-TRAILER", "20130524T000000Z", "/".join(SCOPE) + "/aws4_request", before, sha256((trailers + "\n").encode()).hexdigest()))
        out += f"{trailers}\r\nx-amz-trailer-signature:{sigv4.sign(SECRET, SCOPE, text.encode())}\r\n".encode()
    return out + b"\r\n"


def test_the_example_in_awss_documentation():
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    body = (b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + b"a" * 65536
            + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + b"a" * 1024
            + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n")
    assert chunked.decode(body, chunked.SIGNED, claim(seed), SECRET, 66560) == (b"a" * 66560, {})
    assert chunked.decode(body[:-2], chunked.SIGNED, claim(seed), SECRET, 66560) == (b"a" * 66560, {})


def test_the_example_with_a_trailer():
    seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    body = (b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + b"a" * 65536
            + b"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + b"a" * 1024
            + b"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            b"x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
    body = body.replace(b"==\n\r\n", b"==\r\n")
    data, trailers = chunked.decode(body, chunked.SIGNED_TRAILER, claim(seed), SECRET, 66560, "x-amz-checksum-crc32c")
    assert (len(data), trailers) == (66560, {"x-amz-checksum-crc32c": "sOO8/Q=="})


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5000), st.lists(st.integers(1, 400), max_size=30), st.integers(1, 900))
def test_what_botocore_wraps_is_unwrapped_however_it_is_cut(data, cuts, size):
    body = AwsChunkedWrapper(io.BytesIO(data), checksum_cls=Crc32Checksum, checksum_name="x-amz-checksum-crc32", chunk_size=size).read()
    decoder = chunked.Decoder(chunked.UNSIGNED_TRAILER, length=len(data), announced="x-amz-checksum-crc32")
    out = b""
    while body:
        cut = cuts.pop() if cuts else len(body)
        out += b"".join(decoder.feed(body[:cut]))
        body = body[cut:]
    decoder.finish()
    crc = Crc32Checksum()
    crc.update(data)
    assert (out, decoder.trailers) == (data, {"x-amz-checksum-crc32": crc.b64digest()})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda p: p * 900), max_size=3), st.integers(0, 60000), st.integers(1, 255), st.integers(1, 5000))
def test_a_changed_byte_of_a_signed_body_is_found(parts, at, flip, cut):
    parts = [part.ljust(8192, b"x") for part in parts]
    body = bytearray(signed_body(parts, trailers="x-amz-meta-a:1"))
    def read(body: bytes) -> bytes:
        decoder = chunked.Decoder(chunked.SIGNED_TRAILER, claim("seed"), SECRET, sum(map(len, parts)), "x-amz-meta-a")
        out = b"".join(bytes(piece) for start in range(0, len(body), cut) for piece in decoder.feed(body[start : start + cut]))
        decoder.finish()
        return out
    assert read(bytes(body)) == b"".join(parts)
    body[at % len(body)] ^= flip
    try:
        out = read(bytes(body))
    except Malformed:
        return
    # only the way it is written may differ: the case of a hex digit, a blank, the last line
    assert out == b"".join(parts)


@pytest.mark.parametrize(("body", "code"), [
    (b"", "IncompleteBody"), (b"5\r\nab", "IncompleteBody"), (b"2\r\nabcd\r\n0\r\n\r\n", "InvalidRequest"), (b"zz\r\n", "InvalidRequest"),
    (b"-1\r\n", "InvalidRequest"), (b"a" * 3000, "InvalidRequest"), (b"0\r\n" + b"x" * 20000, "InvalidRequest"), (b"3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"),
    (b"0\r\nx-amz-checksum-crc32:AA\r\n\r\n", "MalformedTrailerError"), (b"0\r\nno colon\r\n\r\n", "MalformedTrailerError"),
    (b"0\r\n" + b"a:b\r\n" * 6000, "MalformedTrailerError"),
])
def test_a_body_that_is_not_well_formed_is_refused(body, code):
    with pytest.raises(Malformed) as refused:
        chunked.decode(body, chunked.UNSIGNED_TRAILER, length=2)
    assert refused.value.code == code


def test_small_signed_chunks_are_refused_but_for_the_last():
    with pytest.raises(Malformed) as refused:
        chunked.decode(signed_body([b"small", b"small"]), chunked.SIGNED, claim("seed"), SECRET)
    assert refused.value.code == "InvalidChunkSizeError"
