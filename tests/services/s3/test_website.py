"""A bucket's web site: both forms of its host, rules by key and by status, what a visitor may not do."""
from __future__ import annotations

import pytest

from .test_settings import ask, open_to_all


@pytest.fixture(params=["s3-website-us-east-1.amazonaws.com", "s3-website.us-east-1.amazonaws.com", "s3-website.localhost"])
def host(request, bucket):
    return f"{bucket}.{request.param}"


@pytest.fixture
def site(s3, bucket):
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=open_to_all(bucket))
    for key in ("index.html", "docs/index.html", "error.html"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
    return bucket


def put(s3, bucket, *rules, **more):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}} | more
                          | ({"RoutingRules": list(rules)} if rules else {}))


def test_a_site_answers_under_both_forms_of_its_host(cloud, s3, site, host):
    put(s3, site)
    s3.put_object(Bucket=site, Key="moved", Body=b"", WebsiteRedirectLocation="https://example.com/new")
    assert ask(cloud, "GET", "/", host)[::2] == (200, b"index.html")
    assert ask(cloud, "GET", "/docs/", host)[2] == b"docs/index.html"
    status, headers, _ = ask(cloud, "GET", "/docs", host)
    assert (status, headers["location"]) == (302, "/docs/")
    assert ask(cloud, "GET", "/none", host)[::2] == (404, b"error.html")  # the page is the owner's, the status stays
    status, headers, _ = ask(cloud, "GET", "/moved", host)
    assert (status, headers["location"]) == (301, "https://example.com/new")
    status, headers, body = ask(cloud, "HEAD", "/index.html", host)
    assert (status, headers["content-length"], body) == (200, "10", b"")
    for method in ("PUT", "POST", "DELETE"):
        assert ask(cloud, method, "/index.html", host)[0] == 405


def test_rules_may_wait_for_a_status(cloud, s3, site, host):
    put(s3, site, {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "img/"}, "Redirect": {"HostName": "img.example.com", "ReplaceKeyPrefixWith": "404/"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "404"}, "Redirect": {"ReplaceKeyWith": "search.html", "Protocol": "https", "HttpRedirectCode": "307"}},
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}})
    s3.put_object(Bucket=site, Key="img/there", Body=b"x")
    assert ask(cloud, "GET", "/img/there", host)[::2] == (200, b"x")
    status, headers, _ = ask(cloud, "GET", "/img/a", host)
    assert (status, headers["location"]) == (301, "http://img.example.com/404/a")
    status, headers, _ = ask(cloud, "GET", "/nothing", host)
    assert (status, headers["location"]) == (307, f"https://{host}/search.html")
    status, headers, _ = ask(cloud, "GET", "/old/x", host)
    assert (status, headers["location"]) == (301, f"http://{host}/new/x")


def test_a_site_may_send_everybody_elsewhere(cloud, s3, site, host):
    s3.put_bucket_website(Bucket=site, WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
    status, headers, _ = ask(cloud, "GET", "/a/b", host)
    assert (status, headers["location"]) == (301, "https://example.com/a/b")


def test_a_signature_opens_nothing_on_a_site(cloud, s3, bucket):
    """A visitor is anonymous, whatever comes along: what the owner could read is 403."""
    put(s3, bucket)
    s3.put_object(Bucket=bucket, Key="index.html", Body=b"x")
    signed = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "index.html"}).partition("?")[2]
    status, _, body = ask(cloud, "GET", f"/index.html?{signed}", f"{bucket}.s3-website-us-east-1.amazonaws.com")
    assert status == 403 and b"<html>" in body
