"""Limits that every reader of JSON has, whether the text comes whole or in pieces."""

MAX_DEPTH = 128
"""Arrays and objects around a value. Schemas of tools come to 40; the interpreter's own bound is near 1,000."""

MAX_OPENED = 8
"""Documents inside each other's strings. Tool calls that hold tool calls come to 4; every level doubles the escapes,
and costs a reading of all that is left."""

SHORT = 6
"""Digits of whole numbers that are nobody's: the shortest of personal ones have seven (phone numbers). Tokens of the
largest vocabularies have six."""
