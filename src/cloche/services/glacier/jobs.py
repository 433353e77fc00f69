"""Jobs: an archive or an inventory is asked for, made ready hours later, and can be fetched for a day. The clock brings it."""
from __future__ import annotations

import csv
import io
import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.services.sns import public as sns
from cloche.wire.http import FileBody

from . import errors, trees
from . import service as glacier
from .archives import DAY, age, archive, name_of, path_of
from .retrieval import check_policy
from .vaults import ON_VAULT, Vault, arn_of, find, paged, stamp

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

TIERS = {"Expedited": 180, "Standard": 4 * 3600, "Bulk": 8 * 3600}  # seconds: within 1-5 minutes, 3-5 and 5-12 hours
EVENTS = {"ArchiveRetrieval": "ArchiveRetrievalCompleted", "InventoryRetrieval": "InventoryRetrievalCompleted"}
COLUMNS = ("ArchiveId", "ArchiveDescription", "CreationDate", "Size", "SHA256TreeHash")
MOST_LISTED = 10_000

glacier.table("CREATE TABLE IF NOT EXISTS glacier_output (job TEXT PRIMARY KEY, file TEXT NOT NULL) WITHOUT ROWID")


class Job(Record, frozen=True):
    kind = "glacier.job"

    id: str
    vault: str
    action: str                   # ArchiveRetrieval, InventoryRetrieval
    made: float
    tier: str = ""
    description: str = ""
    topic: str = ""
    archive: str = ""
    size: int = 0                 # of the archive
    tree: str = ""                # of the whole archive
    first: int = 0                # the stretch of it that was asked for
    end: int = 0
    note: str = ""                # the archive's description
    inventory: dict[str, Any] = {}
    status: str = "InProgress"
    message: str = ""
    completed: float = 0.0
    length: int = 0               # of the output
    part_tree: str = ""           # of the output, where the stretch is one of the tree's

    @property
    def key(self) -> str:
        return self.id


def job(there: Call, req: Any) -> Job:
    found = there.get(Job, req["jobId"])
    if found is None or found.vault != req["vaultName"]:
        raise errors.no_job(req["jobId"])
    return found


@glacier.op(**ON_VAULT | {"context": age})
def initiate_job(call: Call, req: t.InitiateJobInput) -> t.InitiateJobOutput:
    there, vault, arn = find(call, req)
    wanted: Any = req.get("jobParameters") or {}
    kind = wanted.get("Type")
    if not kind:
        raise errors.lacking("Type")
    if kind == "select":
        raise errors.no_longer("Glacier Select is no longer available")
    if kind not in ("archive-retrieval", "inventory-retrieval"):
        raise errors.number("Type", kind)
    if len(wanted.get("Description", "")) > 1024:
        raise errors.bad("Invalid Description: it may have 1,024 characters")
    if "SNSTopic" in wanted:
        check_topic(wanted["SNSTopic"])
    one = Job(there.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 92), vault.name, "InventoryRetrieval" if kind == "inventory-retrieval" else "ArchiveRetrieval", there.now,
              description=wanted.get("Description", ""), topic=wanted.get("SNSTopic", ""))
    one = _inventory_job(one, vault, arn, wanted) if one.action == "InventoryRetrieval" else _archive_job(there, one, wanted)
    there.put(one)
    there.after(TIERS[one.tier or "Standard"], complete, name=one.id, job=one.id)
    return {"location": f"/{there.account}/vaults/{vault.name}/jobs/{one.id}", "jobId": one.id}


