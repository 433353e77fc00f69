"""Registries, schemas, versions, policies, tags."""
import json

import pytest
from botocore.exceptions import ClientError

from tests.services.cloudformation.templates import outputs
from tests.services.cloudformation.test_types import deploy, gone

OPEN = {"openapi": "3.0.0", "info": {"title": "T", "version": "1"}, "paths": {}, "components": {"schemas": {"T": {"type": "object", "properties": {"price": {"type": "number"}}}}}}


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_registry_holds_schemas_in_versions(cloud):
    api = cloud.client("schemas")
    made = api.create_registry(RegistryName="r", Description="d", Tags={"a": "1"})
    assert made["RegistryArn"] == f"arn:aws:schemas:us-east-1:{cloud.account}:registry/r" and api.describe_registry(RegistryName="r")["Description"] == "d"
    assert refused(api.create_registry, RegistryName="r") == ("ConflictException", 409) and refused(api.create_registry, RegistryName="aws.mine") == ("ForbiddenException", 403)
    assert refused(api.describe_registry, RegistryName="none") == ("NotFoundException", 404)
    assert api.update_registry(RegistryName="r", Description="e")["Description"] == "e"
    assert [r["RegistryName"] for r in api.list_registries()["Registries"]] == ["aws.events", "r"] and [r["RegistryName"] for r in api.list_registries(Scope="LOCAL")["Registries"]] == ["r"]
    schema = api.create_schema(RegistryName="r", SchemaName="s@T", Type="OpenApi3", Content=json.dumps(OPEN), Description="first")
    assert (schema["SchemaVersion"], schema["SchemaArn"]) == ("1", f"arn:aws:schemas:us-east-1:{cloud.account}:schema/r/s@T")
    assert refused(api.create_schema, RegistryName="r", SchemaName="x", Type="OpenApi3", Content="{}")[0] == "BadRequestException"
    assert refused(api.create_schema, RegistryName="r", SchemaName="x", Type="OpenApi3", Content="nonsense")[0] == "BadRequestException"
    same = api.update_schema(RegistryName="r", SchemaName="s@T", Content=json.dumps(OPEN))
    other = api.update_schema(RegistryName="r", SchemaName="s@T", Content=json.dumps(OPEN | {"info": {"title": "U", "version": "2"}}))
    assert (same["SchemaVersion"], other["SchemaVersion"]) == ("1", "2")  # the same content is no new version
    assert json.loads(api.describe_schema(RegistryName="r", SchemaName="s@T", SchemaVersion="1")["Content"]) == OPEN
    assert [v["SchemaVersion"] for v in api.list_schema_versions(RegistryName="r", SchemaName="s@T")["SchemaVersions"]] == ["2", "1"]
    assert [(s["SchemaName"], s["VersionCount"]) for s in api.list_schemas(RegistryName="r", SchemaNamePrefix="s")["Schemas"]] == [("s@T", 2)]
    assert [[v["SchemaVersion"] for v in s["SchemaVersions"]] for s in api.search_schemas(RegistryName="r", Keywords="price U")["Schemas"]] == [["1", "2"]]
    assert json.loads(api.export_schema(RegistryName="r", SchemaName="s@T", Type="JSONSchemaDraft4")["Content"])["properties"] == {"price": {"type": "number"}}
    assert refused(api.delete_registry, RegistryName="r")[0] == "BadRequestException"
    api.delete_schema_version(RegistryName="r", SchemaName="s@T", SchemaVersion="2")
    assert api.describe_schema(RegistryName="r", SchemaName="s@T")["SchemaVersion"] == "1"
    api.tag_resource(ResourceArn=schema["SchemaArn"], Tags={"k": "v"})
    api.untag_resource(ResourceArn=made["RegistryArn"], TagKeys=["a"])
    assert api.list_tags_for_resource(ResourceArn=schema["SchemaArn"])["Tags"] == {"k": "v"} and api.list_tags_for_resource(ResourceArn=made["RegistryArn"])["Tags"] == {}
    api.delete_schema(RegistryName="r", SchemaName="s@T")
    assert refused(api.describe_schema, RegistryName="r", SchemaName="s@T")[0] == "NotFoundException"
    api.delete_registry(RegistryName="r")
    assert refused(api.delete_registry, RegistryName="r")[0] == "NotFoundException"


