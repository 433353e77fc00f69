"""S3's checksums: published check values, and whatever way they are put together."""
from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.wire import checksums

CHECK = {"crc32": 0xCBF43926, "crc32c": 0xE3069283, "crc64nvme": 0xAE8B14860A799888}


@pytest.mark.parametrize("kind", CHECK)
def test_the_published_check_values(kind):
    summing = checksums.new(kind)
    summing.update(b"12345")
    summing.update(memoryview(b"6789"))
    assert int.from_bytes(summing.digest(), "big") == CHECK[kind]
    assert checksums._by_table(kind)(b"123456789") == CHECK[kind]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=6))
def test_the_crc_of_a_whole_is_joined_from_its_parts(parts):
    for kind in CHECK:
        step = checksums._by_table(kind)
        sums = [(step(part).to_bytes(checksums.SIZES[kind], "big"), len(part)) for part in parts]
        assert checksums.join(kind, sums) == step(b"".join(parts)).to_bytes(checksums.SIZES[kind], "big")


def test_digests_are_base64():
    assert checksums.of("sha256", b"") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert checksums.of("sha1", b"a") == checksums.text(hashlib.sha1(b"a").digest())
    assert checksums.of("crc32", b"abc") == checksums.text(zlib.crc32(b"abc").to_bytes(4, "big"))
