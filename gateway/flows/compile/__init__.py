"""From checked nodes to the compiled model.

Tolerant: what the checks refused is read as missing, so that all findings come at once.
"""
