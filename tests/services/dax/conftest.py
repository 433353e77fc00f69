"""A cluster before a table, and clients of both. The data plane is tried with AWS's own client (amazon-dax-client); without it those tests are skipped and say so."""
import json

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "dax.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


class Bench:
    def __init__(self, cloud):
        self.cloud, self.dax, self.ddb, self.iam = cloud, cloud.client("dax"), cloud.client("dynamodb"), cloud.client("iam")
        self.open = []

    def role(self, name="dax", actions="dynamodb:*", trust=TRUST):
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self.allow(name, actions)
        return arn

    def allow(self, name, actions):
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}))

    def cluster(self, name="cache", nodes=1, wait=True, **more):
        if "IamRoleArn" not in more:
            more["IamRoleArn"] = self.role(f"role-{name}")
        made = self.dax.create_cluster(ClusterName=name, NodeType="dax.t3.small", ReplicationFactor=nodes, **more)["Cluster"]
        if wait:
            self.cloud.advance(1)
            made = self.describe(name)
        return made

    def describe(self, name="cache"):
        return self.dax.describe_clusters(ClusterNames=[name])["Clusters"][0]

    def client(self, name="cache", key=None, secret="test", token=None):
        client = pytest.importorskip("amazondax", reason="amazon-dax-client is not installed")
        url = self.describe(name)["ClusterDiscoveryEndpoint"]["URL"]
        made = client.AmazonDaxClient(endpoint_url=url, region_name="us-east-1", aws_access_key_id=key or self.cloud.account, aws_secret_access_key=secret, aws_session_token=token)
        self.open.append(made)
        return made

    def table(self, name="table", range=None, hash="S", **more):
        attributes, schema = [{"AttributeName": "p", "AttributeType": hash}], [{"AttributeName": "p", "KeyType": "HASH"}]
        if range:
            attributes.append({"AttributeName": "r", "AttributeType": range})
            schema.append({"AttributeName": "r", "KeyType": "RANGE"})
        self.ddb.create_table(TableName=name, AttributeDefinitions=attributes + more.pop("attributes", []), KeySchema=schema, BillingMode="PAY_PER_REQUEST", **more)


@pytest.fixture
def bench(cloud):
    made = Bench(cloud)
    yield made
    for client in made.open:
        client.close()


@pytest.fixture
def refused():
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        return error.value.response["Error"]["Code"], error.value.response["Error"].get("Message", "")
    return call
