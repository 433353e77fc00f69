"""S3 Select: queries over CSV, JSON and Parquet, answered as a stream of events."""
from __future__ import annotations

import bz2
import gzip
import json
from base64 import b64decode

import pytest
from botocore.exceptions import ClientError, EventStreamError

from cloche.testing.people import Person, allow

from . import parquet_files
from .refusals import refused

PEOPLE = 'name,age,city\r\nann,31,"Rome, IT"\r\nbob,7,Oslo\r\n# nobody\r\ncy,,"say ""hi"""\r\n'
RULES = '{"Rules": [{"id": "1"}, {"expr": "y > x"}, {"id": "2", "expr": "z = DEBUG"}]}\n{"created": "June 27", "modified": "July 6", "n": 1.50}\n'
CSV, JSON = {"CSV": {}}, {"JSON": {}}
USE = {"CSV": {"FileHeaderInfo": "USE"}}
LINES = {"JSON": {"Type": "LINES"}}


def events(s3, bucket, key, sql, given=USE, wanted=CSV, **more):
    return list(s3.select_object_content(Bucket=bucket, Key=key, Expression=sql, ExpressionType="SQL", InputSerialization=given, OutputSerialization=wanted, **more)["Payload"])


def found(*args, **more):
    return b"".join(event["Records"]["Payload"] for event in events(*args, **more) if "Records" in event).decode()


@pytest.fixture
def ask(s3, bucket):
    s3.put_object(Bucket=bucket, Key="people", Body=PEOPLE)
    s3.put_object(Bucket=bucket, Key="rules", Body=RULES)
    return lambda sql, key="people", *args, **more: found(s3, bucket, key, sql, *args, **more)


def test_a_query_is_answered_with_records_then_figures_then_the_end(s3, bucket, ask):
    sql = "SELECT s.name FROM S3Object s"
    told = events(s3, bucket, "people", sql)
    assert [next(iter(event)) for event in told] == ["Records", "Stats", "End"]
    assert told[0]["Records"]["Payload"] == b"ann\nbob\ncy\n"
    assert told[1]["Stats"]["Details"] == {"BytesScanned": len(PEOPLE), "BytesProcessed": len(PEOPLE), "BytesReturned": 11}
    told = events(s3, bucket, "people", sql, RequestProgress={"Enabled": True})
    assert [next(iter(event)) for event in told] == ["Records", "Progress", "Stats", "End"]
    assert [next(iter(event)) for event in events(s3, bucket, "people", sql + " WHERE s.name = 'nobody'")] == ["Stats", "End"]


def test_columns_of_csv_are_found_by_name_or_number(ask):
    assert ask("SELECT * FROM S3Object s") == 'ann,31,"Rome, IT"\nbob,7,Oslo\ncy,,"say ""hi"""\n'
    assert ask('SELECT s."name", CITY FROM S3Object s WHERE s.age > 10') == 'ann,"Rome, IT"\n'
    assert ask("SELECT _3, _1 FROM S3Object LIMIT 1") == '"Rome, IT",ann\n'
    assert ask("SELECT s._1 FROM S3Object s LIMIT 2", given={"CSV": {"FileHeaderInfo": "IGNORE"}}) == "ann\nbob\n"
    assert ask("SELECT s._2 FROM S3Object s", given={"CSV": {}}) == "age\n31\n7\n\n"
    assert ask("SELECT s.name, s.age FROM S3Object s", wanted=JSON) == '{"name":"ann","age":"31"}\n{"name":"bob","age":"7"}\n{"name":"cy","age":""}\n'
    assert ask("SELECT * FROM S3Object s LIMIT 1", given={"CSV": {}}, wanted=JSON) == '{"_1":"name","_2":"age","_3":"city"}\n'