def _archive_job(there: Call, one: Job, wanted: Any) -> Job:
    if "ArchiveId" not in wanted:
        raise errors.lacking("ArchiveId")
    if "Format" in wanted or "InventoryRetrievalParameters" in wanted:
        raise errors.bad("Format and InventoryRetrievalParameters are for inventory retrievals")
    found = archive(there, one.vault, wanted["ArchiveId"])
    if found is None:
        raise errors.no_archive(wanted["ArchiveId"])
    tier = wanted.get("Tier") or "Standard"
    if tier not in TIERS:
        raise errors.number("Tier", tier)
    first, end = 0, found.size
    if (text := wanted.get("RetrievalByteRange")) is not None:
        place = re.fullmatch(r"(\d+)-(\d+)", text)
        first, end = (int(place[1]), int(place[2]) + 1) if place else (1, 0)
        if first % trees.MEGABYTE or not first < end <= found.size or (end % trees.MEGABYTE and end != found.size):
            raise errors.bad(f"Invalid RetrievalByteRange: {text}. It must be aligned to megabytes, and within the archive")
    check_policy(there, tier, end - first, [other for other in there.all(Job) if other.action == "ArchiveRetrieval"])
    tree = trees.root([found.leaves[at * 32:at * 32 + 32] for at in range(first // trees.MEGABYTE, -(-end // trees.MEGABYTE))]) if trees.aligned(first, end, found.size) else ""
    return one.but(archive=found.id, size=found.size, tree=found.tree, first=first, end=end, tier=tier, note=found.description, part_tree=tree)


def _inventory_job(one: Job, vault: Vault, arn: str, wanted: Any) -> Job:
    for name in ("ArchiveId", "RetrievalByteRange", "Tier"):
        if name in wanted:
            raise errors.bad(f"{name} is for archive retrievals")
    if not vault.inventoried:
        raise errors.no_inventory(arn)
    if (form := wanted.get("Format") or "JSON") not in ("CSV", "JSON"):
        raise errors.number("Format", form)
    inventory: dict[str, Any] = {"Format": form}
    given = wanted.get("InventoryRetrievalParameters") or {}
    for name in ("StartDate", "EndDate"):
        if name in given:
            _moment(given[name], name)
            inventory[name] = given[name]
    if "Limit" in given:
        if not given["Limit"].isdigit() or not int(given["Limit"]):
            raise errors.number("Limit", given["Limit"])
        inventory["Limit"] = given["Limit"]
    if "Marker" in given:
        inventory["Marker"] = given["Marker"]
    return one.but(inventory=inventory)


def _moment(text: str, name: str) -> float:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise errors.number(name, text) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def check_topic(arn: str) -> None:
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+(\.fifo)?", arn):
        raise errors.bad(f"Invalid SNS topic ARN: {arn}")


# --- the end of a job ---------------------------------------------------------------------------------------------------------

@glacier.timer
def complete(call: Call, job: str) -> None:
    one, vault = call.get(Job, job), None
    if one is None:
        return
    vault = call.get(Vault, one.vault)
    if vault is None:
        one = one.but(status="Failed", message="The vault was deleted.")
    elif one.action == "ArchiveRetrieval":
        one = _fetch(call, one)
    else:
        one = _list(call, one, vault)
    one = one.but(completed=call.now)
    call.put(one)
    call.after(DAY, expire, name=one.id, job=one.id)
    topics = {one.topic} | ({vault.notify["SNSTopic"]} if vault is not None and vault.notify and EVENTS[one.action] in vault.notify["Events"] else set())
    for topic in sorted(topics - {""}):
        call.wake(tell, json.dumps([topic, one.id]))


def _fetch(call: Call, one: Job) -> Job:
    """The archive's file gets a second name: it stays for whoever fetches it, though the archive be deleted."""
    found = archive(call, one.vault, one.archive)
    if found is None or found.file is None:
        return one.but(status="Failed", message="The archive was deleted.")
    path = call.file("glacier")
    os.link(path_of(call, found.file), path)
    call.sql("INSERT INTO glacier_output VALUES (?,?)", one.id, name_of(call, path))
    return one.but(status="Succeeded", message="Succeeded", length=one.end - one.first)


def _list(call: Call, one: Job, vault: Vault) -> Job:
    asked = one.inventory
    since, until = (_moment(asked[name], name) if name in asked else limit for name, limit in (("StartDate", 0.0), ("EndDate", 1e12)))
    made, id_ = json.loads(asked["Marker"]) if str(asked.get("Marker", "")).startswith("[") else [0.0, ""]
    limit = int(asked.get("Limit", 1 << 40))
    rows = call.sql("SELECT id, description, made, size, tree FROM glacier_archive WHERE account=? AND region=? AND vault=? AND listed=1 AND made>=? AND made<? AND (made, id)>(?, ?)"
                    " ORDER BY made, id LIMIT ?", call.account, call.region, one.vault, since, until, made, id_, limit + 1)
    page = rows[:limit]
    listed: list[dict[str, Any]] = [dict(zip(COLUMNS, (key, note, stamp(when), size, tree), strict=True)) for key, note, when, size, tree in page]
    if asked["Format"] == "CSV":
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
        body = text.getvalue().encode()
    else:
        body = json.dumps({"VaultARN": arn_of(call, call.account, vault.name), "InventoryDate": stamp(vault.inventoried), "ArchiveList": listed}).encode()
    path = call.file("glacier")
    path.write_bytes(body)
    call.sql("INSERT INTO glacier_output VALUES (?,?)", one.id, name_of(call, path))
    rest = {"Marker": json.dumps([page[-1][2], page[-1][0]])} if len(rows) > limit else {}
    return one.but(status="Succeeded", message="Succeeded", length=len(body), inventory={name: value for name, value in asked.items() if name != "Marker"} | rest)


@glacier.timer
def expire(call: Call, job: str) -> None:
    if (one := call.get(Job, job)) is not None:
        call.drop([path_of(call, file) for (file,) in call.sql("SELECT file FROM glacier_output WHERE job=?", job)])
        call.sql("DELETE FROM glacier_output WHERE job=?", job)
        call.delete(one)


@glacier.worker
async def tell(call: Call, key: str) -> None:
    """The topic gets what DescribeJob answers. A topic of the same account lets its own account in; any other must name the vault."""
    topic, id_ = json.loads(key)
    one = call.get(Job, id_)
    if one is None:
        return
    arn = arn_of(call, call.account, one.vault)
    who = call.as_root() if topic.split(":")[4] == call.account else call.as_service("glacier.amazonaws.com", arn, call.account)
    try:
        with call.step():
            sns.publish(who, topic, Message=json.dumps(shown(call, one)), Subject="Notification From Amazon Glacier Service")
    except AwsError:
        return


# --- looking ------------------------------------------------------------------------------------------------------------------

def shown(there: Call, one: Job) -> Any:
    out: dict[str, Any] = {"JobId": one.id, "Action": one.action, "VaultARN": arn_of(there, there.account, one.vault), "CreationDate": stamp(one.made), "Completed": bool(one.completed),
                           "StatusCode": one.status, "StatusMessage": one.message or "Operation in progress."}
    for name, value in (("JobDescription", one.description), ("SNSTopic", one.topic), ("Tier", one.tier)):
        if value:
            out[name] = value
    if one.completed:
        out["CompletionDate"] = stamp(one.completed)
    if one.action == "ArchiveRetrieval":
        out |= {"ArchiveId": one.archive, "ArchiveSizeInBytes": one.size, "ArchiveSHA256TreeHash": one.tree, "RetrievalByteRange": f"{one.first}-{one.end - 1}"}
        if one.part_tree:
            out["SHA256TreeHash"] = one.part_tree
    else:
        out["InventoryRetrievalParameters"] = one.inventory
        if one.status == "Succeeded":
            out["InventorySizeInBytes"] = one.length
    return out


@glacier.op(**ON_VAULT)
def describe_job(call: Call, req: t.DescribeJobInput) -> t.GlacierJobDescription:
    there, _, _ = find(call, req)
    return shown(there, job(there, req))  # type: ignore[no-any-return]


@glacier.op(**ON_VAULT)
def list_jobs(call: Call, req: t.ListJobsInput) -> t.ListJobsOutput:
    there, vault, _ = find(call, req)
    status, completed = req.get("statuscode"), req.get("completed")
    if status not in (None, "InProgress", "Succeeded", "Failed"):
        raise errors.number("statuscode", status)
    if completed not in (None, "true", "false"):
        raise errors.number("completed", completed)
    jobs = [one for one in there.all(Job) if one.vault == vault.name and status in (None, one.status) and completed in (None, "true" if one.completed else "false")]
    page, more = paged(sorted(jobs, key=lambda one: (one.made, one.id)), req, lambda one: one.id, 50, "Marker")
    return {"JobList": [shown(there, one) for one in page], **more}  # type: ignore[typeddict-item]


@glacier.op(**ON_VAULT)
def get_job_output(call: Call, req: t.GetJobOutputInput) -> t.GetJobOutputOutput:
    there, _, _ = find(call, req)
    one = job(there, req)
    if one.status != "Succeeded":
        raise errors.bad(f"The job is not currently available for download: {one.id}")
    [file] = there.row("SELECT file FROM glacier_output WHERE job=?", one.id)
    first, end, status = 0, one.length, 200
    if text := req.get("range"):
        place = re.fullmatch(r"bytes=(\d+)-(\d*)", text.strip())
        if place is None or int(place[1]) >= one.length or (place[2] and int(place[2]) < int(place[1])):
            raise errors.number("Range", text)
        first, end, status = int(place[1]), min(int(place[2]) + 1, one.length) if place[2] else one.length, 206
    out: dict[str, Any] = {"status": status, "acceptRanges": "bytes", "body": FileBody(str(path_of(there, file)), one.first + first, end - first)}
    if status == 206:
        out["contentRange"] = f"bytes {first}-{end - 1}/{one.length}"
    if one.action == "InventoryRetrieval":
        return out | {"contentType": "text/csv" if one.inventory["Format"] == "CSV" else "application/json"}  # type: ignore[return-value]
    out["contentType"] = "application/octet-stream"
    if one.note:
        out["archiveDescription"] = one.note
    if one.part_tree and trees.aligned(one.first + first, one.first + end, one.size):
        found = there.row("SELECT leaves FROM glacier_archive WHERE id=?", one.archive)
        if found:
            begin, behind = (one.first + first) // trees.MEGABYTE, -(-(one.first + end) // trees.MEGABYTE)
            out["checksum"] = trees.root([found[0][at * 32:at * 32 + 32] for at in range(begin, behind)])
    return out  # type: ignore[return-value]
