"""What the servers write: files that are listed and read in parts."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import errors, instances, running
from . import service as rds
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import rds as t

MOST = 1 << 20
LINES = 10_000


def files(call: Call, one: Instance) -> dict[str, Path]:
    """By the name that AWS has for each."""
    folder = running.folder(call, one.resource)
    if one.engine == "postgres":
        return {"error/postgresql.log": folder / "out.log"} if (folder / "out.log").exists() else {}
    known = {"error/mysql-error.log": "mysql-error.log", "slowquery/mysql-slowquery.log": "mysql-slowquery.log", "general/mysql-general.log": "mysql-general.log"}
    return {name: folder / "log" / file for name, file in known.items() if (folder / "log" / file).exists()}


@rds.op(instances.BY_NAME, partly="a server has one file of each kind, which is not turned over by the hour")
def describe_db_log_files(call: Call, req: t.DescribeDBLogFilesMessage) -> t.DescribeDBLogFilesResponse:
    one = instances.find(call, req["DBInstanceIdentifier"])
    told = []
    for name, path in sorted(files(call, one).items()):
        about = path.stat()
        written = int(about.st_mtime * 1000)
        if req.get("FilenameContains", "") in name and about.st_size >= req.get("FileSize", 0) and written >= req.get("FileLastWritten", 0):
            told.append({"LogFileName": name, "LastWritten": written, "Size": about.st_size})
    return {"DescribeDBLogFiles": told}  # type: ignore[typeddict-item]


@rds.op(instances.BY_NAME)
def download_db_log_file_portion(call: Call, req: t.DownloadDBLogFilePortionMessage) -> t.DownloadDBLogFilePortionDetails:
    """From the marker on; without one the last lines."""
    path = files(call, instances.find(call, req["DBInstanceIdentifier"])).get(req["LogFileName"])
    if path is None:
        raise errors.no_log(req["LogFileName"])
    marker, most = req.get("Marker"), min(req.get("NumberOfLines") or LINES, LINES)
    if marker is not None and not marker.partition(":")[0].isdigit():
        raise errors.bad_marker()
    with path.open("rb") as file:
        size = path.stat().st_size
        start = min(int(marker.partition(":")[0]), size) if marker is not None else max(0, size - MOST)
        file.seek(start)
        read = file.read(MOST)
    lines = read.splitlines(keepends=True)
    lines = lines[:most] if marker is not None else lines[-most:]
    end = start + sum(map(len, lines)) if marker is not None else size
    return {"LogFileData": b"".join(lines).decode(errors="replace"), "Marker": str(end), "AdditionalDataPending": end < size}
