"""Subscriptions: made, confirmed, described, changed, ended.

An endpoint that its owner subscribes (a queue, a function) is confirmed at once; any other must give back the token that
is sent to it, within three days.
"""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloche.kernel import Call, Record
from cloche.languages import filter_policy

from . import errors, retry
from . import service as sns
from .topics import Topic, find, page, policy, topic_arn

if TYPE_CHECKING:
    from cloche.shapes import sns as t

TOKEN_SECONDS = 3 * 86_400
PENDING = "PendingConfirmation"
ARNS = {"sqs": "SQS endpoint ARN", "lambda": "Lambda endpoint ARN", "firehose": "Kinesis Data Firehose endpoint ARN"}
SETTABLE = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn")
NOT_BUILT = ("sms", "application")


class Subscription(Record, frozen=True):
    kind = "sns.subscription"

    id: str
    arn: str
    topic: str           # its ARN
    owner: str
    protocol: str
    endpoint: str
    principal: str
    created: float
    attributes: dict[str, str] = {}
    token: str = ""      # while it is pending
    authenticated: bool = True
    guarded: bool = False  # confirmed with AuthenticateOnUnsubscribe

    @property
    def key(self) -> str:
        return self.id

    @property
    def pending(self) -> bool:
        return bool(self.token)

    @property
    def raw(self) -> bool:
        return self.attributes.get("RawMessageDelivery") == "true"

    @property
    def dead_letters(self) -> str:
        text = self.attributes.get("RedrivePolicy")
        return json.loads(text)["deadLetterTargetArn"] if text else ""


def subscription_arn(call: Call, req: Any) -> str:
    """IAM is asked about the topic."""
    return str(req["SubscriptionArn"]).rpartition(":")[0] or "*"


def find_subscription(call: Call, arn: str) -> tuple[Call, Subscription]:
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "sns":
        raise errors.bad_arn("SubscriptionArn", arn)
    if len(parts) != 7:
        raise errors.invalid("SubscriptionArn Reason: An ARN must have 7 elements")
    at = call if (parts[4], parts[3]) == (call.account, call.region) else call.at(parts[4], parts[3])
    subscription = at.get(Subscription, parts[6])
    if subscription is None or lapsed(call, subscription):
        raise errors.no_such_subscription()
    return at, subscription


def lapsed(call: Call, subscription: Subscription) -> bool:
    return subscription.pending and call.now > subscription.created + TOKEN_SECONDS


# -- operations -----------------------------------------------------------------------------------------------------

def subscribe_context(call: Call, req: Any) -> dict[str, str]:
    return {"sns:Protocol": req["Protocol"], "sns:Endpoint": req.get("Endpoint") or ""}


@sns.op(resource=topic_arn, policy=policy, context=subscribe_context, partly="protocols sms and application answer 501")
def subscribe(call: Call, req: t.SubscribeInput) -> t.SubscribeResponse:
    at, topic = find(call, req["TopicArn"])
    protocol, endpoint = req["Protocol"], req.get("Endpoint") or ""
    check_endpoint(topic, protocol, endpoint)
    wanted = checked(dict(req.get("Attributes") or {}), protocol, in_subscribe=True)
    if protocol == "firehose":
        if not wanted.get("SubscriptionRoleArn"):
            raise errors.invalid("Attributes Reason: SubscriptionRoleArn is required for a subscription with protocol firehose")
        call.pass_role(wanted["SubscriptionRoleArn"], "sns.amazonaws.com")
    for id_ in topic.subscribers:
        old = at.get(Subscription, id_)
        if old and old.protocol == protocol and old.endpoint == endpoint and not lapsed(call, old):
            if any(old.attributes.get(name) != value for name, value in wanted.items()):
                raise errors.subscription_differs()
            if old.pending:
                ask(at, topic, old)
            return {"SubscriptionArn": shown_arn(old, req)}
    id_ = call.uuid()
    known = protocol in ARNS and endpoint.split(":")[4] == call.account
    subscription = at.put(Subscription(
        id_, f"{topic.arn}:{id_}", topic.arn, call.account, protocol, endpoint, call.principal.arn, call.now, wanted, "" if known else call.id(digits=200)))
    at.put(topic.but(subscribers=(*(i for i in topic.subscribers if (s := at.get(Subscription, i)) and not lapsed(call, s)), id_)))
    if subscription.pending:
        ask(at, topic, subscription)
    return {"SubscriptionArn": shown_arn(subscription, req)}


def shown_arn(subscription: Subscription, req: Any) -> str:
    return "pending confirmation" if subscription.pending and not req.get("ReturnSubscriptionArn") else subscription.arn


