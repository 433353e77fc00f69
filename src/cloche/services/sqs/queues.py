"""Queues: made, found, described, changed, purged, deleted.

A queue owns a `number`, and its messages carry that number. Purging and deleting give the number up, which empties the
queue at once; a timer sweeps what was left behind, so a full queue does not make its end slow.
"""
from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import attributes, errors, mailbox
from . import service as sqs

if TYPE_CHECKING:
    from cloche.shapes import sqs as t

RESERVED_SECONDS = 60  # a deleted name rests, a purge is not repeated
MOST_QUEUES_A_PAGE = 1000
CALLS_A_SECOND = 300.0
COUNTS = {
    "ApproximateNumberOfMessages": mailbox.VISIBLE, "ApproximateNumberOfMessagesNotVisible": mailbox.IN_FLIGHT, "ApproximateNumberOfMessagesDelayed": mailbox.DELAYED,
}
READ_ONLY = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", *COUNTS)


class Queue(Record, frozen=True):
    kind = "sqs.queue"

    name: str
    arn: str
    number: int
    attributes: dict[str, str]
    created: float
    changed: float
    tags: dict[str, str] = {}
    dead_letters: str = ""    # from RedrivePolicy: where to, and after how many receives
    most_receives: int = 0
    purged: float = 0.0
    fifo: bool = False

    @property
    def key(self) -> str:
        return self.name

    def seconds(self, attribute: str) -> int:
        return int(self.attributes[attribute])

    def takes_from(self, source: str) -> bool:
        """May that queue's dead letters come here?"""
        text = self.attributes.get("RedriveAllowPolicy")
        if not text:
            return True
        rule = json.loads(text)
        return rule["redrivePermission"] == "allowAll" or source in rule.get("sourceQueueArns", ())


class Grave(Record, frozen=True):
    """The name of a deleted queue."""

    kind = "sqs.grave"

    name: str
    deleted: float

    @property
    def key(self) -> str:
        return self.name


# -- finding --------------------------------------------------------------------------------------------------------

@lru_cache(4096)
def split(own: str, url: str) -> tuple[str, str]:
    """Account and name: the last two parts of the URL's path. A bare name means a queue of the caller's own."""
    parts = url.rsplit("/", 2)
    if len(parts) == 1:
        return own, url
    return (parts[-2] if parts[-2].isdigit() and len(parts[-2]) == 12 else own), parts[-1]


def by_url(call: Call, req: Any) -> str:
    account, name = split(call.account, req["QueueUrl"])
    return call.arn(name, account=account)


def by_name(call: Call, req: Any) -> str:
    return call.arn(req["QueueName"], account=req.get("QueueOwnerAWSAccountId"))


def all_queues(call: Call, req: Any) -> str:
    return call.arn("*")


def policy(call: Call, arn: str) -> str | None:
    account, name = arn.rsplit(":", 2)[1:]
    queue = (call if account == call.account else call.at(account, call.region)).get(Queue, name)
    return queue.attributes.get("Policy") if queue else None


def policy_unless_root(call: Call, arn: str) -> str | None:
    """Root of the queue's account can always mend its policy, however it locked everybody out."""
    return None if call.principal.kind == "root" and call.principal.account == arn.rsplit(":", 2)[1] else policy(call, arn)


def find(call: Call, url: str) -> tuple[Call, Queue]:
    """The queue, and the call standing where it lives."""
    account, name = split(call.account, url)
    if account != call.account:
        call = call.at(account, call.region)
    queue = call.get(Queue, name)
    if queue is None:
        raise errors.no_such_queue(of_old(call))
    return call, queue


def spend(call: Call, queue: Queue) -> None:
    """A FIFO queue without high throughput takes 300 calls of each kind a second; a batch is one call."""
    if not queue.fifo or queue.attributes["FifoThroughputLimit"] == "perMessageGroupId":
        return
    buckets: dict[Any, tuple[float, float]] = call.cloud.memory.setdefault("sqs.buckets", {})
    place = (queue.number, call.op.removesuffix("Batch"))
    tokens, since = buckets.get(place, (CALLS_A_SECOND, call.now))
    tokens = min(CALLS_A_SECOND, tokens + max(0.0, call.now - since) * CALLS_A_SECOND)
    if tokens < 1:
        raise errors.throttled()
    buckets[place] = (tokens - 1, call.now)


def of_old(call: Call) -> bool:
    """Does the caller speak the query protocol? Its sentence for a missing queue is longer."""
    return call.request is not None and "x-amz-target" not in call.request.headers


