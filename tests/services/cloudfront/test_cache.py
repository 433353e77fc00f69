"""The cache: what is kept, how long, under which key, and how it is asked about again."""
from __future__ import annotations

from .edge import behaviour, config, custom, listed, made, unzipped, view

LEGACY = {"QueryString": False, "Cookies": {"Forward": "none"}}


def test_a_second_viewer_is_told_from_the_cache(cloud, origin):
    one = made(cloud, custom(origin.port))
    first = view(cloud, one, "/a.txt")
    second = view(cloud, one, "/a.txt")
    assert (first.status, first.cache, second.cache) == (200, "Miss", "Hit")
    assert first.body == second.body == b"hello 1" and len(origin.asked) == 1
    assert "age" not in first.headers and second.headers["age"].isdigit()
    assert second.headers["via"].startswith("1.1 ") and second.headers["via"].endswith(".cloudfront.net (CloudFront)")
    assert second.headers["x-amz-cf-pop"] and len(second.headers["x-amz-cf-id"]) == 56
    assert origin.asked[0]["headers"]["user-agent"] == "Amazon CloudFront" and origin.asked[0]["headers"]["host"] == "localhost"
