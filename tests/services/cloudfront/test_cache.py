"""The cache: what is kept, how long, under which key, and how it is asked about again."""
from __future__ import annotations

import threading

import pytest

from cloche.engines import brotli

from .edge import DISABLED, behaviour, custom, listed, made, unzipped, view

LEGACY = {"QueryString": False, "Cookies": {"Forward": "none"}}


def legacy(**more):
    values = {"ForwardedValues": {**LEGACY, **more.pop("forward", {})}, "MinTTL": 0, **more}
    return behaviour(**values)


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
    assert view(cloud, one, "/a.txt", host=one["DomainName"].replace(".net", ".localhost")).cache == "Hit"


def test_how_long_is_what_the_origin_says_within_the_policys_bounds(cloud, origin):
    said = {"/none": {}, "/max": {"cache-control": "max-age=100"}, "/shared": {"cache-control": "max-age=5, s-maxage=200"}, "/long": {"cache-control": "max-age=99999"},
            "/short": {"cache-control": "max-age=1"}, "/never": {"cache-control": "no-store"}, "/private": {"cache-control": "private, max-age=300"}}
    for path, headers in said.items():
        origin.answers[path] = (200, headers, b"x")
    # no-store is kept for the minimum, which here is 20 seconds
    one = made(cloud, custom(origin.port), default=legacy(MinTTL=20, DefaultTTL=50, MaxTTL=300))
    for path in said:
        assert view(cloud, one, path).cache == "Miss"
    fresh = {path: 0 for path in said}
    for seconds in (0, 15, 30, 40, 80, 120):   # from the beginning: 0, 15, 45, 85, 165, 285
        cloud.advance(seconds)
        for path in said:
            fresh[path] += view(cloud, one, path, "HEAD").cache == "Hit"
    assert fresh == {"/none": 3, "/max": 4, "/shared": 5, "/long": 6, "/short": 2, "/never": 2, "/private": 2}


def test_without_a_minimum_no_store_and_private_are_not_kept(cloud, origin):
    origin.answers |= {f"/{word}": (200, {"cache-control": word}, b"x") for word in ("no-store", "private", "no-cache")}
    origin.answers["/expired"] = (200, {"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, b"x")
    one = made(cloud, custom(origin.port), default=legacy())
    for path in origin.answers:
        assert [view(cloud, one, path).cache for _ in range(2)] == ["Miss", "Miss"], path
    other = made(cloud, custom(origin.port), default=behaviour(policy=DISABLED))
    assert [view(cloud, other, "/x").cache for _ in range(2)] == ["Miss", "Miss"]


def test_an_old_answer_is_asked_about_and_may_still_be_good(cloud, origin):
    def answer(seen):
        if seen["headers"].get("if-none-match") == '"v1"':
            return 304, {"etag": '"v1"', "cache-control": "max-age=60"}, b""
        return 200, {"etag": '"v1"', "cache-control": "max-age=60", "content-type": "text/plain"}, b"the whole"
    origin.answers["/e"] = answer
    one = made(cloud, custom(origin.port))
    assert view(cloud, one, "/e").cache == "Miss"
    cloud.advance(61)
    again = view(cloud, one, "/e")
    assert (again.cache, again.status, again.body, again.headers["age"]) == ("RefreshHit", 200, b"the whole", "0")
    assert view(cloud, one, "/e").cache == "Hit" and len(origin.asked) == 2
    cloud.advance(61)
    origin.answers["/e"] = (200, {"etag": '"v2"', "cache-control": "max-age=60"}, b"another")
    assert (view(cloud, one, "/e").cache, view(cloud, one, "/e").body) == ("Miss", b"another")


def test_a_viewers_own_conditions_and_ranges_are_answered_from_the_cache(cloud, origin):
    body = bytes(range(256)) * 1000                 # lies in a file
    origin.answers["/f"] = (200, {"etag": '"v"', "last-modified": "Wed, 21 Oct 2015 07:28:00 GMT", "content-type": "application/octet-stream"}, body)
    one = made(cloud, custom(origin.port))
    part = view(cloud, one, "/f", range="bytes=10-19")
    assert (part.status, part.body, part.headers["content-range"], part.cache) == (206, body[10:20], "bytes 10-19/256000", "Miss")
    assert "range" not in origin.asked[0]["headers"] and view(cloud, one, "/f").body == body
    assert view(cloud, one, "/f", range="bytes=-5").body == body[-5:] and view(cloud, one, "/f", range="bytes=255990-").body == body[-10:]
    wrong = view(cloud, one, "/f", range="bytes=900000-")
    assert (wrong.status, wrong.headers["content-range"]) == (416, "bytes */256000")
    assert view(cloud, one, "/f", if_none_match='"v"').status == 304 and view(cloud, one, "/f", if_none_match='"w"').status == 200
    assert view(cloud, one, "/f", if_modified_since="Thu, 22 Oct 2015 07:28:00 GMT").status == 304
    head = view(cloud, one, "/f", "HEAD")
    assert (head.cache, head.headers["content-length"], head.body) == ("Hit", "256000", b"")
    assert len(origin.asked) == 1


def test_the_key_is_the_path_and_what_the_policy_chooses(cloud, origin):
    api = cloud.client("cloudfront")
    keyed = {"EnableAcceptEncodingGzip": False, "EnableAcceptEncodingBrotli": False, "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": listed("X-Tenant")},
             "CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": listed("lang")}, "QueryStringsConfig": {"QueryStringBehavior": "allExcept", "QueryStrings": listed("utm")}}
    policy = api.create_cache_policy(CachePolicyConfig={"Name": "keyed", "MinTTL": 0, "ParametersInCacheKeyAndForwardedToOrigin": keyed})["CachePolicy"]
    one = made(cloud, custom(origin.port), default=behaviour(policy=policy["Id"]))
    assert view(cloud, one, "/k?a=1&utm=x", x_tenant="t", cookie="lang=de; other=1", x_other="y").cache == "Miss"
    sent = origin.asked[0]
    assert sent["target"] == "/k?a=1" and sent["headers"]["cookie"] == "lang=de" and sent["headers"]["x-tenant"] == "t" and "x-other" not in sent["headers"]
    assert view(cloud, one, "/k?utm=z&a=1", x_tenant="t", cookie="lang=de; other=2").cache == "Hit"
    for path, more in (("/k?a=2", {}), ("/K?a=1", {}), ("/k?a=1", {"x_tenant": "u"}), ("/k?a=1", {"cookie": "lang=fr"})):
        assert view(cloud, one, path, **{"x_tenant": "t", "cookie": "lang=de", **more}).cache == "Miss", path


