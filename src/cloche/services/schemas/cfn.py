"""The schema registry in templates: Registry, Schema, Discoverer, RegistryPolicy."""
from __future__ import annotations

import json

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

TAGS = retag("schemas", "TagResource", "UntagResource", ResourceArn="{id}")


async def read_schema(r: Resource) -> None:
    registry, name = r.physical.rsplit("/", 2)[1:]
    found = await r.do("schemas", "DescribeSchema", RegistryName=registry, SchemaName=name)
    r.attributes |= {"SchemaArn": found["SchemaArn"], "SchemaName": name, "SchemaVersion": found["SchemaVersion"]}


async def put_policy(r: Resource) -> str:
    answer = await r.do("schemas", "PutResourcePolicy", RegistryName=r.properties["RegistryName"], Policy=json.dumps(r.properties["Policy"]), RevisionId=r.get("RevisionId"))
    r.attributes["Id"] = r.properties["RegistryName"]
    return f"{r.properties['RegistryName']}-{answer['RevisionId']}"


async def update_policy(r: Resource) -> None:
    await r.do("schemas", "PutResourcePolicy", RegistryName=r.properties["RegistryName"], Policy=json.dumps(r.properties["Policy"]))


TYPES = {
    "AWS::EventSchemas::Registry": Type(
        name="RegistryName", limit=64, create=op("schemas", "CreateRegistry", send=True, physical="RegistryArn", attributes={"RegistryArn": "RegistryArn", "RegistryName": "RegistryName"}),
        update=steps(op("schemas", "UpdateRegistry", RegistryName="{.RegistryName}", send=("Description",)), TAGS), delete=op("schemas", "DeleteRegistry", RegistryName="{.RegistryName}"),
        replaces=("RegistryName",), attributes=("RegistryArn", "RegistryName")),
    "AWS::EventSchemas::Schema": Type(
        name="SchemaName", limit=200, create=op("schemas", "CreateSchema", send=True, physical="SchemaArn"), read=read_schema,
        update=steps(op("schemas", "UpdateSchema", send=("Content", "Description", "Type"), RegistryName="{RegistryName}", SchemaName="{.SchemaName}"), TAGS),
        delete=op("schemas", "DeleteSchema", RegistryName="{RegistryName}", SchemaName="{.SchemaName}"), replaces=("RegistryName", "SchemaName"),
        attributes=("SchemaArn", "SchemaName", "SchemaVersion"), gone=("NotFoundException",)),
    "AWS::EventSchemas::Discoverer": Type(
        create=op("schemas", "CreateDiscoverer", send=True, physical="DiscovererArn", attributes={"DiscovererArn": "DiscovererArn", "DiscovererId": "DiscovererId", "State": "State"}),
        update=steps(op("schemas", "UpdateDiscoverer", send=("Description", "CrossAccount"), DiscovererId="{.DiscovererId}"), TAGS),
        delete=op("schemas", "DeleteDiscoverer", DiscovererId="{.DiscovererId}"), replaces=("SourceArn",), attributes=("DiscovererArn", "DiscovererId", "State"), gone=("NotFoundException",)),
    "AWS::EventSchemas::RegistryPolicy": Type(
        create=put_policy, update=update_policy, delete=op("schemas", "DeleteResourcePolicy", RegistryName="{RegistryName}"), replaces=("RegistryName",), attributes=("Id",), gone=("NotFoundException",)),
}
