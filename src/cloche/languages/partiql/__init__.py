"""PartiQL as DynamoDB speaks it: SELECT, INSERT, UPDATE, DELETE and EXISTS over one table or index. Pure.

A statement is read into the same trees that expressions have (see `languages.dynamodb.parser`), with literal paths and
literal values, so that conditions and updates are compiled and run by one machine.
"""