def test_older_settings_choose_query_cookies_and_headers_too(cloud, origin):
    forward = {"QueryString": True, "QueryStringCacheKeys": listed("page"), "Cookies": {"Forward": "whitelist", "WhitelistedNames": listed("s*")}, "Headers": listed("Accept-Language")}
    one = made(cloud, custom(origin.port), default=legacy(forward=forward))
    assert view(cloud, one, "/l?page=1&x=1", cookie="sid=1; other=2", accept_language="de", x_custom="c", accept="text/html").cache == "Miss"
    sent = origin.asked[0]
    assert sent["target"] == "/l?page=1&x=1" and sent["headers"]["cookie"] == "sid=1" and sent["headers"]["accept-language"] == "de"
    assert sent["headers"]["x-custom"] == "c" and "accept" not in sent["headers"]
    assert view(cloud, one, "/l?page=1&x=2", cookie="sid=1", accept_language="de").cache == "Hit"
    assert view(cloud, one, "/l?page=1", cookie="sid=1", accept_language="fr").cache == "Miss" and view(cloud, one, "/l?page=2", cookie="sid=1", accept_language="de").cache == "Miss"
    origin.answers["/c"] = (200, {"set-cookie": "a=b"}, b"x")
    everything = made(cloud, custom(origin.port), default=legacy(forward={"Headers": listed("*")}))
    assert [view(cloud, everything, "/all").cache for _ in range(2)] == ["Miss", "Miss"]
    assert origin.asked[-1]["headers"]["host"] == everything["DomainName"]
    none = made(cloud, custom(origin.port), default=legacy())
    assert "set-cookie" not in view(cloud, none, "/c").headers


def test_texts_are_compressed_as_the_viewer_can_read_them(cloud, origin):
    text = b"all work and no play " * 200
    origin.answers |= {"/t": (200, {"content-type": "text/css", "etag": '"t"'}, text), "/small": (200, {"content-type": "text/css"}, b"x"), "/p": (200, {"content-type": "image/png"}, text)}
    one = made(cloud, custom(origin.port), default=behaviour(Compress=True))
    zipped = view(cloud, one, "/t", accept_encoding="gzip")
    assert zipped.headers["content-encoding"] == "gzip" and zipped.headers["vary"] == "Accept-Encoding" and zipped.headers["etag"] == 'W/"t"' and unzipped(zipped.body) == text
    assert origin.asked[0]["headers"]["accept-encoding"] == "gzip"
    both = view(cloud, one, "/t", accept_encoding="gzip, deflate, br")
    assert both.cache == "Miss" and both.headers["content-encoding"] == ("br" if brotli.available() else "gzip") and len(both.body) < len(text) // 4
    plain = view(cloud, one, "/t")
    assert plain.cache == "Miss" and plain.body == text and "content-encoding" not in plain.headers
    assert [view(cloud, one, "/t", accept_encoding=x).cache for x in ("gzip;q=1", "br, gzip", "identity")] == ["Hit"] * 3
    assert "content-encoding" not in view(cloud, one, "/small", accept_encoding="gzip").headers and "content-encoding" not in view(cloud, one, "/p", accept_encoding="gzip").headers


