"""Security Hub in templates."""
from __future__ import annotations

from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, tag_map

HUB = "securityhub"


def tags(r: Resource) -> dict[str, str] | None:
    """Its model lets no tag of AWS's own through."""
    return {key: value for key, value in tag_map(r.get("Tags")).items() if not key.startswith("aws:")} or None


async def create_hub(r: Resource) -> str:
    await r.do(HUB, "EnableSecurityHub", Tags=tags(r), EnableDefaultStandards=r.get("EnableDefaultStandards"), ControlFindingGenerator=r.get("ControlFindingGenerator"))
    if "AutoEnableControls" in r.properties:
        await r.do(HUB, "UpdateSecurityHubConfiguration", AutoEnableControls=r.get("AutoEnableControls"))
    return await read_hub(r)


async def read_hub(r: Resource) -> str:
    about = await r.do(HUB, "DescribeHub")
    r.attributes |= {"ARN": about["HubArn"], "SubscribedAt": about["SubscribedAt"]}
    return str(about["HubArn"])


async def update_hub(r: Resource) -> None:
    await r.do(HUB, "UpdateSecurityHubConfiguration", AutoEnableControls=r.get("AutoEnableControls"), ControlFindingGenerator=r.get("ControlFindingGenerator"))
    if gone := [key for key in tag_map(r.old.get("Tags")) if key not in tag_map(r.get("Tags")) and not key.startswith("aws:")]:
        await r.do(HUB, "UntagResource", ResourceArn=r.physical, TagKeys=gone)
    if r.changed("Tags") and tags(r):
        await r.do(HUB, "TagResource", ResourceArn=r.physical, Tags=tags(r))


async def create_standard(r: Resource) -> str:
    made = await r.do(HUB, "BatchEnableStandards", StandardsSubscriptionRequests=[{"StandardsArn": r.properties["StandardsArn"]}])
    r.physical = str(made["StandardsSubscriptions"][0]["StandardsSubscriptionArn"])
    r.attributes["StandardsSubscriptionArn"] = r.physical
    await turn(r)
    return r.physical


async def turn(r: Resource) -> None:
    """Controls that the template turns off, and those that it did and does no more."""
    def named(source: Any) -> dict[str, Any]:
        return {one["StandardsControlArn"]: one.get("Reason") for one in source.get("DisabledStandardsControls") or ()}
    new, old = named(r.properties), named(r.old)
    for arn, reason in new.items():
        if arn not in old:
            await r.do(HUB, "UpdateStandardsControl", StandardsControlArn=arn, ControlStatus="DISABLED", DisabledReason=reason or "disabled by CloudFormation")
    for arn in [each for each in old if each not in new]:
        await r.do(HUB, "UpdateStandardsControl", StandardsControlArn=arn, ControlStatus="ENABLED")


async def delete_standard(r: Resource) -> None:
    await r.do(HUB, "BatchDisableStandards", StandardsSubscriptionArns=[r.physical])


async def create_insight(r: Resource) -> str:
    made = await r.do(HUB, "CreateInsight", Name=r.properties["Name"], Filters=r.properties["Filters"], GroupByAttribute=r.properties["GroupByAttribute"])
    r.attributes["InsightArn"] = made["InsightArn"]
    return str(made["InsightArn"])


async def create_delegate(r: Resource) -> str:
    account = r.properties["AdminAccountId"]
    await r.do(HUB, "EnableOrganizationAdminAccount", AdminAccountId=account)
    identifier = f"{r.call.account}/{r.call.region}"
    r.attributes |= {"DelegatedAdminIdentifier": identifier, "Status": "ENABLED"}
    return identifier


async def put_configuration(r: Resource) -> str:
    await r.do(HUB, "UpdateOrganizationConfiguration", AutoEnable=r.properties["AutoEnable"], AutoEnableStandards=r.get("AutoEnableStandards"))
    identifier = f"{r.call.account}/{r.call.region}"
    r.attributes |= {"OrganizationConfigurationIdentifier": identifier, "MemberAccountLimitReached": False, "Status": "ENABLED"}
    return identifier


async def create_rule(r: Resource) -> str:
    made = await r.do(HUB, "CreateAutomationRule", **{name: value for name, value in r.properties.items() if name != "Tags"}, Tags=tags(r))
    r.attributes["RuleArn"] = made["RuleArn"]
    return str(made["RuleArn"])