def ask(call: Call, topic: Topic, subscription: Subscription) -> None:
    from . import delivery
    delivery.ask_to_confirm(call, topic, subscription)


def check_endpoint(topic: Topic, protocol: str, endpoint: str) -> None:
    if protocol in NOT_BUILT:
        raise errors.not_built(f"Subscribe with protocol {protocol}")
    if protocol not in ("http", "https", "email", "email-json", *ARNS):
        raise errors.bad_protocol(protocol)
    if not endpoint:
        raise errors.bad_endpoint("Endpoint")
    if protocol in ARNS:
        parts = endpoint.split(":")
        if parts[0] != "arn" or len(parts) < 6 or parts[2] != protocol:
            raise errors.bad_endpoint(ARNS[protocol])
        if protocol == "sqs" and endpoint.endswith(".fifo") and not topic.fifo:
            raise errors.fifo_queue_on_standard_topic()
    elif protocol in ("http", "https"):
        if not endpoint.startswith(protocol + "://"):
            raise errors.bad_endpoint("Endpoint must match the specified protocol")
        if not named(endpoint):
            raise errors.bad_endpoint("Endpoint")
    elif not re.fullmatch(r"[^@\s]+@[^@\s]+", endpoint):
        raise errors.bad_endpoint("Email address")
    if topic.fifo and protocol != "sqs":
        raise errors.not_on_fifo_topic(protocol)


def named(url: str) -> bool:
    """Does the URL name a host, and no port beyond 65535?"""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def checked(wanted: dict[str, str], protocol: str, *, in_subscribe: bool) -> dict[str, str]:
    for name, value in wanted.items():
        if name not in SETTABLE:
            raise errors.unknown_attribute(name, in_create=in_subscribe)
        if name in ("FilterPolicy", "FilterPolicyScope", "SubscriptionRoleArn") or not value:
            continue
        if name == "RawMessageDelivery":
            if value.lower() not in ("true", "false"):
                raise errors.bad_attribute(name, f"Invalid value [{value}]. Must be true or false.", in_create=in_subscribe)
            if value.lower() == "true" and protocol not in ("sqs", "http", "https", "firehose"):
                raise errors.bad_attribute(name, f"Delivery protocol [{protocol}] does not support raw message delivery.", in_create=in_subscribe)
            wanted[name] = value.lower()
        else:
            check_json(name, value, in_subscribe=in_subscribe)
    check_filter(wanted, in_subscribe=in_subscribe)
    return {name: value for name, value in wanted.items() if value}


def check_json(name: str, value: str, *, in_subscribe: bool) -> None:
    try:
        document = json.loads(value)
        if not isinstance(document, dict):
            raise ValueError
    except ValueError:
        raise errors.bad_attribute(name, "failed to parse JSON.", in_create=in_subscribe) from None
    if name == "DeliveryPolicy":
        try:
            retry.check(document)
        except retry.Invalid as error:
            raise errors.bad_attribute(name, str(error), in_create=in_subscribe) from None
    else:
        target = document.get("deadLetterTargetArn")
        if not isinstance(target, str) or len(parts := target.split(":")) != 6 or parts[2] != "sqs":
            raise errors.bad_attribute(name, "deadLetterTargetArn is an invalid arn", in_create=in_subscribe)


def check_filter(attributes: dict[str, str], *, in_subscribe: bool) -> None:
    scope = attributes.get("FilterPolicyScope", filter_policy.ATTRIBUTES)
    if scope not in (filter_policy.ATTRIBUTES, filter_policy.BODY):
        raise errors.bad_attribute("FilterPolicyScope", f"Invalid value [{scope or 'null'}]. Please use either MessageBody or MessageAttributes", in_create=in_subscribe)
    if text := attributes.get("FilterPolicy"):
        try:
            filter_policy.compile_policy(text, scope)
        except filter_policy.Invalid as error:
            raise errors.bad_attribute("FilterPolicy", str(error), in_create=in_subscribe) from None


def ask_signed(call: Call, action: str, topic: str) -> bool:
    """The links in a confirmation and a notification are followed without a signature; who signs is asked for permission."""
    if call.principal.kind == "anonymous":
        return False
    call.require(action, topic, policy=policy(call, topic))
    return True


