"""Applications and their versions as they are on disk. An application's ARN is its id, and says where it is kept."""
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from cloche.kernel import Call, Record

from . import errors, grants


class Application(Record, frozen=True, omit_defaults=True):
    kind = "serverlessrepo.application"

    arn: str
    name: str
    created: float
    folder: str                            # of its copies in the repository's bucket
    about: dict[str, Any]                  # as it is shown: Author, Description, HomePageUrl, Labels, SpdxLicenseId, LicenseUrl, ReadmeUrl
    statements: list[dict[str, Any]] = []  # who else may do what
    versions: list[str] = []               # the latest last

    @property
    def key(self) -> str:
        return self.name


class Version(Record, frozen=True, omit_defaults=True):
    kind = "serverlessrepo.version"

    application: str
    version: str
    created: float
    url: str
    parameters: list[dict[str, Any]] = []
    capabilities: list[str] = []
    source: dict[str, str] = {}                    # SourceCodeUrl, SourceCodeArchiveUrl
    dependencies: list[dict[str, str]] = []

    @property
    def key(self) -> str:
        return f"{self.application.rpartition('/')[2]}|{self.version}"


def arn_of(call: Call, id_: str) -> str:
    """An application is named by its ARN; what is not one is taken for a name of one's own."""
    return id_ if id_.startswith("arn:") else call.arn(f"applications/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn_of(call, req["ApplicationId"])


def home(call: Call, arn: str) -> Call:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "serverlessrepo" or not parts[5].startswith("applications/"):
        raise errors.no_application(arn)
    return call.at(parts[4], parts[3])


def find(call: Call, id_: str) -> Application:
    arn = arn_of(call, id_)
    found = home(call, arn).get(Application, arn.partition("/")[2])
    if found is None:
        raise errors.no_application(arn)
    return found


def policy(call: Call, arn: str) -> str | None:
    """The application's own policy, in IAM's words; an application of nobody has none."""
    parts = arn.split(":")
    found = call.at(parts[4], parts[3]).get(Application, arn.partition("/")[2]) if len(parts) == 6 else None
    return json.dumps(grants.document(found.arn, found.statements)) if found is not None and found.statements else None


ON = {"resource": by_id, "policy": policy}


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at % 1 * 1000):03d}Z"
