"""The pairs of a key value store: put, read, listed, changed many at a time, and never by who has not seen the store as it is."""
from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


@pytest.fixture
def ask(cloud):
    """boto3 signs this service with SigV4A, which needs awscrt; the plain signature is good as well."""
    arn = cloud.client("cloudfront").create_key_value_store(Name="s")["KeyValueStore"]["ARN"]

    def ask(method, path="", body=None, version="", arn=arn):
        url = f"{cloud.url}/key-value-stores/{urllib.parse.quote(arn, safe='')}{path}"
        data = json.dumps(body).encode() if body is not None else None
        request = AWSRequest(method, url, data=data, headers={"content-type": "application/json", **({"If-Match": version} if version else {})})
        SigV4Auth(Credentials(cloud.account, "test"), "cloudfront-keyvaluestore", "us-east-1").add_auth(request)
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, dict(request.headers), method=method)) as answer:
                return answer.status, json.loads(answer.read() or b"{}"), answer.headers.get("etag")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}"), error.headers.get("x-amzn-errortype")
    return ask


def test_pairs_are_put_read_and_deleted_by_who_knows_the_version(ask):
    """describe_key_value_store, put_key, get_key, delete_key."""
    _, told, version = ask("GET")
    assert (told["ItemCount"], told["TotalSizeInBytes"], told["Status"]) == (0, 0, "READY")
    status, answer, new = ask("PUT", "/keys/a", {"Value": "one"}, version)
    assert (status, answer) == (200, {"ItemCount": 1, "TotalSizeInBytes": 4}) and new != version
    assert ask("PUT", "/keys/b", {"Value": "two"}, version)[0] == 409 and ask("PUT", "/keys/b", {"Value": "two"})[0] == 400
    assert ask("GET", "/keys/a")[1] == {"Key": "a", "Value": "one", "ItemCount": 1, "TotalSizeInBytes": 4}
    assert ask("GET", "/keys/none")[0] == 404 and ask("PUT", "/keys/c", {"Value": "x" * 1025}, new)[0] == 400
    _, answer, last = ask("DELETE", "/keys/a", version=new)
    assert answer["ItemCount"] == 0 and ask("DELETE", "/keys/a", version=last)[0] == 404
    assert ask("GET", arn="arn:aws:cloudfront::000000000000:key-value-store/00000000-0000-0000-0000-000000000000")[0] == 404


def test_many_pairs_are_changed_at_once_and_listed_page_by_page(ask):
    """update_keys, list_keys."""
    _, _, version = ask("GET")
    _, answer, version = ask("POST", "/keys", {"Puts": [{"Key": f"k{i:02}", "Value": "v"} for i in range(12)]}, version)
    assert answer == {"ItemCount": 12, "TotalSizeInBytes": 48}
    first = ask("GET", "/keys?MaxResults=10")[1]
    assert [one["Key"] for one in first["Items"]] == [f"k{i:02}" for i in range(10)]
    rest = ask("GET", "/keys?NextToken=" + urllib.parse.quote(first["NextToken"]))[1]
    assert [one["Key"] for one in rest["Items"]] == ["k10", "k11"] and "NextToken" not in rest
    _, answer, version = ask("POST", "/keys", {"Puts": [{"Key": "k00", "Value": "longer"}], "Deletes": [{"Key": "k01"}]}, version)
    assert answer == {"ItemCount": 11, "TotalSizeInBytes": 49} and ask("GET", "/keys/k00")[1]["Value"] == "longer"
    assert ask("POST", "/keys", {"Puts": [{"Key": "x", "Value": "1"}], "Deletes": [{"Key": "none"}]}, version)[0] == 400 and ask("GET", "/keys/x")[0] == 404
    assert ask("POST", "/keys", {"Puts": [{"Key": f"{i}", "Value": "v"} for i in range(51)]}, version)[0] == 400