def test_records_of_json_are_reached_by_paths(ask):
    assert ask("SELECT id FROM S3Object[*].Rules[*].id", "rules", LINES, JSON) == '{"id":"1"}\n{}\n{"id":"2"}\n{}\n'
    assert ask("SELECT * FROM S3Object[*].Rules[*] r WHERE r.id IS NOT MISSING", "rules", LINES, JSON) == '{"id":"1"}\n{"id":"2","expr":"z = DEBUG"}\n'
    assert ask("SELECT d.modified, d.n * 2 AS twice FROM S3Object d WHERE d.created IS NOT NULL", "rules", LINES, JSON) == '{"modified":"July 6","twice":3}\n'
    assert ask("SELECT d.Rules[1].expr FROM S3Object d", "rules", {"JSON": {"Type": "DOCUMENT"}}, JSON) == '{"expr":"y > x"}\n{}\n'
    assert ask("SELECT d.created, d.Rules FROM S3Object d", "rules", LINES) == ',"[{""id"":""1""},{""expr"":""y > x""},{""id"":""2"",""expr"":""z = DEBUG""}]"\nJune 27,\n'


def test_aggregates_are_one_record(ask):
    assert ask("SELECT COUNT(*), AVG(CAST(s.age AS INT)), MIN(s.name), MAX(CAST(s.age AS INT)), SUM(CAST(s.age AS INT)) FROM S3Object s WHERE s.age <> ''") == "2,19,ann,31,38\n"
    assert ask("SELECT COUNT(*) AS n FROM S3Object s WHERE s.age = 'none'", wanted=JSON) == '{"n":0}\n'


def test_the_result_looks_as_it_is_asked_for(ask):
    always = {"CSV": {"QuoteFields": "ALWAYS", "FieldDelimiter": ";", "RecordDelimiter": "|", "QuoteCharacter": "'", "QuoteEscapeCharacter": "\\"}}
    assert ask("SELECT s.name, s.city FROM S3Object s", wanted=always) == "'ann';'Rome, IT'|'bob';'Oslo'|'cy';'say \"hi\"'|"
    assert ask("SELECT s.name FROM S3Object s LIMIT 2", wanted={"JSON": {"RecordDelimiter": ","}}) == '{"name":"ann"},{"name":"bob"},'


def test_input_may_have_other_marks_and_lie_packed(s3, bucket, ask):
    s3.put_object(Bucket=bucket, Key="odd", Body="a;'b;''c';d|!no|e;'f|g';h")
    odd = {"CSV": {"FieldDelimiter": ";", "RecordDelimiter": "|", "QuoteCharacter": "'", "QuoteEscapeCharacter": "'", "Comments": "!", "AllowQuotedRecordDelimiter": True}}
    assert ask("SELECT * FROM S3Object", "odd", odd) == "a,b;'c,d\ne,f|g,h\n"
    for kind, packed in (("GZIP", gzip.compress(PEOPLE.encode() * 3000)), ("BZIP2", bz2.compress(PEOPLE.encode() * 3000))):
        s3.put_object(Bucket=bucket, Key=kind, Body=packed)
        told = events(s3, bucket, kind, "SELECT COUNT(*) FROM S3Object s WHERE s._1 = 'ann'", {"CSV": {}, "CompressionType": kind})
        assert told[0]["Records"]["Payload"] == b"3000\n"
        assert told[1]["Stats"]["Details"] == {"BytesScanned": len(packed), "BytesProcessed": len(PEOPLE) * 3000, "BytesReturned": 5}


def test_large_objects_come_in_several_events(s3, bucket):
    lines = "".join(f"{n},{'x' * 50}\n" for n in range(20_000))
    s3.put_object(Bucket=bucket, Key="large", Body=lines)
    told = events(s3, bucket, "large", "SELECT * FROM S3Object", {"CSV": {}})
    assert len(told) > 4 and b"".join(event["Records"]["Payload"] for event in told if "Records" in event).decode() == lines
    told = events(s3, bucket, "large", "SELECT _1 FROM S3Object LIMIT 3", {"CSV": {}})
    assert told[0]["Records"]["Payload"] == b"0\n1\n2\n" and told[1]["Stats"]["Details"]["BytesScanned"] < len(lines)


def test_a_range_takes_the_records_that_begin_in_it(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body="n\n" + "".join(f"{n:03d}\n" for n in range(100)))  # record n begins at 2 + 4n

    def within(**scan):
        return found(s3, bucket, "k", "SELECT s.n FROM S3Object s", ScanRange=scan).split()
    assert within(Start=6, End=14) == ["001", "002", "003"]
    assert within(Start=7, End=13) == ["002"]
    assert within(Start=395) == ["099"]
    assert within(End=8) == ["098", "099"]
    whole = [within(Start=start, End=start + 49) for start in range(0, 402, 50)]
    assert [one for part in whole for one in part] == [f"{n:03d}" for n in range(100)]
    for scan in ({"Start": 5, "End": 4}, {"Start": 5000}):
        assert refused(within, **scan) == ("InvalidScanRange", 400)
    assert refused(found, s3, bucket, "k", "SELECT * FROM S3Object", {"JSON": {"Type": "DOCUMENT"}}, ScanRange={"Start": 1})[0] == "UnsupportedScanRangeInput"