def by_arn(call: Call, arn: str) -> Queue | None:
    """The queue with this ARN, if it is one of this account and region."""
    parts = arn.split(":")
    return call.get(Queue, parts[5]) if len(parts) == 6 and parts[2] == "sqs" and parts[3:5] == [call.region, call.account] else None


def url_of(call: Call, name: str) -> str:
    request = call.request
    scheme = "https" if request is not None and request.secure else "http"
    return f"{scheme}://{call.host}/{call.account}/{name}"


# -- operations -----------------------------------------------------------------------------------------------------

@sqs.op(resource=by_name)
def create_queue(call: Call, req: t.CreateQueueRequest) -> t.CreateQueueResult:
    name, wanted = req["QueueName"], dict(req.get("Attributes") or {})
    fifo = check_name(name, wanted)
    attributes.check(call, wanted, fifo=fifo)
    links = links_of(call, name, fifo, wanted)
    if queue := call.get(Queue, name):
        for attribute, value in wanted.items():
            if not same(queue.attributes.get(attribute, ""), value):
                raise errors.queue_exists(attribute)
        return {"QueueUrl": url_of(call, name)}
    if grave := call.get(Grave, name):
        if call.now < grave.deleted + RESERVED_SECONDS:
            raise errors.deleted_recently()
        call.delete(grave)
    defaults = attributes.DEFAULTS | (attributes.FIFO_DEFAULTS if fifo else {})
    tags = check_tags(call, name, dict(req.get("tags") or {}))
    if tags:
        call.require("sqs:TagQueue", call.arn(name))
    call.put(Queue(name, call.arn(name), mailbox.number(call), attributes.merged(defaults, wanted), call.now, call.now, tags, fifo=fifo, **links))
    return {"QueueUrl": url_of(call, name)}


def check_name(name: str, wanted: dict[str, str]) -> bool:
    """Is it a FIFO queue?"""
    fifo = wanted.get("FifoQueue") == "true"
    if "FifoQueue" in wanted and wanted["FifoQueue"] == "false" and not name.endswith(".fifo"):
        raise errors.unknown_attribute("FifoQueue")  # a standard queue does not know the word
    if fifo:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,75}\.fifo", name):
            raise errors.bad_fifo_name()
    elif not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise errors.bad_name()
    return fifo


def links_of(call: Call, name: str, fifo: bool, wanted: dict[str, str]) -> dict[str, Any]:
    """What the record keeps of the two redrive policies, so that no receive has to parse them."""
    links: dict[str, Any] = {}
    if (text := wanted.get("RedrivePolicy")) is not None:
        target, limit = attributes.redrive(call, name, fifo, text, lambda c, n: c.get(Queue, n)) if text else ("", 0)
        links = {"dead_letters": target, "most_receives": limit}
    if text := wanted.get("RedriveAllowPolicy"):
        attributes.check_redrive_allow(text)
    return links


def same(old: str, new: str) -> bool:
    """Policies are compared as JSON, everything else as text."""
    if old == new:
        return True
    try:
        return new.startswith("{") and json.loads(old) == json.loads(new)
    except ValueError:
        return False


@sqs.op(resource=by_name, policy=policy)
def get_queue_url(call: Call, req: t.GetQueueUrlRequest) -> t.GetQueueUrlResult:
    owner = req.get("QueueOwnerAWSAccountId") or call.account
    at = call if owner == call.account else call.at(owner, call.region)
    if at.get(Queue, req["QueueName"]) is None:
        raise errors.no_such_queue(of_old(call))
    return {"QueueUrl": url_of(at, req["QueueName"])}


@sqs.op(resource=all_queues)
def list_queues(call: Call, req: t.ListQueuesRequest) -> t.ListQueuesResult:
    prefix = req.get("QueueNamePrefix") or ""
    names = sorted(queue.name for queue in call.all(Queue) if queue.name.startswith(prefix))
    found, token = page(names, req, MOST_QUEUES_A_PAGE)
    result: t.ListQueuesResult = {}
    if found:
        result["QueueUrls"] = [url_of(call, name) for name in found]
    if token:
        result["NextToken"] = token
    return result


