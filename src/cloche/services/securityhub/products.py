"""Products whose findings an account takes in. AWS's own are subscribed with the hub; an account's own findings come as its default product."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

# the products that live in this cloud
PRODUCTS = {
    "aws/guardduty": ("GuardDuty", "Amazon", "Amazon GuardDuty is a continuous security monitoring service that analyzes and processes data sources.", ["Threat Intelligence Feeds and Reports"]),
    "aws/securityhub": ("Security Hub", "AWS", "Findings of Security Hub's own controls.", ["AWS Security Best Practices"]),
}


class Subscription(Record, frozen=True):
    kind = "securityhub.product"

    product: str                                       # aws/guardduty

    @property
    def key(self) -> str:
        return self.product


def arn(call: Call, product: str) -> str:
    return call.arn(f"product/{product}", account="")


def view(call: Call, name: str) -> Any:
    title, company, what, kinds = PRODUCTS[name]
    return {"ProductArn": arn(call, name), "ProductName": title, "CompanyName": company, "Description": what, "Categories": kinds, "IntegrationTypes": ["SEND_FINDINGS_TO_SECURITY_HUB"]}


def take_aws_own(call: Call) -> None:
    for name in PRODUCTS:
        call.put(Subscription(name))


def takes(call: Call, product: str) -> bool:
    return call.get(Subscription, product) is not None


@securityhub.op(hub.arn, partly="the products that live in this cloud: GuardDuty and Security Hub itself")
def describe_products(call: Call, req: t.DescribeProductsRequest) -> t.DescribeProductsResponse:
    those = [name for name in sorted(PRODUCTS) if req.get("ProductArn") in (None, arn(call, name))]
    if "ProductArn" in req and not those:
        raise errors.invalid(f"Invalid ProductArn {req['ProductArn']}")
    found, more = pages.page(those, req, str, 100, errors.bad_token)
    return {"Products": [view(call, name) for name in found], **more}  # type: ignore[typeddict-item]


@securityhub.op(hub.arn)
def enable_import_findings_for_product(call: Call, req: t.EnableImportFindingsForProductRequest) -> t.EnableImportFindingsForProductResponse:
    hub.find(call)
    name = next((name for name in PRODUCTS if arn(call, name) == req["ProductArn"]), None)
    if name is None:
        raise errors.invalid(f"Invalid ProductArn {req['ProductArn']}")
    if takes(call, name):
        raise errors.conflict(f"The product {req['ProductArn']} is already enabled.")
    call.put(Subscription(name))
    return {"ProductSubscriptionArn": call.arn(f"product-subscription/{name}")}


@securityhub.op(hub.arn)
def disable_import_findings_for_product(call: Call, req: t.DisableImportFindingsForProductRequest) -> t.DisableImportFindingsForProductResponse:
    hub.find(call)
    found = call.get(Subscription, req["ProductSubscriptionArn"].partition(":product-subscription/")[2])
    if found is None:
        raise errors.missing(req["ProductSubscriptionArn"])
    call.delete(found)
    return {}


@securityhub.op(hub.arn)
def list_enabled_products_for_import(call: Call, req: t.ListEnabledProductsForImportRequest) -> t.ListEnabledProductsForImportResponse:
    hub.find(call)
    found, more = pages.page(sorted(call.all(Subscription), key=lambda one: one.product), req, lambda one: one.product, 100, errors.bad_token)
    return {"ProductSubscriptions": [call.arn(f"product-subscription/{one.product}") for one in found], **more}  # type: ignore[typeddict-item]
