"""The registry protocol: what docker, podman and skopeo speak at the repository's host."""
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile

import pytest

from cloche.testing import people

from .pushing import INDEX, OCI, Registry, digest, image, manifest, unpacked
from .test_repositories import refused


@pytest.fixture
def ecr(cloud):
    client = cloud.client("ecr")
    client.create_repository(repositoryName="app")
    return client


@pytest.fixture
def registry(cloud, ecr):
    return Registry(cloud)


def test_without_signing_in_nothing_is_shown(cloud, ecr):
    stranger = Registry(cloud, signed=False)
    status, headers, body = stranger("GET", "/v2/")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Basic realm=") and json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"
    assert stranger.code("GET", "/v2/app/tags/list") == (401, "UNAUTHORIZED")
    assert stranger.code("GET", "/v2/", Authorization="Basic QVdTOm5vbnNlbnNl") == (401, "UNAUTHORIZED")


def test_the_password_is_for_docker_and_good_for_twelve_hours(cloud, ecr):
    [data] = ecr.get_authorization_token()["authorizationData"]
    user, password = unpacked(data["authorizationToken"])
    assert user == "AWS" and password and f"{cloud.account}.dkr.ecr.us-east-1" in data["proxyEndpoint"]
    registry = Registry(cloud)
    assert registry("GET", "/v2/")[0] == 200
    cloud.advance(12 * 3600 + 1)
    status, _, body = registry("GET", "/v2/")
    assert (status, json.loads(body)["errors"][0]) == (403, {"code": "DENIED", "message": "Your authorization token has expired. Reauthenticate and try again."})


def test_what_is_pushed_by_the_protocol_is_found_by_the_api(ecr, registry):
    status, headers, _ = registry.image("app", "v1", b"{}", b"layer", kind=OCI)
    text = manifest(b"{}", b"layer", kind=OCI)
    assert (status, headers["Docker-Content-Digest"]) == (201, digest(text))
    [one] = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert (one["imageDigest"], one["imageTags"], one["imageManifestMediaType"]) == (digest(text), ["v1"], OCI)
    for reference in ("v1", digest(text)):
        status, headers, body = registry("GET", f"/v2/app/manifests/{reference}")
        assert (status, headers["Content-Type"], headers["Docker-Content-Digest"], body.decode()) == (200, OCI, digest(text), text)
        status, headers, body = registry("HEAD", f"/v2/app/manifests/{reference}")
        assert (status, headers["Content-Length"], body) == (200, str(len(text)), b"")
    assert registry("GET", f"/v2/app/blobs/{digest(b'layer')}")[2] == b"layer" and registry("HEAD", f"/v2/app/blobs/{digest(b'layer')}")[1]["Content-Length"] == "5"
    status, headers, body = registry("GET", f"/v2/app/blobs/{digest(b'layer')}", Range="bytes=1-3")
    assert (status, headers["Content-Range"], body) == (206, "bytes 1-3/5", b"aye")


def test_what_is_pushed_by_the_api_is_pulled_by_the_protocol(ecr, registry):
    id_ = image(ecr, "app", "v1")
    assert registry("GET", "/v2/app/manifests/v1")[1]["Docker-Content-Digest"] == id_
    assert json.loads(registry("GET", "/v2/app/tags/list")[2]) == {"name": "app", "tags": ["v1"]} and json.loads(registry("GET", "/v2/_catalog")[2]) == {"repositories": ["app"]}


def test_a_blob_may_come_in_pieces(registry):
    status, headers, _ = registry("POST", "/v2/app/blobs/uploads/", b"")
    where = headers["Location"]
    assert status == 202 and headers["Docker-Upload-UUID"]
    status, headers, _ = registry("PATCH", where, b"first ", Content_Type="application/octet-stream", Content_Range="0-5")
    assert (status, headers["Range"]) == (202, "0-5")
    assert registry("PATCH", where, b"wrong", Content_Range="9-13")[0] == 416 and registry("GET", where)[1]["Range"] == "0-5"
    registry("PATCH", where, b"second", Content_Range="6-11")
    status, headers, _ = registry("PUT", f"{where}?digest={digest(b'first second')}", b"")
    assert (status, headers["Docker-Content-Digest"]) == (201, digest(b"first second"))
    assert registry("GET", f"/v2/app/blobs/{digest(b'first second')}")[2] == b"first second"
    assert registry("POST", f"/v2/app/blobs/uploads/?digest={digest(b'at once')}", b"at once")[0] == 201
    assert registry("DELETE", registry("POST", "/v2/app/blobs/uploads/", b"")[1]["Location"])[0] == 204


