"""Event selectors: which events a trail wants, by its basic or its advanced selectors; one match is enough.

What trails want of operations on data, the kernel's journal is told: it takes down only what is asked for.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Cloud
from cloche.kernel.journal import DATA, MANAGEMENT

from . import errors

if TYPE_CHECKING:
    from .event_data_stores import EventDataStore
    from .trails import Trail

DEFAULT: list[dict[str, Any]] = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]
BASIC = {"AWS::S3::Object": "arn:aws:s3", "AWS::Lambda::Function": "arn:aws:lambda", "AWS::DynamoDB::Table": "arn:aws:dynamodb"}
EXCLUDABLE = ("kms.amazonaws.com", "rdsdata.amazonaws.com")
FIELDS = {
    "Management": ("eventCategory", "readOnly", "eventSource", "eventName", "eventType", "sessionCredentialFromConsole", "userIdentity.arn"),
    "Data": ("eventCategory", "readOnly", "eventSource", "eventName", "eventType", "resources.type", "resources.ARN", "sessionCredentialFromConsole", "userIdentity.arn"),
}
OPERATORS = ("Equals", "StartsWith", "EndsWith", "NotEquals", "NotStartsWith", "NotEndsWith")
ONLY_EQUALS = ("eventCategory", "resources.type", "readOnly")
MOST, MOST_RESOURCES, MOST_VALUES = 5, 250, 500
DATA_TYPES = {type_ for types in DATA.values() for type_ in types if type_}


# -- checked ----------------------------------------------------------------------------------------------------------------------

def checked(given: Any) -> list[dict[str, Any]]:
    """Basic selectors, with what they leave out."""
    if len(given) > MOST:
        raise errors.bad_selectors(f"A trail can have up to {MOST} event selectors.")
    out: list[dict[str, Any]] = []
    count = 0
    for each in given:
        one = {**DEFAULT[0], **{name: value for name, value in each.items() if value is not None}}
        for resource in one["DataResources"]:
            type_, values = resource.get("Type"), resource.get("Values") or []
            if type_ not in BASIC:
                raise errors.bad_selectors(f"The data resource type {type_} is not valid for event selectors. Use AdvancedEventSelectors.")
            count += len(values)
            if not values or any(not (value == BASIC[type_] or value.startswith(f"{BASIC[type_]}:")) for value in values):
                raise errors.bad_selectors(f"Value in DataResources for {type_} is not a valid ARN.")
            if type_ == "AWS::S3::Object" and any(value not in (BASIC[type_], BASIC[type_] + ":::") and "/" not in value for value in values):
                raise errors.bad_selectors("The ARN of a bucket must end with a slash or an object prefix.")
        if any(source not in EXCLUDABLE for source in one["ExcludeManagementEventSources"]):
            raise errors.bad_selectors(f"ExcludeManagementEventSources can only contain {' or '.join(EXCLUDABLE)}.")
        if one["ExcludeManagementEventSources"] and not one["IncludeManagementEvents"]:
            raise errors.bad_selectors("ExcludeManagementEventSources needs IncludeManagementEvents.")
        if not one["IncludeManagementEvents"] and not one["DataResources"]:
            raise errors.bad_selectors("An event selector must include management events or data resources.")
        out.append(one)
    if count > MOST_RESOURCES:
        raise errors.bad_selectors(f"The total number of data resources cannot exceed {MOST_RESOURCES} across all event selectors.")
    return out


def check_advanced(given: Any) -> None:
    values = 0
    for each in given:
        fields = each["FieldSelectors"]
        names = [field["Field"] for field in fields]
        if len(set(names)) != len(names):
            raise errors.bad_selectors("Each field can be used once in an advanced event selector.")
        category = _single(fields, "eventCategory")
        if category == "NetworkActivity":
            raise errors.bad_selectors("Network activity events are not built in Cloche yet.")
        if category not in FIELDS:
            raise errors.bad_selectors("FieldSelectors must contain eventCategory with one valid value.")
        if category == "Data" and _single(fields, "resources.type") is None:
            raise errors.bad_selectors("Advanced event selectors for data events must contain resources.type with one value.")
        for field in fields:
            name, used = field["Field"], [operator for operator in OPERATORS if field.get(operator)]
            if name not in FIELDS[category]:
                raise errors.bad_selectors(f"The field {name} is not valid for the event category {category}.")
            if not used:
                raise errors.bad_selectors(f"The field {name} needs an operator.")
            if name in ONLY_EQUALS and used != ["Equals"]:
                raise errors.bad_selectors(f"Equals is the only valid operator for the field {name}.")
            if name == "readOnly" and field["Equals"] not in (["true"], ["false"]):
                raise errors.bad_selectors("The field readOnly must equal true or false.")
            values += sum(len(field[operator]) for operator in used)
    if values > MOST_VALUES:
        raise errors.bad_selectors(f"A trail can have up to {MOST_VALUES} values for all its conditions.")


def _single(fields: Any, name: str) -> str | None:
    found = next((field.get("Equals") for field in fields if field["Field"] == name), None)
    return found[0] if found and len(found) == 1 else None


# -- matched ----------------------------------------------------------------------------------------------------------------------

GLOBAL_SOURCES = ("iam.amazonaws.com", "sts.amazonaws.com", "cloudfront.amazonaws.com")


def wants(one: Trail | EventDataStore, record: dict[str, Any], category: str) -> bool:
    """`category` is the type of data resource, or Management."""
    if not one.globals and record["eventSource"] in GLOBAL_SOURCES:
        return False
    if one.recursive is False and record["userIdentity"].get("invokedBy") == "cloudtrail.amazonaws.com":
        return False
    if one.advanced is not None:
        return any(all(_meets(field, record, category) for field in each["FieldSelectors"]) for each in one.advanced)
    return any(_basic(each, record, category) for each in (DEFAULT if one.selectors is None else one.selectors))


def _basic(each: dict[str, Any], record: dict[str, Any], category: str) -> bool:
    if each["ReadWriteType"] != "All" and record["readOnly"] != (each["ReadWriteType"] == "ReadOnly"):
        return False
    if category == MANAGEMENT:
        return bool(each["IncludeManagementEvents"]) and record["eventSource"] not in each["ExcludeManagementEventSources"]
    arns = _arns(record, category)
    for resource in each["DataResources"]:
        if resource["Type"] == category:
            for value in resource["Values"]:
                if value in (BASIC[category], "arn:aws:s3:::") or (any(arn.startswith(value) for arn in arns) if category == "AWS::S3::Object" else any(
                        arn == value or arn.startswith((f"{value}/", f"{value}:")) for arn in arns)):
                    return True
    return False


def _arns(record: dict[str, Any], category: str) -> list[str]:
    return [one.get("ARN") or one.get("ARNPrefix", "") for one in record.get("resources", ()) if one["type"] == category]


def _meets(field: dict[str, Any], record: dict[str, Any], category: str) -> bool:
    name = field["Field"]
    if name == "eventCategory":
        found = [record["eventCategory"]]
    elif name == "resources.type":
        found = [] if category == MANAGEMENT else [category]
    elif name == "resources.ARN":
        found = _arns(record, category)
    elif name == "readOnly":
        found = ["true" if record["readOnly"] else "false"]
    elif name == "userIdentity.arn":
        found = [record["userIdentity"].get("arn", "")]
    elif name == "sessionCredentialFromConsole":
        found = ["false"]
    else:
        found = [str(record.get(name, ""))]
    yes: list[bool] = []
    for operator, test in (("Equals", str.__eq__), ("StartsWith", str.startswith), ("EndsWith", str.endswith)):
        if field.get(operator):
            yes.append(any(test(one, value) for one in found for value in field[operator]))
        if field.get(f"Not{operator}") and any(test(one, value) for one in found for value in field[f"Not{operator}"]):
            return False
    return any(yes) if yes else True


# -- told to the kernel -------------------------------------------------------------------------------------------------------------

def categories(one: Trail | EventDataStore) -> set[str]:
    """The kinds of data that a trail's selectors name."""
    if one.advanced is not None:
        return {type_ for each in one.advanced if (type_ := _single(each["FieldSelectors"], "resources.type"))}
    return {resource["Type"] for each in one.selectors or () for resource in each["DataResources"]}


def watch(cloud: Cloud) -> None:
    """The journal takes down what some trail that logs asks for, and tells us of each event while there is one."""
    from . import delivery
    from .event_data_stores import EventDataStore
    from .trails import Trail
    logging: list[Any] = [one for account, _ in cloud.store.scopes(Trail.kind) for one in cloud.store.table(Trail, account, "").values() if one.logging]
    logging += [one for account, _ in cloud.store.scopes(EventDataStore.kind) for one in cloud.store.table(EventDataStore, account, "").values() if one.ingesting and not one.deleted]
    cloud.journal.asked = {MANAGEMENT}.union(*(categories(one) for one in logging))
    cloud.journal.followers = [each for each in cloud.journal.followers if each is not delivery.follow] + ([delivery.follow] if logging else [])
