"""A client, and tables made in a line. Every test has its own account, so names repeat."""
import pytest
from botocore.exceptions import ClientError

HASH = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}]}
BOTH = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}]}


@pytest.fixture
def ddb(cloud):
    return cloud.client("dynamodb")


@pytest.fixture
def make(ddb):
    """make("table", range=None | "S" | "N" | "B", hash="S", types={...}, **CreateTable's members)"""
    def create(name="table", range=None, hash="S", types=None, read=0, write=0, **more):
        attributes = {"p": hash, **({"r": range} if range else {}), **(types or {})}
        if read:
            more |= {"ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write}}
        else:
            more.setdefault("BillingMode", "PAY_PER_REQUEST")
        ddb.create_table(TableName=name, AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in attributes.items()], **(BOTH if range else HASH), **more)
        return name
    return create


def index(name, hash, range=None, projection="ALL", include=None, **more):
    schema = [{"AttributeName": hash, "KeyType": "HASH"}] + ([{"AttributeName": range, "KeyType": "RANGE"}] if range else [])
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": projection} | ({"NonKeyAttributes": include} if include else {}), **more}


@pytest.fixture(name="index")
def _index():
    return index


@pytest.fixture
def refuses():
    """`with refuses("ValidationException", "part of the message") as error:`; error.value.response has all of it."""
    class Refusal:
        def __init__(self, code, words=""):
            self.code, self.words = code, words

        def __enter__(self):
            self.raises = pytest.raises(ClientError)
            return self.raises.__enter__()

        def __exit__(self, *exc):
            done = self.raises.__exit__(*exc)
            error = self.raises.excinfo.value.response["Error"]
            assert error["Code"] == self.code, error
            assert self.words in error["Message"], error
            return done
    return Refusal


def item(p, r=None, **more):
    """Plain Python to attribute values: text, numbers, and whatever is a dict already."""
    values = {"p": p, **({} if r is None else {"r": r}), **more}
    return {k: v if isinstance(v, dict) else {"S": v} if isinstance(v, str) else {"N": str(v)} for k, v in values.items()}


@pytest.fixture(name="item")
def _item():
    return item
