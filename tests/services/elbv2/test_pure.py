"""The pure rooms of the data plane: rules, headers, cookies, choices and events, without a socket."""
import random
from types import SimpleNamespace

import pytest

from cloche.services.elbv2 import health
from cloche.services.elbv2.health import Found
from cloche.services.elbv2.targets import Target
from cloche.services.elbv2.traffic import choosing, cookies, lambda_events, matching, rewriting
from cloche.services.elbv2.traffic.matching import Asked
from cloche.services.elbv2.traffic.rewriting import Door

ASKED = Asked("GET", "www.example.com", "/img/a.png", "v=1&w=Two", [("user-agent", "Mozilla/5.0"), ("x-a", "1"), ("x-a", "2")], "10.1.2.3")


@pytest.mark.parametrize("field,config,wanted", [
    ("host-header", {"Values": ["*.EXAMPLE.com"]}, True), ("host-header", {"Values": ["example.com"]}, False), ("host-header", {"RegexValues": [r"^w+\."]}, True),
    ("path-pattern", {"Values": ["/img/*.png"]}, True), ("path-pattern", {"Values": ["/img/?.png"]}, True), ("path-pattern", {"Values": ["/IMG/*"]}, False), ("path-pattern", {"Values": ["/img"]}, False),
    ("http-header", {"HttpHeaderName": "User-Agent", "Values": ["*mozilla*"]}, True), ("http-header", {"HttpHeaderName": "X-A", "Values": ["2"]}, True),
    ("http-header", {"HttpHeaderName": "X-B", "Values": ["*"]}, False), ("http-request-method", {"Values": ["POST", "GET"]}, True), ("http-request-method", {"Values": ["POST"]}, False),
    ("query-string", {"Values": [{"Key": "w", "Value": "two"}]}, True), ("query-string", {"Values": [{"Value": "1"}]}, True), ("query-string", {"Values": [{"Key": "v", "Value": "2"}]}, False),
    ("source-ip", {"Values": ["10.0.0.0/8"]}, True), ("source-ip", {"Values": ["192.168.0.0/16", "2001:db8::/32"]}, False),
])
def test_a_condition_holds_or_not(field, config, wanted):
    assert matching.holds([{"Field": field, matching.CONDITIONS[field][0]: config}], ASKED) is wanted


def test_an_expression_that_never_ends_does_not_match():
    assert not matching.fits("a" * 60 + "!", {"RegexValues": ["^(a+)+$"]})