@sns.op(unsigned=True)
def confirm_subscription(call: Call, req: t.ConfirmSubscriptionInput) -> t.ConfirmSubscriptionResponse:
    signed = ask_signed(call, "sns:ConfirmSubscription", req["TopicArn"])
    at, topic = find(call, req["TopicArn"])
    for id_ in topic.subscribers:
        subscription = at.get(Subscription, id_)
        if subscription and subscription.token == req["Token"] and not lapsed(call, subscription):
            guarded = signed and (req.get("AuthenticateOnUnsubscribe") or "").lower() == "true"
            return {"SubscriptionArn": at.put(subscription.but(token="", authenticated=signed, guarded=guarded)).arn}
    raise errors.bad_token()


@sns.op(unsigned=True)
def unsubscribe(call: Call, req: t.UnsubscribeInput) -> None:
    """Ending what has ended succeeds."""
    parts = req["SubscriptionArn"].split(":")
    if len(parts) < 7:
        raise errors.bad_arn("SubscriptionArn", req["SubscriptionArn"])
    signed = ask_signed(call, "sns:Unsubscribe", req["SubscriptionArn"].rpartition(":")[0])
    at = call if (parts[4], parts[3]) == (call.account, call.region) else call.at(parts[4], parts[3])
    subscription, topic = at.get(Subscription, parts[6]), at.get(Topic, parts[5])
    if subscription is None:
        return
    if subscription.pending:
        raise errors.pending()
    if subscription.guarded and not signed:
        raise errors.only_signed()
    end(at, topic, subscription)


def end(call: Call, topic: Topic | None, subscription: Subscription) -> None:
    from . import delivery
    call.delete(subscription)
    if topic is not None:
        call.put(topic.but(subscribers=tuple(i for i in topic.subscribers if i != subscription.id), deleted_subscriptions=topic.deleted_subscriptions + 1))
    delivery.forget(call, subscription)


def all_subscriptions(call: Call, req: Any) -> str:
    return call.arn("*")


@sns.op(resource=all_subscriptions)
def list_subscriptions(call: Call, req: t.ListSubscriptionsInput) -> t.ListSubscriptionsResponse:
    mine = sorted((s for s in call.all(Subscription) if not lapsed(call, s)), key=lambda s: s.arn)
    found, token = page(mine, req)
    result: t.ListSubscriptionsResponse = {"Subscriptions": [shown(s) for s in found]}
    return result | {"NextToken": token} if token else result


@sns.op(resource=topic_arn, policy=policy)
def list_subscriptions_by_topic(call: Call, req: t.ListSubscriptionsByTopicInput) -> t.ListSubscriptionsByTopicResponse:
    at, topic = find(call, req["TopicArn"])
    found, token = page([s for id_ in topic.subscribers if (s := at.get(Subscription, id_)) and not lapsed(call, s)], req)
    result: t.ListSubscriptionsByTopicResponse = {"Subscriptions": [shown(s) for s in found]}
    return result | {"NextToken": token} if token else result


def shown(s: Subscription) -> t.Subscription:
    return {"SubscriptionArn": PENDING if s.pending else s.arn, "Owner": s.owner, "Protocol": s.protocol, "Endpoint": s.endpoint, "TopicArn": s.topic}


@sns.op(resource=subscription_arn)
def get_subscription_attributes(call: Call, req: t.GetSubscriptionAttributesInput) -> t.GetSubscriptionAttributesResponse:
    _, s = find_subscription(call, req["SubscriptionArn"])
    attributes = {
        "SubscriptionArn": s.arn, "TopicArn": s.topic, "Owner": s.owner, "Protocol": s.protocol, "Endpoint": s.endpoint, "SubscriptionPrincipal": s.principal,
        "PendingConfirmation": str(s.pending).lower(), "ConfirmationWasAuthenticated": str(s.authenticated and not s.pending).lower(), "RawMessageDelivery": "false",
    }
    if "FilterPolicy" in s.attributes:
        attributes["FilterPolicyScope"] = filter_policy.ATTRIBUTES
    return {"Attributes": attributes | s.attributes}


@sns.op(resource=subscription_arn)
def set_subscription_attributes(call: Call, req: t.SetSubscriptionAttributesInput) -> None:
    at, subscription = find_subscription(call, req["SubscriptionArn"])
    name, value = req["AttributeName"], req.get("AttributeValue") or ""
    if name == "FilterPolicyScope" and not value:
        raise errors.bad_attribute(name, "Invalid value [null]. Please use either MessageBody or MessageAttributes", in_create=False)
    attributes = {n: v for n, v in subscription.attributes.items() if n != name}
    # the policy and its scope are judged together, also when one of them alone is changed
    checked(attributes | {name: value} if value else {name: value}, subscription.protocol, in_subscribe=False)
    at.put(subscription.but(attributes=attributes | {name: value.lower() if name == "RawMessageDelivery" else value} if value else attributes))
