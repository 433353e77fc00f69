"""Templates with something wrong anywhere are refused with a sentence; nothing else ever comes out."""
import copy
import json
import random

import pytest

from cloche.languages.cloudformation import checking, conditions, graph, parameters, reading
from cloche.languages.cloudformation.errors import TemplateError
from cloche.languages.cloudformation.functions import Scope, evaluate

GOOD = {
    "AWSTemplateFormatVersion": "2010-09-09", "Parameters": {
        "P": {"Type": "String", "Default": "x", "AllowedValues": ["x", "y"]}, "N": {"Type": "Number", "Default": 3, "MinValue": 1}, "L": {"Type": "CommaDelimitedList", "Default": "a,b"}},
    "Rules": {"R": {"RuleCondition": {"Fn::Equals": [{"Ref": "P"}, "x"]}, "Assertions": [{"Assert": {"Fn::Contains": [["x"], {"Ref": "P"}]}, "AssertDescription": "z"}]}},
    "Mappings": {"M": {"a": {"b": "c", "l": ["1"]}}},
    "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "x"]}, "D": {"Fn::And": [{"Condition": "C"}, {"Fn::Not": [{"Condition": "C"}]}]}},
    "Resources": {
        "A": {"Type": "AWS::SQS::Queue", "DependsOn": ["B"], "Condition": "C", "DeletionPolicy": "Retain", "Properties": {
            "X": {"Fn::Sub": ["${a}-${P}", {"a": {"Ref": "B"}}]}, "Y": {"Fn::If": ["C", {"Fn::Join": ["", ["a", {"Ref": "P"}]]}, {"Ref": "AWS::NoValue"}]},
            "Z": {"Fn::FindInMap": ["M", "a", "b"]}, "W": {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "P"}]}]}, "V": {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}}},
        "B": {"Type": "AWS::SNS::Topic", "Properties": {"T": {"Fn::Base64": "x"}, "G": {"Fn::Length": {"Ref": "L"}}, "J": {"Fn::ToJsonString": {"a": 1}}, "Z": {"Fn::GetAZs": ""}}}},
    "Outputs": {"O": {"Value": {"Fn::GetAtt": ["B", "TopicName"]}, "Condition": "C", "Export": {"Name": {"Fn::Sub": "${P}"}}}}}
JUNK = [None, 1, -1.5, True, "", "x", [], {}, [[]], {"Ref": "B"}, {"Ref": []}, {"Fn::GetAtt": []}, {"Fn::GetAtt": "B.x"}, {"Fn::Sub": {}}, {"Fn::Sub": ["${A}"]}, {"Fn::Join": [1, 2]},
        {"Fn::If": ["C"]}, {"Fn::If": [{}, 1, 2]}, {"Fn::Select": ["a", []]}, {"Condition": "Q"}, {"Condition": {}}, {"Fn::Equals": [1]}, {"Fn::And": {}}, {"Fn::FindInMap": ["M", [], {}]},
        {"Fn::Split": ["", 1]}, {"Fn::Cidr": ["x", 1]}, {"Fn::Cidr": ["10.0.0.0/8", 300]}, {"Fn::Unknown": 1}, {"a": 1, "Fn::Sub": "x"}, "x" * 2000, 10**400]


def places(value, path=()):
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*path, key))


def spoiled(seed):
    dice, template = random.Random(seed), copy.deepcopy(GOOD)
    for _ in range(dice.choice([1, 1, 2, 3])):
        *path, last = dice.choice(list(places(template))[1:])
        where = template
        for key in path:
            where = where[key]
        if dice.random() < 0.85:
            where[last] = copy.deepcopy(dice.choice(JUNK))
        else:
            del where[last]
    return template


@pytest.mark.parametrize("batch", range(8))
def test_a_spoiled_template_is_refused_in_words(batch):
    refused = 0
    for seed in range(batch * 250, batch * 250 + 250):
        try:
            template = reading.read(json.dumps(spoiled(seed)))
            declared = template.get("Parameters", {})
            checking.structure(template)
            meant = {name: one.meant for name, one in parameters.resolve(declared, {}).items()}
            scope = Scope(values=meant, mappings=template.get("Mappings", {}))
            scope.conditions = conditions.evaluate_all(template.get("Conditions", {}), scope)
            conditions.check_rules(template.get("Rules", {}), scope, template.get("Conditions", {}))
            live = checking.live(template, scope.conditions)
            graph.order(graph.dependencies(live, scope.conditions))
            for one in live.values():
                evaluate(one.get("Properties", {}), scope)
        except TemplateError:
            refused += 1
    assert refused > 100
