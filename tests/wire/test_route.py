"""Which operation a request asks for."""
from __future__ import annotations

import pytest

from cloche.wire import model, route
from cloche.wire.http import Request


def named(service, method, target, **headers):
    one = model.load(service)
    return route.operation(one, one.protocols[0], Request(method, target, {k.replace("_", "-"): v for k, v in headers.items()})).name


@pytest.mark.parametrize(("method", "target", "headers", "name"), [
    ("GET", "/", {}, "ListBuckets"), ("GET", "/b", {}, "ListObjects"), ("GET", "/b/", {}, "ListObjects"), ("GET", "/b?list-type=2", {}, "ListObjectsV2"),
    ("GET", "/b?list-type=2&prefix=uploads", {}, "ListObjectsV2"), ("GET", "/b?uploads", {}, "ListMultipartUploads"), ("GET", "/b?uploads=", {}, "ListMultipartUploads"),
    ("GET", "/b?versions", {}, "ListObjectVersions"), ("GET", "/b?location", {}, "GetBucketLocation"), ("GET", "/b?lifecycle", {}, "GetBucketLifecycleConfiguration"),
    ("GET", "/b?notification", {}, "GetBucketNotificationConfiguration"), ("GET", "/b?analytics", {}, "ListBucketAnalyticsConfigurations"),
    ("GET", "/b?analytics&id=1", {}, "GetBucketAnalyticsConfiguration"), ("PUT", "/b", {}, "CreateBucket"), ("DELETE", "/b", {}, "DeleteBucket"), ("HEAD", "/b", {}, "HeadBucket"),
    ("POST", "/b?delete", {}, "DeleteObjects"), ("GET", "/b/k", {}, "GetObject"), ("GET", "/b/k/", {}, "GetObject"), ("GET", "/b//k", {}, "GetObject"),
    ("GET", "/b/k?x-id=GetObject", {}, "GetObject"), ("GET", "/b/k?versionId=3", {}, "GetObject"), ("GET", "/b/k?partNumber=3", {}, "GetObject"),
    ("GET", "/b/k?uploadId=3", {}, "ListParts"), ("GET", "/b/k?tagging", {}, "GetObjectTagging"), ("GET", "/b/k?tagging&versionId=1", {}, "GetObjectTagging"),
    ("GET", "/b/k?acl", {}, "GetObjectAcl"), ("GET", "/b/k?attributes", {"x_amz_object_attributes": "ETag"}, "GetObjectAttributes"), ("HEAD", "/b/k", {}, "HeadObject"),
    ("PUT", "/b/k", {}, "PutObject"), ("PUT", "/b/k", {"x_amz_copy_source": "/b/l"}, "CopyObject"), ("PUT", "/b/k?partNumber=1&uploadId=u", {}, "UploadPart"),
    ("PUT", "/b/k?partNumber=1&uploadId=u", {"x_amz_copy_source": "/b/l"}, "UploadPartCopy"), ("PUT", "/b/k?tagging", {}, "PutObjectTagging"),
    ("POST", "/b/k?uploads", {}, "CreateMultipartUpload"), ("POST", "/b/k?uploadId=u", {}, "CompleteMultipartUpload"), ("POST", "/b/k?select&select-type=2", {}, "SelectObjectContent"),
    ("POST", "/b/k?restore", {}, "RestoreObject"), ("DELETE", "/b/k", {}, "DeleteObject"), ("DELETE", "/b/k?uploadId=u", {}, "AbortMultipartUpload"), ("DELETE", "/b/k?tagging", {}, "DeleteObjectTagging"),
])
def test_s3(method, target, headers, name):
    assert named("s3", method, target, **headers) == name


@pytest.mark.parametrize(("service", "method", "target", "name"), [
    ("lambda", "GET", "/2015-03-31/functions", "ListFunctions"), ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions"), ("lambda", "GET", "/2015-03-31/functions/f", "GetFunction"),
    ("lambda", "POST", "/2015-03-31/functions/f/invocations", "Invoke"), ("lambda", "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
    ("lambda", "GET", "/2018-10-31/layers", "ListLayers"), ("apigateway", "GET", "/restapis/a/stages/s/exports/oas30", "GetExport"),
    ("apigateway", "POST", "/restapis?mode=import", "ImportRestApi"), ("apigateway", "POST", "/restapis", "CreateRestApi"), ("apigateway", "PUT", "/restapis/a?mode=merge", "PutRestApi"),
    ("apigatewayv2", "GET", "/v2/apis/a/routes/r", "GetRoute"), ("apigateway", "GET", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa", "GetTags"),
    ("scheduler", "PUT", "/schedules/s", "UpdateSchedule"), ("route53", "POST", "/2013-04-01/hostedzone/Z/rrset/", "ChangeResourceRecordSets"),
])
def test_rest(service, method, target, name):
    assert named(service, method, target) == name


@pytest.mark.parametrize(("method", "target"), [("PATCH", "/b"), ("POST", "/b"), ("GET", "")])
def test_what_fits_nothing_is_unknown(method, target):
    with pytest.raises(route.Unknown):
        named("route53", method, target)


def test_targets_and_actions():
    assert named("dynamodb", "POST", "/", x_amz_target="DynamoDB_20120810.PutItem") == "PutItem"
    one = model.load("sns")
    assert route.operation(one, "query", Request("GET", "/?Action=ConfirmSubscription&Token=t", {})).name == "ConfirmSubscription"
    with pytest.raises(route.Unknown) as error:
        route.operation(one, "query", Request("POST", "/", {}, b"Action=Nonsense"))
    assert error.value.name == "Nonsense"
