"""DynamoDB's little languages: attribute values, numbers, keys, and the five kinds of expression. Pure.

An expression is parsed once a text and compiled once a (text, names) into closures over plain wire values
(`{"S": "x"}`, binary as base64 text); what depends on the types of the placeholders is checked again at each use.
"""
