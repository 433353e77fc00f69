"""An account with a hub, and its findings by control."""
import pytest


class Hub:
    def __init__(self, cloud, **how):
        self.cloud, self.api = cloud, cloud.client("securityhub")
        self.api.enable_security_hub(**how)

    def findings(self, **filters):
        """{filter: value} with equality, those that are active."""
        wanted = {name: [{"Value": value, "Comparison": "EQUALS"}] for name, value in ({"RecordState": "ACTIVE"} | filters).items()}
        return [one for page in self.api.get_paginator("get_findings").paginate(Filters=wanted) for one in page["Findings"]]

    def status(self, control, resource=None):
        """What a control says: of the one resource it saw, or of the one that is named."""
        found = {one["Resources"][0]["Id"]: one["Compliance"]["Status"] for one in self.findings(ComplianceSecurityControlId=control)}
        return found if resource == "all" else found.get(resource) if resource else (next(iter(found.values())) if len(found) == 1 else found)

    def look(self):
        """All controls look again."""
        self.cloud.advance(hours=25)


@pytest.fixture
def hub(cloud):
    made = Hub(cloud)
    cloud.advance(5)
    return made
