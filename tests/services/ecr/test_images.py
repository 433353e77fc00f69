"""Images and their layers, pushed and pulled by the API."""
import json
import urllib.error
import urllib.request

import pytest

from .pushing import DOCKER, INDEX, OCI, digest, image, layer, manifest
from .test_repositories import refused


@pytest.fixture
def ecr(cloud):
    client = cloud.client("ecr")
    client.create_repository(repositoryName="app")
    return client


def test_a_layer_is_uploaded_in_parts_and_downloaded_whole(ecr):
    upload = ecr.initiate_layer_upload(repositoryName="app")
    assert upload["partSize"] == 10485760
    first, second = b"a" * (5 << 20), b"b" * 100
    send = {"repositoryName": "app", "uploadId": upload["uploadId"]}
    assert ecr.upload_layer_part(**send, partFirstByte=0, partLastByte=len(first) - 1, layerPartBlob=first)["lastByteReceived"] == len(first) - 1
    assert refused(ecr.upload_layer_part, **send, partFirstByte=1, partLastByte=100, layerPartBlob=second)[0] == "InvalidLayerPartException"
    ecr.upload_layer_part(**send, partFirstByte=len(first), partLastByte=len(first) + 99, layerPartBlob=second)
    whole = digest(first + second)
    assert refused(ecr.complete_layer_upload, **send, layerDigests=[digest(first)])[0] == "InvalidLayerException"
    assert ecr.complete_layer_upload(**send, layerDigests=[whole])["layerDigest"] == whole
    assert refused(ecr.complete_layer_upload, **send, layerDigests=[whole])[0] == "UploadNotFoundException"
    found = ecr.batch_check_layer_availability(repositoryName="app", layerDigests=[whole, digest(b"none"), "nonsense"])
    assert [(one["layerAvailability"], one.get("layerSize")) for one in found["layers"]] == [("AVAILABLE", len(first) + 100), ("UNAVAILABLE", None)]
    assert found["failures"][0]["failureCode"] == "InvalidLayerDigest"
    url = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=whole)["downloadUrl"]
    assert urllib.request.urlopen(url, timeout=10).read() == first + second


def test_an_upload_must_have_something_in_it_that_is_not_there_yet(ecr):
    upload = ecr.initiate_layer_upload(repositoryName="app")["uploadId"]
    assert refused(ecr.complete_layer_upload, repositoryName="app", uploadId=upload, layerDigests=[digest(b"")])[0] == "EmptyUploadException"
    layer(ecr, "app", b"once")
    ecr.upload_layer_part(repositoryName="app", uploadId=upload, partFirstByte=0, partLastByte=3, layerPartBlob=b"once")
    assert refused(ecr.upload_layer_part, repositoryName="app", uploadId=upload, partFirstByte=4, partLastByte=7, layerPartBlob=b"more")[0] == "LayerPartTooSmallException"
    assert refused(ecr.complete_layer_upload, repositoryName="app", uploadId=upload, layerDigests=[digest(b"once")])[0] == "LayerAlreadyExistsException"


def test_a_download_is_good_for_an_hour(cloud, ecr):
    layer(ecr, "app", b"bytes")
    assert refused(ecr.get_download_url_for_layer, repositoryName="app", layerDigest=digest(b"none"))[0] == "LayersNotFoundException"
    url = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest(b"bytes"))["downloadUrl"]
    assert urllib.request.urlopen(url, timeout=10).read() == b"bytes"
    cloud.advance(3601)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(url, timeout=10)
    assert error.value.code == 403
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url[:-3] + "AAA", timeout=10)


def test_an_image_is_described_by_what_was_pushed(ecr):
    config, body = b'{"config": {}}', b"x" * 1000
    id_ = image(ecr, "app", "v1", config, body)
    [one] = ecr.describe_images(repositoryName="app")["imageDetails"]
    assert (one["imageDigest"], one["imageTags"], one["imageManifestMediaType"], one["imageSizeInBytes"]) == (id_, ["v1"], DOCKER, len(config) + 1000)
    assert one["imagePushedAt"] and "lastRecordedPullTime" not in one
    got = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "v1"}, {"imageTag": "v2"}, {"imageDigest": "sha256:1"}, {"imageDigest": digest(b"none"), "imageTag": "v1"}])
    assert got["images"][0]["imageManifest"] == manifest(config, body) and got["images"][0]["imageId"] == {"imageDigest": id_, "imageTag": "v1"}
    assert [one["failureCode"] for one in got["failures"]] == ["ImageNotFound", "InvalidImageDigest", "ImageNotFound"]
    assert ecr.describe_images(repositoryName="app", imageIds=[{"imageTag": "v1"}])["imageDetails"][0]["lastRecordedPullTime"]
    code, message = refused(ecr.describe_images, repositoryName="app", imageIds=[{"imageTag": "v2"}])
    assert code == "ImageNotFoundException" and "{imageDigest:'null', imageTag:'v2'}" in message