def test_a_large_blob_streams_in_and_out(registry):
    data = os.urandom(1 << 20) * 5
    assert registry.blob("app", data) == 201
    assert hashlib.sha256(registry("GET", f"/v2/app/blobs/{digest(data)}")[2]).hexdigest() == digest(data)[7:]


def test_a_blob_of_another_repository_is_mounted(ecr, registry):
    ecr.create_repository(repositoryName="base")
    registry.blob("base", b"shared")
    assert registry("POST", f"/v2/app/blobs/uploads/?mount={digest(b'shared')}&from=base", b"")[0] == 201
    assert registry("POST", f"/v2/app/blobs/uploads/?mount={digest(b'none')}&from=base", b"")[0] == 202
    ecr.delete_repository(repositoryName="base", force=True)
    assert registry("GET", f"/v2/app/blobs/{digest(b'shared')}")[2] == b"shared"


def test_errors_have_the_protocols_codes(ecr, registry):
    assert registry.code("GET", "/v2/none/manifests/v1") == (404, "NAME_UNKNOWN")
    assert registry.code("GET", "/v2/app/manifests/v1") == (404, "MANIFEST_UNKNOWN")
    assert registry.code("GET", f"/v2/app/blobs/{digest(b'none')}") == (404, "BLOB_UNKNOWN")
    assert registry.code("PATCH", "/v2/app/blobs/uploads/none", b"x") == (404, "BLOB_UPLOAD_UNKNOWN")
    where = registry("POST", "/v2/app/blobs/uploads/", b"")[1]["Location"]
    assert registry.code("PUT", f"{where}?digest={digest(b'promised')}", b"sent") == (400, "DIGEST_INVALID")
    assert registry.code("PUT", "/v2/app/manifests/v1", manifest(b"{}", b"absent").encode()) == (404, "BLOB_UNKNOWN")
    assert registry.code("PUT", "/v2/app/manifests/v1", b"nonsense") == (400, "MANIFEST_INVALID")
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    assert registry.image("app", "v1", b"{}", b"one")[0] == 201 and registry.image("app", "v1", b"{}", b"one")[0] == 201
    registry.blob("app", b"two")
    assert registry.code("PUT", "/v2/app/manifests/v1", manifest(b"{}", b"two").encode()) == (400, "TAG_INVALID")


def test_each_step_asks_for_its_permission(cloud, ecr):
    arn = f"arn:aws:ecr:us-east-1:{cloud.account}:repository/app"
    reader = people.Person(cloud, "reader", people.allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], arn), people.allow("ecr:GetAuthorizationToken"))
    Registry(cloud).image("app", "v1", b"{}", b"layer")
    theirs = Registry(cloud, client=reader.client("ecr"))
    assert theirs("GET", "/v2/app/manifests/v1")[0] == 200 and theirs("GET", f"/v2/app/blobs/{digest(b'layer')}")[0] == 200
    status, _, body = theirs("POST", "/v2/app/blobs/uploads/", b"")
    error = json.loads(body)["errors"][0]
    assert (status, error["code"]) == (403, "DENIED") and "is not authorized to perform: ecr:InitiateLayerUpload on resource: " + arn in error["message"]
    assert theirs.code("DELETE", "/v2/app/manifests/v1") == (403, "DENIED")
    assert Registry(cloud)("DELETE", "/v2/app/manifests/v1")[0] == 202 and ecr.list_images(repositoryName="app")["imageIds"] == []