async def update_rule(r: Resource) -> None:
    await r.do(HUB, "BatchUpdateAutomationRules", UpdateAutomationRulesRequestItems=[{"RuleArn": r.physical, **{name: value for name, value in r.properties.items() if name != "Tags"}}])


async def delete_rule(r: Resource) -> None:
    await r.do(HUB, "BatchDeleteAutomationRules", AutomationRulesArns=[r.physical])


async def put_control(r: Resource) -> str:
    """What is no longer said of a parameter is AWS's to say again."""
    id_ = str(r.get("SecurityControlId") or str(r.get("SecurityControlArn", "")).rpartition("/")[2])
    gone = {name: {"ValueType": "DEFAULT"} for name in r.old.get("Parameters") or {} if name not in r.properties["Parameters"]}
    await r.do(HUB, "UpdateSecurityControl", SecurityControlId=id_, Parameters={**gone, **r.properties["Parameters"]}, LastUpdateReason=r.get("LastUpdateReason"))
    r.attributes["SecurityControlId"] = id_
    return id_


async def reset_control(r: Resource) -> None:
    await r.do(HUB, "UpdateSecurityControl", SecurityControlId=r.physical, Parameters={name: {"ValueType": "DEFAULT"} for name in r.properties["Parameters"]})


GONE = ("InvalidAccessException", "ResourceNotFoundException", "InvalidInputException")
TYPES = {
    "AWS::SecurityHub::Hub": Type(create=create_hub, update=update_hub, read=read_hub, delete=op(HUB, "DisableSecurityHub"), gone=GONE),
    "AWS::SecurityHub::Standard": Type(create=create_standard, update=turn, delete=delete_standard, gone=GONE),
    "AWS::SecurityHub::SecurityControl": Type(create=put_control, update=put_control, delete=reset_control, gone=GONE),
    "AWS::SecurityHub::AutomationRule": Type(create=create_rule, update=update_rule, delete=delete_rule, gone=GONE),
    "AWS::SecurityHub::FindingAggregator": Type(
        create=op(HUB, "CreateFindingAggregator", send=True, physical="FindingAggregatorArn", attributes={"FindingAggregatorArn": "FindingAggregatorArn", "FindingAggregationRegion": "FindingAggregationRegion"}),
        update=op(HUB, "UpdateFindingAggregator", send=("RegionLinkingMode", "Regions"), FindingAggregatorArn="{id}"), delete=op(HUB, "DeleteFindingAggregator", FindingAggregatorArn="{id}"), gone=GONE),
    "AWS::SecurityHub::Insight": Type(create=create_insight, update=op(HUB, "UpdateInsight", send=("Name", "Filters", "GroupByAttribute"), InsightArn="{id}"),
                                      delete=op(HUB, "DeleteInsight", InsightArn="{id}"), gone=GONE),
    "AWS::SecurityHub::ProductSubscription": Type(create=op(HUB, "EnableImportFindingsForProduct", send=True, physical="ProductSubscriptionArn", attributes={"ProductSubscriptionArn": "ProductSubscriptionArn"}),
                                                  delete=op(HUB, "DisableImportFindingsForProduct", ProductSubscriptionArn="{id}"), gone=GONE),
    "AWS::SecurityHub::ActionTarget": Type(create=op(HUB, "CreateActionTarget", send=True, physical="ActionTargetArn", attributes={"ActionTargetArn": "ActionTargetArn"}),
                                           update=op(HUB, "UpdateActionTarget", send=("Name", "Description"), ActionTargetArn="{id}"),
                                           delete=op(HUB, "DeleteActionTarget", ActionTargetArn="{id}"), gone=GONE),
    "AWS::SecurityHub::DelegatedAdmin": Type(create=create_delegate, delete=op(HUB, "DisableOrganizationAdminAccount", AdminAccountId="{AdminAccountId}"), gone=GONE),
    "AWS::SecurityHub::OrganizationConfiguration": Type(create=put_configuration, update=put_configuration,
                                                        delete=op(HUB, "UpdateOrganizationConfiguration", AutoEnable=False), gone=GONE),
}
