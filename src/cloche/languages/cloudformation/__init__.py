"""CloudFormation's template language: text to values, values to resources. Pure.

`reading` turns text into plain values, `extensions` and `sam` expand what transforms declare, `checking` says what AWS says
before a stack exists, `parameters` and `conditions` fix what the caller chose, `functions` evaluates what is left: a value
that waits for a resource stays an `Unknown` until that resource exists.
"""