def test_a_tag_pushed_again_moves_and_leaves_the_old_image_untagged(ecr):
    old, new = image(ecr, "app", "latest"), image(ecr, "app", "latest", b"{}", b"new")
    ids = ecr.list_images(repositoryName="app")["imageIds"]
    assert sorted(ids, key=str) == sorted([{"imageDigest": old}, {"imageDigest": new, "imageTag": "latest"}], key=str)
    assert ecr.list_images(repositoryName="app", filter={"tagStatus": "UNTAGGED"})["imageIds"] == [{"imageDigest": old}]
    assert ecr.describe_images(repositoryName="app", filter={"tagStatus": "TAGGED"})["imageDetails"][0]["imageDigest"] == new
    assert ecr.batch_get_image(repositoryName="app", imageIds=[{"imageDigest": old, "imageTag": "latest"}])["failures"][0]["failureCode"] == "ImageTagDoesNotMatchDigest"


def test_pushing_the_same_again_is_an_error_and_another_tag_is_not(ecr):
    id_ = image(ecr, "app", "v1")
    text = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])["images"][0]["imageManifest"]
    code, message = refused(ecr.put_image, repositoryName="app", imageManifest=text, imageTag="v1")
    assert code == "ImageAlreadyExistsException" and message.startswith(f"Image with digest '{id_}' and tag 'v1' already exists in the repository with name 'app' in registry with id")
    assert refused(ecr.put_image, repositoryName="app", imageManifest=text)[0] == "ImageAlreadyExistsException"
    ecr.put_image(repositoryName="app", imageManifest=text, imageTag="v2")
    assert ecr.describe_images(repositoryName="app")["imageDetails"][0]["imageTags"] == ["v1", "v2"]


def test_an_immutable_tag_stays_where_it_is(ecr):
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    image(ecr, "app", "v1")
    code, message = refused(image, client=ecr, repository="app", tag="v1", kind=OCI)
    assert (code, message) == ("ImageTagAlreadyExistsException", "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.")
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}])
    image(ecr, "app", "dev-1")
    image(ecr, "app", "dev-1", b"{}", b"again")
    assert refused(image, client=ecr, repository="app", tag="v1", kind=OCI)[0] == "ImageTagAlreadyExistsException"


def test_an_image_needs_its_layers_and_a_list_its_images(ecr):
    code, message = refused(ecr.put_image, repositoryName="app", imageManifest=manifest(b"{}", b"absent"), imageTag="v1")
    assert code == "LayersNotFoundException" and digest(b"absent") in message
    child = image(ecr, "app", None, b"{}", b"child", kind=OCI)

    def index(*digests):
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": OCI, "size": 1, "digest": one, "platform": {"architecture": "amd64", "os": "linux"}} for one in digests]})
    assert refused(ecr.put_image, repositoryName="app", imageManifest=index(child, digest(b"no")), imageTag="all")[0] == "ReferencedImagesNotFoundException"
    ecr.put_image(repositoryName="app", imageManifest=index(child), imageTag="all")
    failure = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": child}])["failures"][0]
    assert failure["failureCode"] == "ImageReferencedByManifestList"
    assert refused(ecr.put_image, repositoryName="app", imageManifest="{}")[0] == "InvalidParameterException"
    assert refused(ecr.put_image, repositoryName="app", imageManifest=index(child), imageDigest=digest(b"other"))[0] == "ImageDigestDoesNotMatchException"


