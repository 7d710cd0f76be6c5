"""The limits of the readers of JSON, whether the text comes whole or in pieces."""

MAX_DEPTH = 128
"""Arrays and objects around a value. Schemas of tools come to 40; the interpreter's own bound is near 1,000."""

MAX_OPENED = 8
"""Documents inside each other's strings. Tool calls that hold tool calls come to 4; every level doubles the escapes,
and costs a reading of all that is left."""

SHORT = 6
"""Digits of whole numbers that are nobody's: the shortest of personal ones have seven (phone numbers). Tokens of the
largest vocabularies have six."""

MAX_VALUES = 128 * 1024
"""Values of a body, those of the documents in its strings among them: 16 bytes each in 2 MiB, the default body limit,
where requests in use have some hundreds. Reading so many takes about 0.1 s and 25 MB."""

MAX_PREFIXES = 128 * 1024
"""Characters of JSON that does not end as such which are read for its strings: at a microsecond each, in 0.15 s. In a
body with more of it, such a string is one text as it stands."""

MAX_EXACT = 64
"""Characters of a number that is written out. A longer one is taken as it stands."""

MAX_EXPONENT = 64
"""The largest power of ten that is written out: numbers that identify someone have up to some thirty digits."""
