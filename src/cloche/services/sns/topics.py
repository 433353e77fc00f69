"""Topics: made, described, changed, deleted; their tags and permissions.

A topic knows its subscriptions by id, so publishing looks at its own and at no others.
"""
from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call, Record

from . import errors
from . import service as sns

if TYPE_CHECKING:
    from cloche.shapes import sns as t

PAGE = 100
MOST_TAGS = 50
FEEDBACK = tuple(f"{kind}{what}" for kind in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
                 for what in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"))
SETTABLE = ("Policy", "DisplayName", "DeliveryPolicy", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "ArchivePolicy", "MaximumMessageSize",
            "ContentBasedDeduplication", "FifoThroughputScope", *FEEDBACK)
ONLY_FIFO = ("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy")
CHOICES = {
    "ContentBasedDeduplication": ("true", "false"), "FifoThroughputScope": ("Topic", "MessageGroup"), "SignatureVersion": ("1", "2"), "TracingConfig": ("PassThrough", "Active"),
}
OWNER_ACTIONS = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe", "ListSubscriptionsByTopic", "Publish")
SHARED_ACTIONS = (*OWNER_ACTIONS, "Receive", "ConfirmSubscription", "Unsubscribe")
EFFECTIVE_DELIVERY = {
    "http": {"defaultHealthyRetryPolicy": {
        "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0, "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
    }, "disableSubscriptionOverrides": False, "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"}},
}


class Topic(Record, frozen=True):
    kind = "sns.topic"

    name: str
    arn: str
    owner: str
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}
    subscribers: tuple[str, ...] = ()
    deleted_subscriptions: int = 0
    fifo: bool = False

    @property
    def key(self) -> str:
        return self.name


# -- finding --------------------------------------------------------------------------------------------------------

def topic_arn(call: Call, req: Any) -> str:
    return str(req["TopicArn"])


def by_name(call: Call, req: Any) -> str:
    return call.arn(req["Name"])


def all_topics(call: Call, req: Any) -> str:
    return call.arn("*")


def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def scope(call: Call, arn: str, parameter: str = "TopicArn") -> tuple[Call, str]:
    """The call standing where the topic lives, and its name."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "sns":
        raise errors.bad_arn(parameter, arn)
    account, region = parts[4], parts[3]
    if region != call.region and call.principal.kind != "anonymous":
        raise errors.invalid(parameter)  # AWS's endpoints serve the topics of their own region
    return (call if (account, region) == (call.account, call.region) else call.at(account, region)), parts[5]


def find(call: Call, arn: str, parameter: str = "TopicArn") -> tuple[Call, Topic]:
    call, name = scope(call, arn, parameter)
    topic = call.get(Topic, name)
    if topic is None:
        raise errors.no_such_topic()
    return call, topic


def policy(call: Call, arn: str) -> str | None:
    """The topic's policy. The default one lets in the owner alone, who needs no policy for it."""
    parts = arn.split(":", 6)
    if len(parts) < 6:
        return None
    topic = (call if (parts[4], parts[3]) == (call.account, call.region) else call.at(parts[4], parts[3])).get(Topic, parts[5])
    return topic.attributes.get("Policy") if topic else None


def default_policy(topic: Topic) -> dict[str, Any]:
    return {
        "Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [{
            "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": [f"SNS:{action}" for action in OWNER_ACTIONS],
            "Resource": topic.arn, "Condition": {"StringEquals": {"AWS:SourceOwner": topic.owner}},
        }],
    }


def page(items: list[Any], req: Any) -> tuple[list[Any], str | None]:
    """A hundred at a time; the token says how many came before."""
    start = 0
    if token := req.get("NextToken"):
        try:
            start = int(base64.b64decode(token, validate=True))
        except (ValueError, binascii.Error):
            raise errors.bad_next_token() from None
    found = items[start:start + PAGE]
    return found, base64.b64encode(str(start + PAGE).encode()).decode() if start + PAGE < len(items) else None


