import json

import pytest
from botocore.exceptions import ClientError


def refused(fn, code, message=None, **kw):
    with pytest.raises(ClientError) as it:
        fn(**kw)
    assert it.value.response["Error"]["Code"] == code
    if message:
        assert message in it.value.response["Error"]["Message"]
    return it.value.response


def test_an_api_is_made_with_a_root_and_two_models(cloud):
    gw = cloud.client("apigateway")
    api = gw.create_rest_api(name="pets", description="d", tags={"a": "b"})
    assert len(api["id"]) == 10 and api["endpointConfiguration"]["types"] == ["EDGE"] and api["apiKeySource"] == "HEADER" and api["tags"] == {"a": "b"}
    [root] = gw.get_resources(restApiId=api["id"])["items"]
    assert root == {"id": api["rootResourceId"], "path": "/"}
    assert [m["name"] for m in gw.get_models(restApiId=api["id"])["items"]] == ["Empty", "Error"]
    assert gw.get_rest_api(restApiId=api["id"])["name"] == "pets"
    assert [a["id"] for a in gw.get_rest_apis()["items"]] == [api["id"]]
    gw.delete_rest_api(restApiId=api["id"])
    refused(gw.get_rest_api, "NotFoundException", f"Invalid API identifier specified {cloud.account}:{api['id']}", restApiId=api["id"])


def test_an_api_is_patched(cloud):
    gw = cloud.client("apigateway")
    api = gw.create_rest_api(name="a")["id"]
    changed = gw.update_rest_api(restApiId=api, patchOperations=[
        {"op": "replace", "path": "/name", "value": "b"}, {"op": "add", "path": "/binaryMediaTypes/image~1png"},
        {"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}, {"op": "replace", "path": "/minimumCompressionSize", "value": "10"},
        {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
    ])
    assert (changed["name"], changed["binaryMediaTypes"], changed["disableExecuteApiEndpoint"], changed["minimumCompressionSize"]) == ("b", ["image/png"], True, 10)
    assert changed["endpointConfiguration"]["types"] == ["REGIONAL"]
    changed = gw.update_rest_api(restApiId=api, patchOperations=[{"op": "remove", "path": "/binaryMediaTypes/image~1png"}])
    assert changed["binaryMediaTypes"] == []
    refused(gw.update_rest_api, "BadRequestException", "Invalid patch path", restApiId=api, patchOperations=[{"op": "replace", "path": "/nonsense", "value": "x"}])


def test_a_policy_comes_back_with_its_quotes_escaped(cloud):
    gw = cloud.client("apigateway")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert gw.create_rest_api(name="a", policy=policy)["policy"] == policy.replace('"', '\\"')


def test_resources_form_a_tree(cloud):
    gw = cloud.client("apigateway")
    api = gw.create_rest_api(name="a")
    kw, root = {"restApiId": api["id"]}, api["rootResourceId"]
    pets = gw.create_resource(**kw, parentId=root, pathPart="pets")
    assert (pets["path"], pets["parentId"], pets["pathPart"]) == ("/pets", root, "pets")
    one = gw.create_resource(**kw, parentId=pets["id"], pathPart="{id}")
    assert one["path"] == "/pets/{id}"
    refused(gw.create_resource, "ConflictException", "Another resource with the same parent already has this name: pets", **kw, parentId=root, pathPart="pets")
    refused(gw.create_resource, "BadRequestException", "A sibling ({id}) of this resource already has a variable path part", **kw, parentId=pets["id"], pathPart="{other}")
    refused(gw.create_resource, "BadRequestException", "Resource's path part only allow", **kw, parentId=root, pathPart="a/b")
    refused(gw.create_resource, "NotFoundException", "Invalid Resource identifier specified", **kw, parentId="zzz", pathPart="a")
    greedy = gw.create_resource(**kw, parentId=one["id"], pathPart="{proxy+}")
    refused(gw.create_resource, "BadRequestException", "Cannot create a child of a resource with a greedy path variable", **kw, parentId=greedy["id"], pathPart="a")
    moved = gw.update_resource(**kw, resourceId=pets["id"], patchOperations=[{"op": "replace", "path": "/pathPart", "value": "cats"}])
    assert moved["path"] == "/cats"
    assert gw.get_resource(**kw, resourceId=greedy["id"])["path"] == "/cats/{id}/{proxy+}"
    gw.delete_resource(**kw, resourceId=pets["id"])
    assert len(gw.get_resources(**kw)["items"]) == 1
    refused(gw.delete_resource, "BadRequestException", **kw, resourceId=root)
