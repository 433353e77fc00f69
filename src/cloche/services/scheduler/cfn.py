"""EventBridge Scheduler in templates: Schedule, ScheduleGroup."""
from __future__ import annotations

from cloche.services.cloudformation.public import Type, op

TYPES = {
    "AWS::Scheduler::Schedule": Type(
        name="Name", limit=64, create=op("scheduler", "CreateSchedule", send=True, physical="{Name}", attributes={"Arn": "ScheduleArn"}),
        update=op("scheduler", "UpdateSchedule", send=True, attributes={"Arn": "ScheduleArn"}), replaces=("GroupName",),
        delete=op("scheduler", "DeleteSchedule", Name="{id}", GroupName="{GroupName}")),
    "AWS::Scheduler::ScheduleGroup": Type(
        name="Name", limit=64, create=op("scheduler", "CreateScheduleGroup", send=True, physical="{Name}", attributes={"Arn": "ScheduleGroupArn"}),
        delete=op("scheduler", "DeleteScheduleGroup", Name="{id}")),
}
