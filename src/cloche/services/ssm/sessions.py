"""Sessions: a shell, a command or a port in an instance, talked with through a data channel (`data_channel`) that the session's token opens."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Need, Record
from cloche.services.ec2 import public as ec2

from . import document_content, documents, managed, paging
from . import errors_commands as refusals
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

IDLE_SECONDS = 20 * 60.0     # without a word from either side
KEPT_SECONDS = 30 * 86400.0
SHELL = "SSM-SessionManagerRunShell"


class Session(Record, frozen=True):
    kind = "ssm.session"

    id: str
    target: str
    document: str
    owner: str
    began: float
    token: str
    type: str                     # Standard_Stream, InteractiveCommands, NonInteractiveCommands, Port
    properties: dict[str, Any]
    shown_document: str = ""
    reason: str = ""
    status: str = "Connected"
    ended: float = 0
    spoke: float = 0

    @property
    def key(self) -> str:
        return self.id


class Where(Record, frozen=True):
    """Whose a session is: the data channel's address says only its id."""
    kind = "ssm.session-where"
    scope = "cloud"

    id: str
    account: str
    region: str

    @property
    def key(self) -> str:
        return self.id


def _needs(call: Call, req: Any) -> list[Need]:
    """The node, and the document where one is named."""
    tags = ec2.tags_of(call, req["Target"])
    context = {f"{prefix}/{k}": v for k, v in tags.items() for prefix in ("ssm:resourceTag", "aws:ResourceTag")}
    needs = [Need("ssm:StartSession", call.arn(f"instance/{req['Target']}", service="ec2"), context | {"ssm:SessionDocumentAccessCheck": "true" if req.get("DocumentName") else "false"})]
    if name := req.get("DocumentName"):
        arn = documents.arn(call, name)
        needs.append(Need("ssm:StartSession", arn, policy=documents.sharing(call, arn)))
    return needs


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"session/{req['SessionId']}")


@ssm.op(needs=_needs, partly="port forwarding to the client (LocalPortForwarding, remote hosts) is not built, AWS-StartSSHSession is; transcripts to S3 and CloudWatch Logs are not kept")
def start_session(call: Call, req: t.StartSessionRequest) -> t.StartSessionResponse:
    if managed.ready(call, req["Target"]) is None:
        raise refusals.not_connected(req["Target"])
    document = documents.anywhere(call, req.get("DocumentName") or SHELL)
    if document.type != "Session":
        raise refusals.not_a_session_document(document.name)
    content = document_content.read(document.at("").content, document.at("").format)
    values = document_content.chosen(content, req.get("Parameters") or {})
    name = call.principal.arn.rpartition("/")[2] if "/" in call.principal.arn else call.principal.name or "root"
    one = Session(f"{name}-{call.id()}", req["Target"], document.name, call.principal.arn, call.now, call.secret(48), content["sessionType"],
                  document_content.put_in(content.get("properties") or {}, values), req.get("DocumentName") or "", req.get("Reason", ""), spoke=call.now)
    call.put(one)
    call.put(Where(one.id, call.account, call.region))
    call.after(IDLE_SECONDS, idle, one.id, id=one.id)
    return _answer(call, one)


def opened(call: Call, target: str, command: str, prefix: str) -> dict[str, Any]:
    """A session of another service's: its target is no node, its command is given."""
    one = Session(f"{prefix}-{call.id()}", target, "AmazonECS-ExecuteInteractiveCommand", call.principal.arn, call.now, call.secret(48), "InteractiveCommands", {"linux": {"commands": command}}, spoke=call.now)
    call.put(one)
    call.put(Where(one.id, call.account, call.region))
    call.after(IDLE_SECONDS, idle, one.id, id=one.id)
    return _answer(call, one)  # type: ignore[no-any-return]


def _answer(call: Call, one: Session) -> Any:
    return {"SessionId": one.id, "TokenValue": one.token, "StreamUrl": f"ws://{call.cloud.host}/v1/data-channel/{one.id}?role=publish_subscribe"}


@ssm.timer
def idle(call: Call, id: str) -> None:
    """Too long without a word: it ends. Else it is looked at again when it would have been."""
    one = call.get(Session, id)
    if one and one.status != "Terminated":
        if one.spoke + IDLE_SECONDS > call.now:
            call.due(one.spoke + IDLE_SECONDS, idle, id, id=id)
        else:
            end(call, one)


@ssm.timer
def session_forgotten(call: Call, id: str) -> None:
    if one := call.get(Session, id):
        call.delete(one)


def end(call: Call, one: Session) -> None:
    if one.status == "Terminated":
        return
    call.put(one.but(status="Terminated", ended=call.now))
    if where := call.get(Where, one.id):
        call.delete(where)
    call.signal(f"ssm.session.{one.id}")
    call.after(KEPT_SECONDS, session_forgotten, one.id, id=one.id)


def find(call: Call, id_: str) -> Session:
    if (found := call.get(Session, id_)) is None:
        raise refusals.no_session(id_)
    return found


@ssm.op(by_id)
def resume_session(call: Call, req: t.ResumeSessionRequest) -> t.ResumeSessionResponse:
    """Another data channel to a session whose connection broke."""
    one = find(call, req["SessionId"])
    if one.status == "Terminated":
        raise refusals.no_session(one.id)
    one = one.but(token=call.secret(48))
    call.put(one)
    return _answer(call, one)  # type: ignore[no-any-return]


@ssm.op(by_id)
def terminate_session(call: Call, req: t.TerminateSessionRequest) -> t.TerminateSessionResponse:
    """One that is over, or was never there, is over."""
    if one := call.get(Session, req["SessionId"]):
        end(call, one)
    return {"SessionId": req["SessionId"]}


READ = {
    "Target": lambda one: one.target, "Owner": lambda one: one.owner, "Status": lambda one: one.status, "SessionId": lambda one: one.id, "AccessType": lambda one: "Standard",
}


@ssm.op(ANY)
def describe_sessions(call: Call, req: t.DescribeSessionsRequest) -> t.DescribeSessionsResponse:
    over = req["State"] == "History"
    found = sorted((one for one in call.all(Session) if (one.status == "Terminated") == over), key=lambda one: -one.began)
    for each in req.get("Filters") or ():
        key, value = each["key"], each["value"]
        if key in READ:
            found = [one for one in found if READ[key](one) == value]
        else:
            from datetime import datetime
            moment = datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
            found = [one for one in found if (one.began >= moment if key == "InvokedAfter" else one.began <= moment)]
    rows = []
    for one in found:
        row: dict[str, Any] = {"SessionId": one.id, "Target": one.target, "Status": one.status, "StartDate": one.began, "Owner": one.owner, "DocumentName": one.document, "AccessType": "Standard",
                               "OutputUrl": {}}
        if one.ended:
            row["EndDate"] = one.ended
        if one.reason:
            row["Reason"] = one.reason
        rows.append(row)
    return paging.page(req, rows, "Sessions", 50)  # type: ignore[no-any-return]


@ssm.op(lambda call, req: call.arn(f"instance/{req['Target']}", service="ec2"))
def get_connection_status(call: Call, req: t.GetConnectionStatusRequest) -> t.GetConnectionStatusResponse:
    return {"Target": req["Target"], "Status": "connected" if managed.ready(call, req["Target"]) else "notconnected"}