# -- operations -----------------------------------------------------------------------------------------------------

@sns.op(resource=by_name)
def create_topic(call: Call, req: t.CreateTopicInput) -> t.CreateTopicResponse:
    name, wanted = req["Name"], dict(req.get("Attributes") or {})
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    fifo = wanted.pop("FifoTopic", "false").lower() == "true"
    if fifo and not re.fullmatch(r"[A-Za-z0-9_-]{1,251}\.fifo", name):
        raise errors.bad_fifo_name()
    if not fifo and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name):
        raise errors.bad_topic_name()
    for attribute, value in wanted.items():
        check(attribute, value, fifo, in_create=True)
    if topic := call.get(Topic, name):
        if topic.fifo != fifo or any(topic.attributes.get(attribute) != value for attribute, value in wanted.items()):
            raise errors.topic_differs("Attributes")
        if tags and tags != topic.tags:
            raise errors.topic_differs("Tags")
        return {"TopicArn": topic.arn}
    if len(tags) > MOST_TAGS:
        raise errors.tag_limit()
    if tags:
        call.require("sns:TagResource", call.arn(name))
    return {"TopicArn": call.put(Topic(name, call.arn(name), call.account, wanted, tags, fifo=fifo)).arn}


def check(name: str, value: str, fifo: bool, *, in_create: bool = False) -> None:
    if name not in SETTABLE:
        raise errors.unknown_attribute(name, in_create=in_create)
    if name in ONLY_FIFO and not fifo:
        raise errors.not_fifo(name)
    if name in CHOICES and value not in CHOICES[name]:
        raise errors.bad_attribute(name, f"Invalid value [{value}]. Please use either {' or '.join(CHOICES[name])}", in_create=in_create)
    if name == "MaximumMessageSize" and not (value.isdigit() and 1024 <= int(value) <= 1_048_576):
        raise errors.bad_attribute(name, "must be an integer from 1024 to 1048576", in_create=in_create)
    if name == "DisplayName" and len(value) > 100:
        raise errors.bad_attribute(name, "must be at most 100 characters long", in_create=in_create)
    if name == "Policy" and value:
        check_policy(value, in_create=in_create)
    elif name in ("DeliveryPolicy", "ArchivePolicy") and value:
        try:
            json.loads(value)
        except ValueError:
            raise errors.bad_attribute(name, "failed to parse JSON.", in_create=in_create) from None


def check_policy(text: str, *, in_create: bool) -> None:
    try:
        grammar.resource(text, resource_needed=False)
    except MalformedPolicy:
        raise errors.bad_attribute("Policy", "Error parsing policy", in_create=in_create) from None


@sns.op(resource=all_topics)
def list_topics(call: Call, req: t.ListTopicsInput) -> t.ListTopicsResponse:
    found, token = page(sorted(topic.arn for topic in call.all(Topic)), req)
    result: t.ListTopicsResponse = {"Topics": [{"TopicArn": arn} for arn in found]}
    return result | {"NextToken": token} if token else result


