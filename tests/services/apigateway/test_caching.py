"""The stage's cache: what is kept, for whom, and who may throw it away."""
import pytest

from .conftest import Api
from .test_apis import refused

ON = {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}
FRESH = {"Cache-Control": "max-age=0"}


def patched(api, **settings):
    names = {"ttl": "ttlInSeconds", "strategy": "unauthorizedCacheControlHeaderStrategy", "asks": "requireAuthorizationForCacheControl"}
    return api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[ON, *({"op": "replace", "path": f"/*/*/caching/{names[k]}", "value": v} for k, v in settings.items())])


@pytest.fixture
def cached(cloud):
    """An API whose answers are different each time, behind a cache that is ready."""
    api = Api(cloud)
    api.mock("/a", template="$context.requestId", requestParameters={"method.request.header.X-Kind": False})
    api.mock("/a", "POST", template="$context.requestId")
    api.mock("/p/{id}", template="$context.requestId")
    api.gw.update_integration(restApiId=api.id, resourceId=api.place("/a"), httpMethod="GET", patchOperations=[{"op": "add", "path": "/cacheKeyParameters/method.request.header.X-Kind", "value": ""}])
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    assert api.gw.get_stage(restApiId=api.id, stageName="dev")["cacheClusterStatus"] == "CREATE_IN_PROGRESS"
    cloud.advance(minutes=5)
    assert api.gw.get_stage(restApiId=api.id, stageName="dev")["cacheClusterStatus"] == "AVAILABLE"
    return api


def test_only_get_is_cached_unless_a_method_says_so_itself(cached):
    setting = patched(cached)["methodSettings"]["*/*"]
    assert (setting["cacheTtlInSeconds"], setting["requireAuthorizationForCacheControl"], setting["unauthorizedCacheControlHeaderStrategy"]) == (300, True, "SUCCEED_WITH_RESPONSE_HEADER")
    assert cached.call("/a").body == cached.call("/a").body
    assert cached.call("/a", "POST").body != cached.call("/a", "POST").body
    cached.gw.update_stage(restApiId=cached.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/~1a/POST/caching/enabled", "value": "true"}])
    assert cached.call("/a", "POST").body == cached.call("/a", "POST").body
    cached.gw.update_stage(restApiId=cached.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/~1a/GET/caching/enabled", "value": "false"}])
    assert cached.call("/a").body != cached.call("/a").body, "a method's own setting wins over the stage's"


def test_the_key_is_the_path_and_what_the_method_declares(cached):
    patched(cached)
    assert cached.call("/p/1").body == cached.call("/p/1").body != cached.call("/p/2").body
    first = cached.call("/a", headers={"X-Kind": "x"}).body
    assert cached.call("/a?anything=1", headers={"X-Kind": "x", "X-Other": "1"}).body == first != cached.call("/a", headers={"X-Kind": "y"}).body


def test_an_answer_lives_as_long_as_the_stage_says(cached):
    for bad in ("-1", "3601"):
        refused(cached.gw.update_stage, "BadRequestException", None, restApiId=cached.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/*/*/caching/ttlInSeconds", "value": bad}])
    patched(cached, ttl="3600")
    first = cached.call("/a").body
    cached.cloud.advance(3590)
    assert cached.call("/a").body == first
    cached.cloud.advance(11)
    assert cached.call("/a").body != first
    patched(cached, ttl="0")
    assert cached.call("/a").body != cached.call("/a").body, "0 keeps nothing"


def test_who_may_not_invalidate_is_served_from_the_cache_warned_or_refused(cached):
    patched(cached)
    first = cached.call("/a")
    assert "Warning" not in first.headers
    got = cached.call("/a", headers=FRESH)
    assert (got.body, got.headers["Warning"]) == (first.body, "199 Cache-control headers were ignored because the caller was unauthorized")
    patched(cached, strategy="SUCCEED_WITHOUT_RESPONSE_HEADER")
    got = cached.call("/a", headers=FRESH)
    assert got.body == first.body and "Warning" not in got.headers
    patched(cached, strategy="FAIL_WITH_403")
    assert cached.call("/a", headers=FRESH).status == 403 and cached.call("/a").body == first.body
    patched(cached, asks="false")
    fresh = cached.call("/a", headers=FRESH)
    assert fresh.status == 200 and fresh.body != first.body, "where nobody is asked, anybody may"
    assert cached.call("/a").body == fresh.body, "and the new answer is the kept one"


def test_a_cluster_has_one_of_eight_sizes(api):
    api.mock("/a")
    refused(api.gw.create_deployment, "BadRequestException", None, restApiId=api.id, stageName="dev", cacheClusterEnabled=True, cacheClusterSize="2")
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="6.1")
    stage = api.gw.get_stage(restApiId=api.id, stageName="dev")
    assert (stage["cacheClusterEnabled"], stage["cacheClusterSize"], stage["cacheClusterStatus"]) == (True, "6.1", "CREATE_IN_PROGRESS")
    stage = api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/cacheClusterEnabled", "value": "false"}])
    assert stage["cacheClusterStatus"] in ("NOT_AVAILABLE", "DELETE_IN_PROGRESS")
