"""Images of a few bytes, and the two ways to push them."""
import base64
import hashlib
import json
import urllib.error
import urllib.request

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def manifest(*blobs, kind=DOCKER, **more):
    """The text of a manifest: the first blob is its configuration."""
    config, *layers = [{"mediaType": "application/octet-stream", "size": len(one), "digest": digest(one)} for one in blobs]
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers, **more})


def layer(client, repository, data):
    """By the API."""
    upload = client.initiate_layer_upload(repositoryName=repository)["uploadId"]
    client.upload_layer_part(repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(data) - 1, layerPartBlob=data)
    return client.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest(data)])["layerDigest"]


def image(client, repository, tag=None, *blobs, **more):
    blobs = blobs or (b'{"config": {}}', f"layer of {tag}".encode())
    for one in blobs:
        if client.batch_check_layer_availability(repositoryName=repository, layerDigests=[digest(one)])["layers"][0]["layerAvailability"] == "UNAVAILABLE":
            layer(client, repository, one)
    text = manifest(*blobs, **more)
    return client.put_image(repositoryName=repository, imageManifest=text, **({"imageTag": tag} if tag else {}))["image"]["imageId"]["imageDigest"]


class Registry:
    """The registry protocol by hand, at AWS's host on Cloche's port."""

    def __init__(self, cloud, client=None, account=None, region="us-east-1", signed=True):
        self.url, self.host = cloud.url, f"{account or cloud.account}.dkr.ecr.{region}.amazonaws.com"
        self.headers = {"Host": self.host}
        if signed:
            self.headers["Authorization"] = "Basic " + (client or cloud.client("ecr")).get_authorization_token()["authorizationData"][0]["authorizationToken"]

    def __call__(self, method, path, body=None, **headers):
        """(status, headers, body)"""
        request = urllib.request.Request(self.url + path, data=body, method=method, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def code(self, *args, **headers):
        status, _, body = self(*args, **headers)
        return status, json.loads(body)["errors"][0]["code"]

    def blob(self, repository, data):
        _, headers, _ = self("POST", f"/v2/{repository}/blobs/uploads/", b"")
        return self("PUT", f"{headers['Location']}?digest={digest(data)}", data, Content_Type="application/octet-stream")[0]

    def image(self, repository, reference, *blobs, kind=DOCKER, **more):
        for one in blobs:
            assert self.blob(repository, one) == 201
        text = manifest(*blobs, kind=kind, **more).encode()
        return self("PUT", f"/v2/{repository}/manifests/{reference}", text, Content_Type=kind)


def unpacked(token):
    return base64.b64decode(token).decode().split(":", 1)