def test_a_registry_is_shared_by_its_policy(cloud):
    api, other = cloud.client("schemas"), cloud.other()
    arn = api.create_registry(RegistryName="r")["RegistryArn"]
    assert refused(api.get_resource_policy, RegistryName="r")[0] == "NotFoundException"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "schemas:*", "Resource": [arn, arn.replace("registry", "schema") + "/*"]}]})
    put = api.put_resource_policy(RegistryName="r", Policy=policy)
    assert api.get_resource_policy(RegistryName="r")["RevisionId"] == put["RevisionId"]
    assert refused(api.put_resource_policy, RegistryName="r", Policy=policy, RevisionId="stale")[0] == "PreconditionFailedException"
    api.delete_resource_policy(RegistryName="r")
    assert refused(api.delete_resource_policy, RegistryName="r")[0] == "NotFoundException"


def test_a_discoverer_reads_schemas_off_the_events_of_a_bus(cloud):
    api, events = cloud.client("schemas"), cloud.client("events")
    source = f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"
    assert refused(api.create_discoverer, SourceArn=source + "x")[0] == "BadRequestException"
    made = api.create_discoverer(SourceArn=source, Description="d", Tags={"a": "1"})
    assert (made["DiscovererId"], made["State"]) == ("events-event-bus-default", "STARTED") and refused(api.create_discoverer, SourceArn=source)[0] == "ConflictException"
    rule = events.describe_rule(Name="Schemas-events-event-bus-default")
    assert rule["ManagedBy"] == "schemas.amazonaws.com" and refused(events.delete_rule, Name=rule["Name"])[0] == "ManagedRuleException"
    assert refused(events.put_targets, Rule=rule["Name"], Targets=[{"Id": "t", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:q"}])[0] == "ManagedRuleException"

    def put(detail):
        events.put_events(Entries=[{"Source": "my.shop", "DetailType": "Order placed", "Detail": json.dumps(detail)}])
        cloud.advance(1)

    def schema(version=None):
        found = api.describe_schema(RegistryName="discovered-schemas", SchemaName="my.shop@OrderPlaced", **({"SchemaVersion": version} if version else {}))
        return found["SchemaVersion"], json.loads(found["Content"])["components"]["schemas"]

    put({"id": 1, "at": "2026-01-02T03:04:05Z", "items": [{"name": "x", "n": 2}], "gift": True})
    version, parts = schema()
    assert version == "1" and parts["AWSEvent"]["x-amazon-events-source"] == "my.shop" and parts["AWSEvent"]["properties"]["detail"] == {"$ref": "#/components/schemas/OrderPlaced"}
    assert parts["OrderPlaced"]["properties"]["at"] == {"type": "string", "format": "date-time"} and parts["OrderPlaced"]["properties"]["id"] == {"type": "number"}
    assert parts["OrderPlaced"]["properties"]["items"] == {"type": "array", "items": {"$ref": "#/components/schemas/ItemsItem"}} and parts["ItemsItem"]["required"] == ["name", "n"]
    put({"id": 2, "at": "2026-01-02T03:04:05Z", "items": [{"name": "y", "n": 1}], "gift": False})
    assert schema()[0] == "1"  # nothing new
    put({"id": 3, "at": "2026-01-02T03:04:05Z", "items": [], "who": {"name": "Ann"}})
    version, parts = schema()
    assert version == "2" and parts["OrderPlaced"]["required"] == ["id", "at", "items"] and parts["Who"]["properties"] == {"name": {"type": "string"}}
    assert api.stop_discoverer(DiscovererId=made["DiscovererId"])["State"] == "STOPPED"
    put({"id": 4, "new": 1})
    assert schema()[0] == "2"
    assert api.start_discoverer(DiscovererId=made["DiscovererId"])["State"] == "STARTED" and api.update_discoverer(DiscovererId=made["DiscovererId"], Description="e")["Description"] == "e"
    put({"id": 4, "new": 1})
    assert schema()[0] == "3" and [d["SourceArn"] for d in api.list_discoverers()["Discoverers"]] == [source]
    assert api.describe_discoverer(DiscovererId=made["DiscovererId"])["Tags"] == {"a": "1"}
    api.delete_discoverer(DiscovererId=made["DiscovererId"])
    assert refused(events.describe_rule, Name="Schemas-events-event-bus-default")[0] == "ResourceNotFoundException"


def test_a_schema_is_inferred_from_events_at_hand(cloud):
    api = cloud.client("schemas")
    found = json.loads(api.get_discovered_schema(Events=['{"a": 1, "b": "x"}', '{"a": 2, "c": [1]}'], Type="JSONSchemaDraft4")["Content"])
    assert found["required"] == ["a"] and found["properties"] == {"a": {"type": "number"}, "b": {"type": "string"}, "c": {"type": "array", "items": {"type": "number"}}}
    event = json.dumps({"version": "0", "id": "i", "detail-type": "Made", "source": "my.app", "account": "1", "time": "t", "region": "r", "resources": [], "detail": {"x": None}})
    assert "AWSEvent" in json.loads(api.get_discovered_schema(Events=[event], Type="OpenApi3")["Content"])["components"]["schemas"]
    assert refused(api.get_discovered_schema, Events=["{"], Type="OpenApi3")[0] == "BadRequestException"


def test_a_template_makes_a_registry_a_schema_and_a_discoverer(cloud):
    cfn, api = cloud.client("cloudformation"), cloud.client("schemas")

    def body(title):
        return json.dumps({"Resources": {
            "R": {"Type": "AWS::EventSchemas::Registry", "Properties": {"RegistryName": "mine", "Description": title, "Tags": [{"Key": "a", "Value": "1"}]}},
            "S": {"Type": "AWS::EventSchemas::Schema", "Properties": {"RegistryName": {"Fn::GetAtt": ["R", "RegistryName"]}, "Type": "OpenApi3", "Content": json.dumps(OPEN | {"info": {"title": title, "version": "1"}})}},
            "P": {"Type": "AWS::EventSchemas::RegistryPolicy", "Properties": {"RegistryName": {"Fn::GetAtt": ["R", "RegistryName"]}, "Policy": {
                "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": cloud.account}, "Action": "schemas:DescribeRegistry", "Resource": {"Fn::GetAtt": ["R", "RegistryArn"]}}]}}},
            "D": {"Type": "AWS::EventSchemas::Discoverer", "Properties": {"SourceArn": f"arn:aws:events:us-east-1:{cloud.account}:event-bus/default"}}},
            "Outputs": {"V": {"Value": {"Fn::GetAtt": ["S", "SchemaVersion"]}}, "D": {"Value": {"Fn::GetAtt": ["D", "DiscovererId"]}}}})
    made = deploy(cfn, "s", body("one"))
    assert outputs(cfn, "s") == {"V": "1", "D": "events-event-bus-default"} and api.get_resource_policy(RegistryName="mine")["Policy"]
    deploy(cfn, "s", body("two"))
    assert outputs(cfn, "s")["V"] == "2" and api.describe_registry(RegistryName="mine")["Description"] == "two" and made["S"].startswith("arn:")
    gone(cfn, "s")
    assert [r["RegistryName"] for r in api.list_registries(Scope="LOCAL")["Registries"]] == ["discovered-schemas"]