def test_another_account_signs_in_with_its_own_password(cloud, ecr):
    other = cloud.other()
    image(ecr, "app", "v1")
    theirs = Registry(cloud, client=other.client("ecr"), account=cloud.account)
    assert theirs.code("GET", "/v2/app/manifests/v1") == (403, "DENIED")
    ecr.set_repository_policy(repositoryName="app", policyText=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "ecr:BatchGetImage"}]}))
    assert theirs("GET", "/v2/app/manifests/v1")[0] == 200


def test_tags_are_listed_by_pages_and_referrers_as_an_index(ecr, registry):
    for name in ("a", "b", "c"):
        image(ecr, "app", name)
    _, headers, body = registry("GET", "/v2/app/tags/list?n=2")
    assert json.loads(body)["tags"] == ["a", "b"] and 'rel="next"' in headers["Link"]
    assert json.loads(registry("GET", "/v2/app/tags/list?n=2&last=b")[2])["tags"] == ["c"]
    subject = ecr.list_images(repositoryName="app")["imageIds"][0]["imageDigest"]
    _, headers, _ = registry.image("app", digest(manifest(b"{}", b"s", kind=OCI, subject={"mediaType": OCI, "size": 1, "digest": subject})), b"{}", b"s", kind=OCI, subject={"mediaType": OCI, "size": 1, "digest": subject})
    assert headers["OCI-Subject"] == subject
    _, headers, body = registry("GET", f"/v2/app/referrers/{subject}")
    assert headers["Content-Type"] == INDEX and len(json.loads(body)["manifests"]) == 1


def test_images_survive_a_crash(process):
    one = process()
    one.client("ecr").create_repository(repositoryName="app")
    image(one.client("ecr"), "app", "v1", b"{}", b"x" * 100000)
    password = Registry(one).headers
    one.kill()
    one.start()
    registry = Registry(one, signed=False)
    registry.headers = password | {"Host": registry.host}
    assert registry("GET", f"/v2/app/blobs/{digest(b'x' * 100000)}")[2] == b"x" * 100000 and refused(one.client("ecr").create_repository, repositoryName="app")[0] == "RepositoryAlreadyExistsException"


def reachable(name):
    try:
        socket.getaddrinfo(name, 80)
    except OSError:
        return False
    return True


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
@pytest.mark.skipif(not reachable("x.localhost"), reason="*.localhost does not resolve (libnss-myhostname)")
def test_skopeo_pushes_to_the_uri_as_it_is_printed_and_pulls_the_same_bytes(ecr, tmp_path):
    folder = tmp_path / "oci"
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"world"))

    def keep(data):
        (blobs / digest(data)[7:]).write_bytes(data)
        return {"digest": digest(data), "size": len(data)}
    layer_ = {"mediaType": "application/vnd.oci.image.layer.v1.tar", **keep(tar.getvalue())}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", **keep(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]}, "rootfs": {"type": "layers", "diff_ids": [layer_["digest"]]}}).encode())}
    text = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [layer_]}).encode()
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{"mediaType": OCI, **keep(text), "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}))
    uri = ecr.describe_repositories()["repositories"][0]["repositoryUri"]
    user, password = unpacked(ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"])
    auth = tmp_path / "auth.json"

    def skopeo(*args, **more):
        done = subprocess.run(["skopeo", *args], capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)}, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout
    skopeo("login", "--authfile", str(auth), "--tls-verify=false", "-u", user, "--password-stdin", uri.partition("/")[0], input=password)
    skopeo("--insecure-policy", "copy", "--authfile", str(auth), "--dest-tls-verify=false", f"oci:{folder}:v1", f"docker://{uri}:v1")
    [one] = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert one["imageTags"] == ["v1"]
    assert json.loads(skopeo("inspect", "--authfile", str(auth), "--tls-verify=false", f"docker://{uri}:v1"))["Digest"] == one["imageDigest"]
    skopeo("--insecure-policy", "copy", "--authfile", str(auth), "--src-tls-verify=false", f"docker://{uri}:v1", f"dir:{tmp_path / 'back'}")
    back = [file for file in (tmp_path / "back").iterdir() if tarfile.is_tarfile(file)]
    with tarfile.open(back[0]) as archive:
        assert archive.getnames() == ["hello"]
