"""CloudWatch in templates: Alarm, CompositeAlarm, Dashboard."""
from __future__ import annotations

import json

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps


async def read(r: Resource) -> None:
    r.attributes["Arn"] = r.call.arn(f"alarm:{r.physical}", service="cloudwatch")


async def delete(r: Resource) -> None:
    await r.do("cloudwatch", "DeleteAlarms", AlarmNames=[r.physical])


async def delete_dashboard(r: Resource) -> None:
    await r.do("cloudwatch", "DeleteDashboards", DashboardNames=[r.physical])


async def put_dashboard(r: Resource) -> str:
    body = r.get("DashboardBody")
    await r.do("cloudwatch", "PutDashboard", DashboardName=r.properties["DashboardName"], DashboardBody=body if isinstance(body, str) else json.dumps(body), Tags=r.get("Tags"))
    return str(r.properties["DashboardName"])


async def again(r: Resource) -> None:
    await put_dashboard(r)


async def read_stream(r: Resource) -> None:
    there = await r.do("cloudwatch", "GetMetricStream", Name=r.physical)
    r.attributes |= {"Arn": there["Arn"], "State": there["State"], "CreationDate": str(there["CreationDate"]), "LastUpdateDate": str(there["LastUpdateDate"])}


TYPES = {
    "AWS::CloudWatch::Alarm": Type(
        name="AlarmName", limit=255, create=op("cloudwatch", "PutMetricAlarm", send=True, physical="{AlarmName}"), read=read,
        update=steps(op("cloudwatch", "PutMetricAlarm", send=True, skip=("Tags",)), retag("cloudwatch", "TagResource", "UntagResource", ResourceARN="{.Arn}")),
        delete=delete),
    "AWS::CloudWatch::CompositeAlarm": Type(
        name="AlarmName", limit=255, create=op("cloudwatch", "PutCompositeAlarm", send=True, physical="{AlarmName}"), read=read,
        update=steps(op("cloudwatch", "PutCompositeAlarm", send=True, skip=("Tags",)), retag("cloudwatch", "TagResource", "UntagResource", ResourceARN="{.Arn}")),
        delete=delete),
    "AWS::CloudWatch::Dashboard": Type(
        name="DashboardName", limit=255, create=put_dashboard, update=again, delete=delete_dashboard, gone=("ResourceNotFound", "DashboardNotFoundError")),
    "AWS::CloudWatch::MetricStream": Type(
        name="Name", limit=255, create=op("cloudwatch", "PutMetricStream", send=True, physical="{Name}"), read=read_stream,
        update=steps(op("cloudwatch", "PutMetricStream", send=True, skip=("Tags",)), retag("cloudwatch", "TagResource", "UntagResource", ResourceARN="{.Arn}")),
        delete=op("cloudwatch", "DeleteMetricStream", Name="{id}")),
}
