"""The credential report: one line a user and one for root, as AWS writes it, good for four hours."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record

from . import keys, logins, mfa, users
from . import service as iam
from .names import moment

if TYPE_CHECKING:
    from cloche.shapes import iam as t

FOUR_HOURS = 14400
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
    "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,"
    "cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)


class Report(Record, frozen=True):
    kind = "iam.report"
    scope = "account"

    content: bytes
    created: float

    @property
    def key(self) -> str:
        return "report"


def shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def line(call: Call, user: users.User, devices: set[str]) -> str:
    login: Any = call.get(logins.Login, user.key)
    cells = [user.name, users.arn(call, user), shown(user.created), *(
        ["true", "no_information", shown(login.changed), "N/A"] if login else ["false", "N/A", "N/A", "N/A"]), str(user.name in devices).lower()]
    for key in [call.get(keys.AccessKey, id) for id in user.keys] + [None] * (2 - len(user.keys)):
        used = call.row("SELECT moment, region, service FROM iam_key_used WHERE id = ?", key.id) if key else None
        cells += [str(key.active).lower(), shown(key.created)] if key else ["false", "N/A"]
        cells += [shown(used[0]), used[1], used[2]] if used else ["N/A"] * 3
    return ",".join([*cells, "false", "N/A", "false", "N/A"])


@iam.op(resource=ANY)
def generate_credential_report(call: Call, req: t.Nothing) -> t.GenerateCredentialReportResponse:
    report = call.get(Report, "report")
    if report and call.now < report.created + FOUR_HOURS:
        return {"State": "COMPLETE"}
    devices = {device.user for device in call.all(mfa.Device)}
    root = f"<root_account>,arn:aws:iam::{call.account}:root,no_information,not_supported,no_information,not_supported,not_supported,false,true" + ",N/A" * 4 + ",false" + ",N/A" * 4 + ",false,N/A,false,N/A"
    lines = [COLUMNS, root, *(line(call, user, devices) for user in sorted(call.all(users.User), key=lambda user: user.name))]
    call.put(Report("\n".join(lines).encode(), moment(call)))
    return {"State": "STARTED", "Description": "No report exists. Starting a new report generation task"}


@iam.op(resource=ANY)
def get_credential_report(call: Call, req: t.Nothing) -> t.GetCredentialReportResponse:
    report = call.get(Report, "report")
    if report is None:
        raise AwsError("ReportNotPresent", "No report exists. Please request a new report generation task", 410)
    if call.now >= report.created + FOUR_HOURS:
        raise AwsError("ReportExpired", "The most recent credential report has expired. To generate a new credential report, use GenerateCredentialReport.", 410)
    return {"Content": report.content, "ReportFormat": "text/csv", "GeneratedTime": report.created}