def test_targets_see_who_came_and_how():
    raw = [("Host", "h"), ("Connection", "keep-alive, X-Gone"), ("X-Gone", "1"), ("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "lies"), ("A_b", "2"), ("A", "1"), ("A", "2")]
    door = Door("https", 443, "h", "2.2.2.2", 1234)
    out = rewriting.forwarded(raw, door, "Root=1-a-b")
    assert out == [("Host", "h"), ("A_b", "2"), ("A", "1"), ("A", "2"), ("X-Forwarded-For", "1.1.1.1, 2.2.2.2"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443"), ("X-Amzn-Trace-Id", "Root=1-a-b")]
    assert ("X-Forwarded-For", "1.1.1.1, 2.2.2.2:1234") in rewriting.forwarded(raw, door, "", with_port=True)
    assert [v for k, v in rewriting.forwarded(raw, door, "", mode="preserve") if k == "X-Forwarded-For"] == ["1.1.1.1"]
    assert not [v for k, v in rewriting.forwarded(raw, door, "", mode="remove") if k == "X-Forwarded-For"]
    assert "A_b" not in dict(rewriting.forwarded(raw, door, "", drop_invalid=True))


def test_a_trace_is_begun_or_gone_on_with():
    assert rewriting.trace_id("", 0x12345678, "f" * 24) == f"Root=1-12345678-{'f' * 24}"
    assert rewriting.trace_id("Root=1-1-2;Self=old;CalledFrom=app", 0x12345678, "f" * 24) == f"Self=1-12345678-{'f' * 24};Root=1-1-2;CalledFrom=app"


def test_a_cookie_can_be_kept_but_not_made():
    key = bytes(32)
    text = cookies.seal(key, bytes(12), ["AWSALB", "tg/i-1:80", 5.0])
    assert cookies.unseal(key, text) == ["AWSALB", "tg/i-1:80", 5.0] and "i-1" not in text
    assert cookies.unseal(bytes(31) + b"x", text) is None and cookies.unseal(key, "x" + text[1:]) is None and cookies.unseal(key, "no") is None
    assert cookies.given([("Cookie", "a=1; b=2"), ("cookie", "a=3; c=x=y")]) == {"a": "1", "b": "2", "c": "x=y"}


def one(key, state="healthy", draining=0.0, since=0.0):
    return SimpleNamespace(key=key, state=state, draining=draining, since=since)


def test_only_healthy_targets_are_chosen_and_without_any_all_are():
    there = [one("a"), one("b", "unhealthy"), one("c", "initial"), one("d", draining=9.0)]
    assert [t.key for t in choosing.candidates(there)] == ["a"]
    assert [t.key for t in choosing.candidates(there[1:])] == ["b", "c"]           # fail open, but never to one that drains
    assert [t.key for t in choosing.candidates(there, percentage=50)] == ["a", "b", "c"]
    dice, turns = random.Random(1), {}
    pick = lambda algorithm="round_robin", busy={}, share=lambda t: 1.0: choosing.target([one("a"), one("b")], algorithm, turns, "g", busy, dice, share).key
    assert [pick() for _ in range(4)] == ["a", "b", "a", "b"]
    assert {pick("least_outstanding_requests", {"a": 3, "b": 1}) for _ in range(5)} == {"b"}
    slow = [pick(share=lambda t: 0.1 if t.key == "b" else 1.0) for _ in range(200)]
    assert 0 < slow.count("b") < 40
    assert choosing.share(100.0, 115.0, 30.0) == 0.5 and choosing.share(100.0, 130.0, 30.0) == 1.0


def test_weights_are_shares():
    groups = [{"TargetGroupArn": "a", "Weight": 3}, {"TargetGroupArn": "b", "Weight": 1}, {"TargetGroupArn": "c", "Weight": 0}]
    dice = random.Random(2)
    got = [choosing.group(groups, dice) for _ in range(1000)]
    assert 650 < got.count("a") < 850 and got.count("c") == 0


def test_thresholds_are_counted_in_a_row():
    check = {"HealthyThresholdCount": 3, "UnhealthyThresholdCount": 2}
    good, bad = Found(True), Found(False, "Target.Timeout")

    def run(*found, state="initial"):
        target = Target("arn:x:targetgroup/tg/1", "i-1", 0.0, state=state)
        for each in found:
            target = health.judged(target, check, each, 10.0)
        return target.state, target.reason

    assert run(good) == ("healthy", "")                                           # a new target needs one
    assert run(bad) == ("initial", "Elb.InitialHealthChecking") and run(bad, bad) == ("unhealthy", "Target.Timeout")
    assert run(bad, state="healthy")[0] == "healthy" and run(bad, good, bad, state="healthy")[0] == "healthy" and run(bad, bad, state="healthy")[0] == "unhealthy"
    assert run(good, good, state="unhealthy")[0] == "unhealthy" and run(good, good, bad, good, state="unhealthy")[0] == "unhealthy" and run(good, good, good, state="unhealthy")[0] == "healthy"


def test_an_answer_of_a_function_is_http_or_nothing():
    said = lambda_events.answer(b'{"statusCode": 201, "statusDescription": "201 Created", "headers": {"A": "b", "n": 1}, "body": "aGk=", "isBase64Encoded": true}', False)
    assert (said.status, said.headers, said.body) == (201, [("A", "b"), ("n", "1")], b"hi")
    for text in (b"[]", b'{"statusCode": 99}', b'{"statusCode": 200, "body": "%", "isBase64Encoded": true}', b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}', b"not json"):
        with pytest.raises(lambda_events.Malformed):
            lambda_events.answer(text, False)
