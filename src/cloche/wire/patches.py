"""Where AWS's models lie, or say less than the service does: one list, applied when a model is loaded.

Each entry is (service, reason, path, change). `path` walks the raw model; `change` is merged into what is found there, and
`DROP` removes a key. A path that is not there is an error, so that a patch does not outlive the lie it corrects.
"""
from __future__ import annotations

from typing import Any

DROP: Any = object()

_SQS_LISTS = {
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "BinaryList": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "ListMessageMoveTasksResultEntryList": "ListMessageMoveTasksResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "StringList": "StringListValue",
    "TagKeyList": "TagKey",
}
_SQS_MAPS = {
    "MessageBodyAttributeMap": ("Name", "Value"),
    "MessageBodySystemAttributeMap": ("Name", "Value"),
    "MessageSystemAttributeMap": ("Name", "Value"),
    "QueueAttributeMap": ("Name", "Value"),
    "TagMap": ("Key", "Value"),
}
_SQS_MEMBERS = {  # the target shape of a member -> its name in the query form
    "MessageBodyAttributeMap": "MessageAttribute",
    "MessageBodySystemAttributeMap": "MessageSystemAttribute",
    "MessageSystemAttributeMap": "Attribute",
    "QueueAttributeMap": "Attribute",
    "TagMap": "Tag",
}

_S3_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListDirectoryBuckets": "ListAllMyDirectoryBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetObjectTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "CreateSession": "CreateSessionResult",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationResult",
    "ListBucketIntelligentTieringConfigurations": "ListBucketIntelligentTieringConfigurationsResult",
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
}

PATCHES: list[tuple[str, str, tuple[str, ...], Any]] = [
    (
        "dynamodb",
        "binary values stay the base64 text they are on the wire, so that items pass through the JSON codec untouched",
        ("shapes", "BinaryAttributeValue"),
        {"type": "string"},
    ),
    ("dynamodbstreams", "as in dynamodb", ("shapes", "BinaryAttributeValue"), {"type": "string"}),
    (
        "dynamodb",
        "the length of attribute names is the business of DynamoDB's own sentences ('Key too long' and so on), which the model's would hide",
        ("shapes", "AttributeName"),
        {"max": DROP},
    ),
    ("sqs", "the query protocol is still served (older SDKs, curl), the model lists JSON alone", ("metadata",), {"protocols": ["json", "query"], "xmlNamespace": "http://queue.amazonaws.com/doc/2012-11-05/"}),
    *(
        ("sqs", "names of the query form, gone from the model since it speaks JSON", ("shapes", shape, "member"), {"locationName": name})
        for shape, name in _SQS_LISTS.items()
    ),
    *(
        ("sqs", "names of the query form, gone from the model since it speaks JSON", ("shapes", shape, part), {"locationName": name})
        for shape, names in _SQS_MAPS.items()
        for part, name in zip(("key", "value"), names)
    ),
    *(
        ("sqs", "an unknown attribute is refused in SQS's own words; ReceiveMessage takes names of messages' attributes where the model lists those of queues", ("shapes", shape), {"enum": DROP})
        for shape in ("QueueAttributeName", "MessageSystemAttributeName", "MessageSystemAttributeNameForSends")
    ),
    ("efs", "the pattern keeps `aws:` from everybody, also from CloudFormation, whose tags these are; the service says it to the others", ("shapes", "TagKey"),
     {"pattern": r"^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$"}),
    ("cloudtrail", "a limit out of its bounds is refused under a code of CloudTrail's own", ("shapes", "MaxResults"), {"min": DROP, "max": DROP}),
    ("firehose", "the pattern keeps `aws:` from everybody, as in EFS", ("shapes", "TagKey"), {"pattern": r"^[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$"}),
    ("firehose", "an endpoint on one's own machine may be plain http; anywhere else the service refuses it", ("shapes", "HttpEndpointUrl"), {"pattern": "https?://.*"}),
    ("kms", "a proxy on one's own machine may be plain http, and have a port; anywhere else the service refuses it", ("shapes", "XksProxyUriEndpointType"), {"pattern": r"^https?://[a-zA-Z0-9.-]+(:\d{1,5})?$"}),
    ("cloudwatch", "too many dimensions are refused in CloudWatch's own words", ("shapes", "Dimensions"), {"max": DROP}),
    ("lambda", "an unknown runtime is refused in Lambda's own words", ("shapes", "Runtime"), {"enum": DROP}),
    ("apigateway", "a patch without op or path is refused; the model requires neither", ("shapes", "PatchOperation"), {"required": ["op", "path"]}),
    ("apigatewayv2", "protocols are not listed in this older file", ("metadata",), {"protocols": ["rest-json"]}),
    *(("s3", "a deprecated twin with the same route as its successor", ("operations",), {name: DROP}) for name in ("GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification", "PutBucketNotification")),
    ("apigatewaymanagementapi", "protocols are not listed in this older file", ("metadata",), {"protocols": ["rest-json"]}),
    ("apigatewaymanagementapi", "a message too long is refused in the service's own words", ("shapes", "Data"), {"max": DROP}),
    ("route53", "every document has this namespace; the model says it of requests alone", ("metadata",), {"xmlNamespace": "https://route53.amazonaws.com/doc/2013-04-01/"}),
    ("s3", "every document has this namespace; the model does not say so", ("metadata",), {"xmlNamespace": "http://s3.amazonaws.com/doc/2006-03-01/"}),
    *(("s3", "the name of the answer's root element is not in botocore's file", ("operations", op, "output"), {"locationName": root}) for op, root in _S3_ROOTS.items()),
    ("s3control", "buckets' ARNs are taken too, which have neither region nor account", ("shapes", "S3ResourceArn"), {"pattern": DROP}),
    ("s3", "buckets know a fifth canned ACL, which the model lacks, and pass over two that are for objects", ("shapes", "BucketCannedACL"), {"enum": ["private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write", "bucket-owner-read", "bucket-owner-full-control"]}),
    ("s3", "the answer is the root element's text, without an element for its one member", ("operations", "GetBucketLocation", "output"), {"unwrapped": True}),
]


def apply(service: str, raw: dict[str, Any]) -> None:
    for name, _, path, change in PATCHES:
        if name == service:
            target = raw
            for step in path:
                target = target[step]
            for key, value in change.items():
                if value is DROP:
                    del target[key]
                else:
                    target[key] = value
    if service == "sqs":
        for shape in raw["shapes"].values():
            for ref in shape.get("members", {}).values():
                if query_name := _SQS_MEMBERS.get(ref["shape"]) or _SQS_LISTS.get(ref["shape"]):
                    ref["queryName"] = query_name
