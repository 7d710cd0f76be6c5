"""Secrets in tables: the line of names identifies what stands in the same column of the next line.

A column is counted from the right: the name, and as many cells behind it as behind the value. That needs no beginning
of the line, which a stream would have to wait for in every line that has a comma.
"""

import re
from typing import Final

from extproc.detectors.secrets.assigned import NAMES
from extproc.detectors.secrets.likelihood import assigned, password
from extproc.detectors.secrets.passwords import PASSWORDS
from extproc.matching.rule import Rule

DELIMITERS: Final = ",;\t|"
"""Characters that part cells."""

MOST_BEHIND: Final = 6
"""Columns behind that of the secret. Lists of users have six to ten in all; each more costs 15 ms to compile."""

MOST_VALUE: Final = 160
"""Characters of a value. Repetitions up to 128 are counted (see `render.COUNTED`), here seven times: then RE2's
automaton outgrows its memory, and a table of 16 KiB takes 180 ms instead of 20."""

_CELL = rf"[{DELIMITERS}][^{DELIMITERS}\n]{{0,48}}"
_NAME = rf"(?:{PASSWORDS}|{NAMES})[\w .-]{{0,16}}[\"']?"
_PASSWORD = re.compile(PASSWORDS, re.IGNORECASE)


def _pattern() -> str:
    value = r"[\"']?([^\s\"'" + DELIMITERS + rf"]{{6,{MOST_VALUE}}})[\"']?"
    before = rf"\r?\n(?:[^\n]{{0,240}}?[{DELIMITERS}])"
    # A line of one cell alone is no table.
    columns = [before + value, *(_CELL * at + before + "?" + value + _CELL * at for at in range(1, MOST_BEHIND + 1))]
    return f"{_NAME}(?:{'|'.join(columns)})"


def _fits(match: str, secret: str) -> bool:
    return (password if _PASSWORD.match(match) else assigned)(secret)


RULES = (
    Rule(
        kind="assigned-secret",
        name="secret-in-column",
        pattern=_pattern(),
        before="",
        after=r"[^\r\n]",
        sign=rf"{_NAME}[{DELIMITERS}\r\n]",
        fold=True,
        group=None,
        judge=_fits,
        score=0.7,
        hits=(
            "id,api_key,status\n1041,«f1d2d2f924e986ac86fdf7b36c94bcdf»,open\n",
            "name;token\nann;«Xqz8PoEXnLwrWnfRVUWJuK5N»",
            '"user","password","role"\n"ann","«Tr0ub4dor»","admin"\n',
            "user\tpassword\nann\t«hunter22x»\n",
        ),
        misses=(
            "id,api_key,commit\n1041,none,f1d2d2f924e986ac86fdf7b36c94bcdf\n",
            "the header, the token, or both\nand f1d2d2f924e986ac86fdf7b36c94bcdf",
            "user,password,role\nann,,admin1\n",
            "user,password\nann,changeme1\n",
            "user, password\nHere is A1b2c3d4 and more",
            "AI_PASSIVE\nAI_V4MAPPED",
        ),
    ),
)
"""The first line below the names, also where they begin no line; `inspection/tables.py` reads the further lines."""