def test_errors_are_kept_ten_seconds_or_as_long_as_configured(cloud, origin):
    origin.answers |= {"/404": (404, {}, b"no"), "/403": (403, {}, b"no"), "/500": (500, {}, b"broken"), "/405": (405, {"cache-control": "max-age=300"}, b"no")}
    errors = listed({"ErrorCode": 500, "ErrorCachingMinTTL": 600}, {"ErrorCode": 403, "ErrorCachingMinTTL": 60})
    one = made(cloud, custom(origin.port), CustomErrorResponses=errors)
    paths = ("/404", "/403", "/500", "/405")
    for path in paths:
        seen = view(cloud, one, path)
        assert (seen.status, seen.cache) == (int(path[1:]), "Error")

    def still(seconds):
        cloud.advance(seconds)
        before = {path: sum(a["target"] == path for a in origin.asked) for path in paths}
        return [path for path in paths if view(cloud, one, path).cache == "Error" and sum(a["target"] == path for a in origin.asked) == before[path]]
    assert still(0) == list(paths)
    assert still(30) == ["/403", "/500", "/405"]
    assert still(100) == ["/500", "/405"]


def test_while_the_origin_is_in_trouble_an_old_answer_stands_in(cloud, origin):
    origin.answers |= {"/s": (200, {"cache-control": "max-age=10", "etag": '"1"'}, b"good"), "/m": (200, {"cache-control": "max-age=10, must-revalidate"}, b"good")}
    one = made(cloud, custom(origin.port))
    for path in ("/s", "/m"):
        view(cloud, one, path)
        origin.answers[path] = (503, {}, b"down")
    cloud.advance(20)
    assert (view(cloud, one, "/s").status, view(cloud, one, "/s").body) == (200, b"good")
    assert view(cloud, one, "/m").status == 503


def test_many_who_want_the_same_ask_the_origin_once(cloud, origin):
    gate, here = threading.Event(), threading.Event()

    def slow(seen):
        here.set()
        gate.wait(10)
        return 200, {"cache-control": "max-age=60"}, b"once"
    origin.answers["/slow"] = slow
    one = made(cloud, custom(origin.port))
    found = []
    threads = [threading.Thread(target=lambda: found.append(view(cloud, one, "/slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert here.wait(10)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert [seen.body for seen in found] == [b"once"] * 4 and len(origin.asked) == 1


def test_an_invalidation_throws_away_what_its_paths_name(cloud, origin):
    api = cloud.client("cloudfront")
    one = made(cloud, custom(origin.port))
    for path in ("/a/1", "/a/2", "/b"):
        view(cloud, one, path)
    batch = {"Paths": listed("/a/*"), "CallerReference": "r1"}
    told = api.create_invalidation(DistributionId=one["Id"], InvalidationBatch=batch)["Invalidation"]
    assert told["Status"] == "InProgress" and told["Id"].startswith("I")
    assert api.get_distribution(Id=one["Id"])["Distribution"]["InProgressInvalidationBatches"] == 1
    cloud.advance(10)
    assert api.get_invalidation(DistributionId=one["Id"], Id=told["Id"])["Invalidation"]["Status"] == "Completed"
    assert [view(cloud, one, path).cache for path in ("/a/1", "/a/2", "/b")] == ["Miss", "Miss", "Hit"]
    assert api.create_invalidation(DistributionId=one["Id"], InvalidationBatch=batch)["Invalidation"]["Id"] == told["Id"]
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_invalidation(DistributionId=one["Id"], InvalidationBatch={"Paths": listed("/c"), "CallerReference": "r1"})
    with pytest.raises(api.exceptions.InconsistentQuantities):
        api.create_invalidation(DistributionId=one["Id"], InvalidationBatch={"Paths": {"Quantity": 2, "Items": ["/c"]}, "CallerReference": "r2"})
    with pytest.raises(api.exceptions.TooManyInvalidationsInProgress):
        api.create_invalidation(DistributionId=one["Id"], InvalidationBatch={"Paths": listed(*(f"/{i}/*" for i in range(16))), "CallerReference": "r3"})
    api.create_invalidation(DistributionId=one["Id"], InvalidationBatch={"Paths": listed("/b"), "CallerReference": "r4"})
    assert view(cloud, one, "/b").cache == "Miss"
    assert [x["Id"] for x in api.list_invalidations(DistributionId=one["Id"])["InvalidationList"]["Items"]][-1] == told["Id"]
    with pytest.raises(api.exceptions.NoSuchInvalidation):
        api.get_invalidation(DistributionId=one["Id"], Id="INONE")