@sns.op(resource=topic_arn, policy=policy)
def get_topic_attributes(call: Call, req: t.GetTopicAttributesInput) -> t.GetTopicAttributesResponse:
    from .subscriptions import Subscription
    call, topic = find(call, req["TopicArn"])
    pending = sum(1 for id_ in topic.subscribers if (s := call.get(Subscription, id_)) and s.pending)
    attributes = {
        "TopicArn": topic.arn, "Owner": topic.owner, "DisplayName": "", "Policy": json.dumps(default_policy(topic), separators=(",", ":")),
        "SubscriptionsConfirmed": str(len(topic.subscribers) - pending), "SubscriptionsPending": str(pending), "SubscriptionsDeleted": str(topic.deleted_subscriptions),
        "EffectiveDeliveryPolicy": json.dumps(EFFECTIVE_DELIVERY, separators=(",", ":")),
    }
    if topic.fifo:
        attributes |= {"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "MessageGroup"}
    return {"Attributes": attributes | topic.attributes}


@sns.op(resource=topic_arn, policy=policy)
def set_topic_attributes(call: Call, req: t.SetTopicAttributesInput) -> None:
    call, topic = find(call, req["TopicArn"])
    name, value = req["AttributeName"], req.get("AttributeValue") or ""
    check(name, value, topic.fifo)
    attributes = {n: v for n, v in topic.attributes.items() if n != name}
    call.put(topic.but(attributes=attributes | {name: value} if value else attributes))


@sns.op(resource=topic_arn, policy=policy)
def delete_topic(call: Call, req: t.DeleteTopicInput) -> None:
    """Deleting what is not there succeeds. Subscriptions go with their topic, and what is still on its way to them."""
    from . import delivery
    from .subscriptions import Subscription
    call, name = scope(call, req["TopicArn"])
    if topic := call.get(Topic, name):
        for id_ in topic.subscribers:
            if subscription := call.get(Subscription, id_):
                call.delete(subscription)
                delivery.forget(call, subscription)
        call.delete(topic)


# -- permissions ------------------------------------------------------------------------------------------------------

def policy_of(topic: Topic) -> dict[str, Any]:
    """The topic's policy, its statements as a list."""
    text = topic.attributes.get("Policy")
    document: dict[str, Any] = json.loads(text) if text else default_policy(topic)
    if not isinstance(document["Statement"], list):
        document["Statement"] = [document["Statement"]]
    return document


@sns.op(resource=topic_arn, policy=policy)
def add_permission(call: Call, req: t.AddPermissionInput) -> None:
    call, topic = find(call, req["TopicArn"])
    document = policy_of(topic)
    if any(statement.get("Sid") == req["Label"] for statement in document["Statement"]):
        raise errors.label_exists()
    if not req["ActionName"] or not set(req["ActionName"]) <= {*SHARED_ACTIONS, "*"}:
        raise errors.bad_action()
    if not req["AWSAccountId"] or not all(re.fullmatch(r"\d{12}", account) for account in req["AWSAccountId"]):
        raise errors.bad_account()
    principals, actions = [f"arn:aws:iam::{account}:root" for account in req["AWSAccountId"]], [f"SNS:{action}" for action in req["ActionName"]]
    document["Statement"].append({
        "Sid": req["Label"], "Effect": "Allow", "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
        "Action": actions if len(actions) > 1 else actions[0], "Resource": topic.arn,
    })
    call.put(topic.but(attributes=topic.attributes | {"Policy": json.dumps(document, separators=(",", ":"))}))


@sns.op(resource=topic_arn, policy=policy)
def remove_permission(call: Call, req: t.RemovePermissionInput) -> None:
    call, topic = find(call, req["TopicArn"])
    document = policy_of(topic)
    kept = [statement for statement in document["Statement"] if statement.get("Sid") != req["Label"]]
    if len(kept) == len(document["Statement"]):
        raise errors.no_such_label()
    call.put(topic.but(attributes=topic.attributes | {"Policy": json.dumps(document | {"Statement": kept}, separators=(",", ":"))}))


# -- tags -------------------------------------------------------------------------------------------------------------

def tagged(call: Call, arn: str) -> tuple[Call, Topic]:
    call, name = scope(call, arn, "ResourceArn")
    topic = call.get(Topic, name)
    if topic is None:
        raise errors.no_such_resource()
    return call, topic


@sns.op(resource=by_resource)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    call, topic = tagged(call, req["ResourceArn"])
    tags = topic.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    if len(tags) > MOST_TAGS:
        raise errors.tag_limit()
    call.put(topic.but(tags=tags))


@sns.op(resource=by_resource)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    call, topic = tagged(call, req["ResourceArn"])
    call.put(topic.but(tags={key: value for key, value in topic.tags.items() if key not in req["TagKeys"]}))


@sns.op(resource=by_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    _, topic = tagged(call, req["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}