def test_an_image_deleted_by_its_last_tag_goes_with_the_layers_that_nothing_else_needs(ecr):
    shared = b"shared"
    one = image(ecr, "app", "one", b"{}", shared, b"only one")
    image(ecr, "app", "two", b"{}", shared, b"only two")
    text = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "one"}])["images"][0]["imageManifest"]
    ecr.put_image(repositoryName="app", imageManifest=text, imageTag="uno")
    assert ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "uno"}])["imageIds"] == [{"imageDigest": one, "imageTag": "uno"}]
    assert len(ecr.describe_images(repositoryName="app")["imageDetails"]) == 2
    gone = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "one"}, {"imageTag": "none"}])
    assert gone["imageIds"] == [{"imageDigest": one, "imageTag": "one"}] and gone["failures"][0]["failureCode"] == "ImageNotFound"
    found = ecr.batch_check_layer_availability(repositoryName="app", layerDigests=[digest(shared), digest(b"only one")])["layers"]
    assert [layer["layerAvailability"] for layer in found] == ["AVAILABLE", "UNAVAILABLE"]


def test_images_are_listed_by_pages(ecr):
    for number in range(5):
        image(ecr, "app", f"v{number}")
    pages = list(ecr.get_paginator("describe_images").paginate(repositoryName="app", PaginationConfig={"PageSize": 2}))
    assert [len(page["imageDetails"]) for page in pages] == [2, 2, 1]
    assert len(list(ecr.get_paginator("list_images").paginate(repositoryName="app", PaginationConfig={"PageSize": 2}))) == 3


def test_what_is_about_an_image_is_found_beside_it(ecr):
    subject = image(ecr, "app", "v1")
    about = image(ecr, "app", None, b"{}", b"signature", kind=OCI, artifactType="application/x.signature", subject={"mediaType": DOCKER, "size": 1, "digest": subject})
    found = ecr.list_image_referrers(repositoryName="app", subjectId={"imageDigest": subject})["referrers"]
    assert [(one["digest"], one["artifactType"]) for one in found] == [(about, "application/x.signature")]


def test_a_push_is_told_to_the_event_bus(cloud, ecr):
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="pushes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="pushes", EventPattern=json.dumps({"source": ["aws.ecr"], "detail-type": ["ECR Image Action"]}))["RuleArn"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}]})})
    events.put_targets(Rule="pushes", Targets=[{"Id": "q", "Arn": arn}])
    id_ = image(ecr, "app", "v1")
    cloud.advance(1)
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    detail = json.loads(message["Body"])["detail"]
    assert (detail["action-type"], detail["result"], detail["repository-name"], detail["image-tag"], detail["image-digest"]) == ("PUSH", "SUCCESS", "app", "v1", id_)


def test_images_are_replicated_where_the_rules_say(cloud, ecr):
    other = cloud.other()
    theirs, far = other.client("ecr"), cloud.client("ecr", region="eu-west-1")
    assert refused(ecr.put_replication_configuration, replicationConfiguration={"rules": [{"destinations": [{"region": "us-east-1", "registryId": cloud.account}]}]})[0] == "ValidationException"
    ecr.put_replication_configuration(replicationConfiguration={"rules": [
        {"destinations": [{"region": "eu-west-1", "registryId": cloud.account}, {"region": "us-east-1", "registryId": other.account}], "repositoryFilters": [{"filter": "app", "filterType": "PREFIX_MATCH"}]}]})
    id_ = image(ecr, "app", "v1")
    cloud.advance(1)
    assert far.describe_images(repositoryName="app")["imageDetails"][0]["imageTags"] == ["v1"]

    def statuses(digest):
        found = ecr.describe_image_replication_status(repositoryName="app", imageId={"imageDigest": digest})["replicationStatuses"]
        return {(one["registryId"], one["region"]): one["status"] for one in found}
    assert statuses(id_) == {(cloud.account, "eu-west-1"): "COMPLETE", (other.account, "us-east-1"): "FAILED"}
    theirs.put_registry_policy(policyText=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": ["ecr:CreateRepository", "ecr:ReplicateImage"],
         "Resource": f"arn:aws:ecr:us-east-1:{other.account}:repository/app"}]}))
    second = image(ecr, "app", "v2")
    cloud.advance(1)
    assert set(statuses(second).values()) == {"COMPLETE"} and theirs.describe_images(repositoryName="app")["imageDetails"][0]["imageDigest"] == second
    ecr.create_repository(repositoryName="other")
    image(ecr, "other", "v1")
    cloud.advance(1)
    assert [one["repositoryName"] for one in far.describe_repositories()["repositories"]] == ["app"]