@pytest.mark.parametrize(("sql", "code"), [
    ("SELECT", "ParseExpectedExpression"), ("FETCH * FROM S3Object", "ParseExpectedKeyword"), ("SELECT *", "ParseSelectMissingFrom"), ("SELECT * FROM people", "InvalidDataSource"),
    ("SELECT 'a FROM S3Object", "LexerInvalidLiteral"), ("SELECT # FROM S3Object", "LexerInvalidChar"), ("SELECT nope(name) FROM S3Object", "UnsupportedFunction"),
    ("SELECT s.none FROM S3Object s", "MissingHeaders"), ("SELECT x.name FROM S3Object s", "InvalidTableAlias"), ("SELECT _0 FROM S3Object", "InvalidColumnIndex"),
    ("SELECT CAST(s.name AS INT) FROM S3Object s", "CastFailed"), ("SELECT CAST(s.name AS THING) FROM S3Object s", "ParseExpectedTypeName"),
    ("SELECT name, COUNT(*) FROM S3Object", "UnsupportedSqlStructure"), ("SELECT * FROM S3Object ORDER BY name", "ParseUnsupportedSyntax"),
    ("SELECT *, name FROM S3Object", "ParseAsteriskIsNotAloneInSelectList"), ("SELECT SUM(*) FROM S3Object", "ParseUnsupportedCallWithStar"),
    ("SELECT * FROM S3Object WHERE name LIKE 'a!b' ESCAPE '!'", "EvaluatorLikePatternInvalidEscapeSequence")])
def test_queries_that_make_no_sense_are_refused_before_anything_is_read(s3, bucket, ask, sql, code):
    assert refused(ask, sql) == (code, 400)


def test_requests_that_make_no_sense_are_refused(s3, bucket, ask):
    everything = "SELECT * FROM S3Object"
    assert refused(ask, everything, "people", {}) == ("InvalidDataSource", 400)
    assert refused(ask, everything, "people", {**CSV, **LINES}) == ("MultipleDataSourcesUnsupported", 400)
    assert refused(ask, everything, "people", CSV, {**CSV, **JSON}) == ("ObjectSerializationConflict", 400)
    assert refused(ask, everything, "people", {"CSV": {}, "CompressionType": "GZIP"}) == ("InvalidCompressionFormat", 400)
    assert refused(ask, everything, "people", LINES) == ("JSONParsingError", 400)
    assert refused(ask, everything, "people", {"Parquet": {}}) == ("ParquetParsingError", 400)
    assert refused(ask, "SELECT " + "1+" * 140_000 + "1 FROM S3Object") == ("ExpressionTooLong", 400)
    assert refused(ask, everything, "none") == ("NoSuchKey", 404)
    s3.put_object(Bucket=bucket, Key="cold", Body=b"a", StorageClass="GLACIER")
    assert refused(ask, everything, "cold") == ("UnsupportedStorageClass", 400)


def test_what_is_wrong_later_ends_the_stream(s3, bucket):
    lines = "".join(f"{n}\n" for n in range(40_000)) + "last\n"
    s3.put_object(Bucket=bucket, Key="k", Body=lines)
    with pytest.raises(EventStreamError, match="CastFailed"):
        events(s3, bucket, "k", "SELECT CAST(_1 AS INT) FROM S3Object", {"CSV": {}})


