"""CloudTrail Lake's SQL: what it says, and what it refuses."""
import pytest

from cloche.languages.lake_sql import Refused, parse

STORE = "0233062b-51b6-4cc0-8c2c-6bd0f4ba6bda"
EVENTS = [
    {"eventName": "CreateBucket", "eventTime": "2026-11-25T10:00:00Z", "eventSource": "s3.amazonaws.com", "userIdentity": {"arn": "ana", "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}},
     "readOnly": False, "requestParameters": {"bucketName": "b"}, "resources": [{"ARN": "arn:aws:s3:::b"}]},
    {"eventName": "GetObject", "eventTime": "2026-11-25T11:00:00Z", "eventSource": "s3.amazonaws.com", "userIdentity": {"arn": "ana"}, "readOnly": True, "errorCode": "AccessDenied"},
    {"eventName": "RunInstances", "eventTime": "2026-11-25T12:00:00Z", "eventSource": "ec2.amazonaws.com", "userIdentity": {"arn": "bob's"}, "readOnly": False},
]
SAID = {
    "SELECT eventName FROM {s}": [["CreateBucket"], ["GetObject"], ["RunInstances"]],
    "select EVENTNAME, useridentity.ARN from {s} where eventTime >= '2026-11-25 11:00:00' order by eventTime desc": [["RunInstances", "bob's"], ["GetObject", "ana"]],
    "SELECT eventName FROM {s} WHERE eventTime BETWEEN '2026-11-25T10:30:00Z' AND '2026-11-25 11:30:00.000'": [["GetObject"]],
    "SELECT e.eventName FROM {s} AS e WHERE e.userIdentity.arn = 'bob''s' -- a comment": [["RunInstances"]],
    "SELECT eventName FROM {s} WHERE errorCode = 'x' OR NOT errorCode = 'x'": [["GetObject"]],
    "SELECT eventName FROM {s} WHERE errorCode IS NULL AND readOnly = false ORDER BY 1 DESC LIMIT 1": [["RunInstances"]],
    "SELECT eventName FROM {s} WHERE eventName NOT LIKE '%ucket' AND eventName LIKE '_et%'": [["GetObject"]],
    "SELECT eventName FROM {s} WHERE eventSource IN ('ec2.amazonaws.com', 'x') AND eventName NOT IN ('x')": [["RunInstances"]],
    "SELECT eventName FROM {s} WHERE element_at(requestParameters, 'bucketName') = 'b'": [["CreateBucket"]],
    "SELECT eventName FROM {s} WHERE userIdentity.sessionContext.attributes.mfaAuthenticated = 'true'": [["CreateBucket"]],
    "SELECT count(*) AS n, userIdentity.arn AS who FROM {s} GROUP BY userIdentity.arn HAVING count(*) > 1": [["2", "ana"]],
    "SELECT eventSource, COUNT(*) c FROM {s} GROUP BY eventSource ORDER BY c DESC, eventSource": [["s3.amazonaws.com", "2"], ["ec2.amazonaws.com", "1"]],
    "SELECT COUNT(DISTINCT eventSource), MIN(eventTime), COUNT(errorCode) FROM {s}": [["2", "2026-11-25 10:00:00.000", "1"]],
    "SELECT COUNT(*) FROM {s} WHERE eventName = 'none'": [["0"]],
    "SELECT DISTINCT eventSource FROM {s} ORDER BY eventSource": [["ec2.amazonaws.com"], ["s3.amazonaws.com"]],
    "SELECT CASE WHEN readOnly THEN 'r' ELSE 'w' END AS kind, count(*) FROM {s} GROUP BY 1 ORDER BY 2": [["r", "1"], ["w", "2"]],
    "SELECT upper(eventName) || '!', length(eventName), coalesce(errorCode, 'none') FROM {s} LIMIT 1": [["CREATEBUCKET!", "12", "none"]],
    "SELECT date_trunc('day', eventTime), sum(1 + 2 * 3), avg(4) FROM {s} GROUP BY 1": [["2026-11-25 00:00:00.000", "21", "4.0"]],
    "SELECT resources, json_extract_scalar(eventJson, '$.userIdentity.arn') FROM {s} WHERE cardinality(resources) = 1": [['[{"ARN":"arn:aws:s3:::b"}]', "ana"]],
}
REFUSED = ["", "SELECT 1", "DELETE FROM {s}", "SELECT FROM {s}", "SELECT nope FROM {s}", "SELECT eventName FROM trails", "SELECT eventName, count(*) FROM {s}", "SELECT eventName FROM {s} WHERE count(*) > 1",
           "SELECT eventName FROM (SELECT * FROM {s})", "SELECT eventName FROM {s} WHERE eventName IN (SELECT 1)", "SELECT eventName FROM {s} JOIN {s}", "WITH x AS (SELECT 1) SELECT 1",
           "SELECT nosuch(eventName) FROM {s}", "SELECT eventName FROM {s} LIMIT many", "SELECT eventName FROM {s} WHERE", "SELECT lower() FROM {s}", "SELECT row_number() OVER (x) FROM {s}", "SELECT ' FROM {s}",
           "SELECT " + "(" * 500 + "1" + ")" * 500 + " FROM {s}", "SELECT eventName FROM {s} UNION SELECT 1"]


@pytest.mark.parametrize("statement", SAID)
def test_what_it_says(statement):
    query = parse(statement.format(s=STORE))
    assert query.store == STORE and query.run(EVENTS)[1] == SAID[statement]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_it_refuses(statement):
    with pytest.raises(Refused):
        parse(statement.format(s=STORE))


def test_what_only_its_rows_can_show_is_wrong():
    for text in ("eventName = 3", "eventName + 1 > 2", "1 / 0 = 1"):
        with pytest.raises(Refused):
            parse(f"SELECT eventName FROM {STORE} WHERE {text}").run(EVENTS)
