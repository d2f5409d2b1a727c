"""``${…}`` in texts and conditions after ``if``: one small language, read here and nowhere evaluated as code.

The grammar is the expression part of Jinja that flows.md section 2.7 lists, and nothing more: names and their fields,
numbers, texts, dates, lists, comparison, ``and or not in``, arithmetic on numbers and dates, ten functions, eleven
filters. It has a parser of its own, for two reasons: a fault has to name its column, which Jinja does not know, and
what can't be written needs no sandbox.
"""