def page(names: list[str], req: Any, most: int) -> tuple[list[str], str | None]:
    """Names after the token's; a token is given only to who asked for a page (MaxResults), as AWS does."""
    limit = req.get("MaxResults")
    if limit is not None and not 1 <= limit <= most:
        raise errors.max_results_out_of_range(limit, most)
    if token := req.get("NextToken"):
        try:
            last = base64.b64decode(token, b"-_", validate=True).decode()
        except (ValueError, binascii.Error):
            raise errors.bad_token() from None
        names = [name for name in names if name > last]
    found = names[:limit or most]
    more = limit is not None and len(names) > len(found)
    return found, base64.urlsafe_b64encode(found[-1].encode()).decode() if more else None


@sqs.op(resource=by_url, policy=policy_unless_root)
def get_queue_attributes(call: Call, req: t.GetQueueAttributesRequest) -> t.GetQueueAttributesResult:
    call, queue = find(call, req["QueueUrl"])
    wanted = req.get("AttributeNames") or []
    known = queue.attributes | {
        "QueueArn": queue.arn, "CreatedTimestamp": str(int(queue.created)), "LastModifiedTimestamp": str(int(queue.changed)),
    }
    if "All" in wanted or not COUNTS.keys().isdisjoint(wanted):  # counted only for those who ask
        counts = mailbox.counts(call, queue)
        known |= {name: str(counts[what]) for name, what in COUNTS.items()}
    for name in wanted:
        if name not in known and name != "All" and name not in attributes.CHOICES and name not in attributes.FREE and name not in attributes.NUMBERS:
            raise errors.unknown_attribute(name)
    chosen = known if "All" in wanted else {name: known[name] for name in wanted if name in known}
    return {"Attributes": chosen} if chosen else {}


@sqs.op(resource=by_url, policy=policy_unless_root)
def set_queue_attributes(call: Call, req: t.SetQueueAttributesRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    wanted = dict(req["Attributes"])
    for name in READ_ONLY:
        if name in wanted:
            raise errors.unknown_attribute(name)
    if "FifoQueue" in wanted and wanted["FifoQueue"] != str(queue.fifo).lower():
        raise errors.bad_attribute("FifoQueue", "Modifying queue type is not supported.")
    if not queue.fifo:
        wanted.pop("FifoQueue", None)
    attributes.check(call, wanted, fifo=queue.fifo)
    links = links_of(call, queue.name, queue.fifo, wanted)
    call.put(queue.but(attributes=attributes.merged(queue.attributes, wanted), changed=call.now, **links))


@sqs.op(resource=by_url, policy=policy)
def purge_queue(call: Call, req: t.PurgeQueueRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    if queue.purged and call.now < queue.purged + RESERVED_SECONDS:
        raise errors.purge_in_progress(queue.name)
    call.put(queue.but(number=mailbox.number(call), purged=call.now))
    call.after(0, sweep, number=queue.number)


@sqs.op(resource=by_url, policy=policy)
def delete_queue(call: Call, req: t.DeleteQueueRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    call.delete(queue)
    call.put(Grave(queue.name, call.now))
    call.after(0, sweep, number=queue.number)
    call.signal(("sqs", queue.arn))


@sqs.timer
def sweep(call: Call, number: int) -> None:
    """Remove what a number that no queue has any more left behind, some at a time."""
    if mailbox.sweep(call, number):
        call.after(0.02, sweep, number=number)


# -- tags -----------------------------------------------------------------------------------------------------------

def check_tags(call: Call, name: str, new: dict[str, str], have: dict[str, str] | None = None) -> dict[str, str]:
    """The tags there will be, if the new ones may be set."""
    for key, value in new.items():
        if not 1 <= len(key) <= 128 or call.reserves([key]) or len(value) > 256:
            raise errors.bad_tag(key)
    tags = (have or {}) | new
    if len(tags) > 50:
        raise errors.too_many_tags(name)
    return tags


@sqs.op(resource=by_url)
def tag_queue(call: Call, req: t.TagQueueRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    if not req["Tags"]:
        raise errors.missing_tags()
    call.put(queue.but(tags=check_tags(call, queue.name, req["Tags"], queue.tags)))


@sqs.op(resource=by_url)
def untag_queue(call: Call, req: t.UntagQueueRequest) -> None:
    call, queue = find(call, req["QueueUrl"])
    call.put(queue.but(tags={key: value for key, value in queue.tags.items() if key not in req["TagKeys"]}))


@sqs.op(resource=by_url)
def list_queue_tags(call: Call, req: t.ListQueueTagsRequest) -> t.ListQueueTagsResult:
    _, queue = find(call, req["QueueUrl"])
    return {"Tags": queue.tags} if queue.tags else {}