def test_who_may_read_may_ask_and_sealed_objects_are_opened(cloud, s3, bucket, ask):
    sql = "SELECT name FROM S3Object LIMIT 1"
    ann = Person(cloud, "ann")
    with pytest.raises(ClientError, match="AccessDenied"):
        found(ann.client("s3"), bucket, "people", sql)
    bob = Person(cloud, "bob", allow("s3:GetObject", f"arn:aws:s3:::{bucket}/people"))
    assert found(bob.client("s3"), bucket, "people", sql) == "ann\n"
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    mine = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
    s3.put_object(Bucket=bucket, Key="mine", Body=PEOPLE * 3000, **mine)
    s3.put_object(Bucket=bucket, Key="kms", Body=PEOPLE * 3000, ServerSideEncryption="aws:kms")
    assert found(s3, bucket, "kms", sql) == found(s3, bucket, "mine", sql, **mine) == "ann\n"
    assert refused(found, s3, bucket, "mine", sql) == ("InvalidRequest", 400)
    assert json.loads(found(s3, bucket, "kms", "SELECT COUNT(*) AS n FROM S3Object s WHERE s.name LIKE 'a%'", wanted=JSON)) == {"n": 3000}


def test_hostile_values_end_the_answer_and_not_the_server(s3, bucket, ask):
    for key, body in (("deep", "[" * 50_000 + "1" + "]" * 50_000), ("half", '{"a": "\\ud800"}'), ("digits", '{"a": ' + "9" * 5000 + "}")):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        code, status = refused(ask, "SELECT * FROM S3Object", key, LINES, JSON)
        assert status == 400 and code in ("InvalidDataType", "JSONParsingError")
    assert ask("SELECT name FROM S3Object LIMIT 1") == "ann\n"


PARQUET = {"Parquet": {}}


def test_parquet_has_names_types_and_structures(s3, bucket, ask):
    s3.put_object(Bucket=bucket, Key="p", Body=b64decode(parquet_files.PEOPLE))
    assert ask("SELECT * FROM S3Object s LIMIT 2", "p", PARQUET, JSON) == (
        '{"name":"ann","age":31,"paid":1.50,"score":0.5,"on":true,"since":"2020-01-02T03:04:05Z","home":{"city":"Rome"},"tags":{"list":{"element":"b"}}}\n'
        '{"name":"bob","age":7,"paid":null,"score":3.25,"on":false,"since":"2020-01-02T03:04:05Z","home":null,"tags":{"list":null}}\n')
    assert ask("SELECT s.name, s.home.city FROM S3Object s WHERE s.age > 10", "p", PARQUET) == "ann,Rome\n"
    assert ask("SELECT SUM(s.age), MIN(s.paid), COUNT(*) FROM S3Object s", "p", PARQUET) == "38,-2.25,3\n"
    assert ask("SELECT s.score FROM S3Object s WHERE s.name IS NULL", "p", PARQUET) == "\n"
    told = events(s3, bucket, "p", "SELECT s.name FROM S3Object s", PARQUET)
    assert 0 < told[-2]["Stats"]["Details"]["BytesScanned"] <= len(b64decode(parquet_files.PEOPLE))


def test_parquet_is_read_by_row_groups_and_in_pages_of_either_version(s3, bucket, ask):
    body = b64decode(parquet_files.NUMBERS)
    s3.put_object(Bucket=bucket, Key="n", Body=body)
    assert ask("SELECT COUNT(*), SUM(s.n) FROM S3Object s WHERE s.kind = 'odd'", "n", PARQUET) == f"200,{sum(range(1, 400, 2))}\n"
    assert ask("SELECT COUNT(*) FROM S3Object s", "n", PARQUET, ScanRange={"Start": 0, "End": 10}) == "100\n"  # of the group that begins there
    assert ask("SELECT MIN(s.n) FROM S3Object s", "n", PARQUET, ScanRange={"Start": 10}) == "100\n"


def test_parquet_that_cannot_be_read_is_refused(s3, bucket, ask):
    def code(body, given=PARQUET):
        s3.put_object(Bucket=bucket, Key="x", Body=body)
        with pytest.raises(ClientError) as caught:
            events(s3, bucket, "x", "SELECT * FROM S3Object s", given)
        return caught.value.response["Error"]["Code"]

    people = b64decode(parquet_files.PEOPLE)
    assert code(b64decode(parquet_files.ZSTANDARD)) == "ParquetUnsupportedCompressionCodec"
    assert code(PEOPLE.encode()) == code(b"PAR1") == code(people[:-20] + people[-12:]) == code(b"PAR1" + bytes(200) + people[-8:]) == "ParquetParsingError"
    assert code(people, {"Parquet": {}, "CompressionType": "GZIP"}) == "InvalidCompressionFormat"
