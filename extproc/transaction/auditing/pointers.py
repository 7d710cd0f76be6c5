"""The places of findings for the audit record: JSON pointers without the names that a client made up."""

from typing import Final

from extproc.payload.passage import NESTED, PART

HIDDEN: Final = "*"
"""Stands for a name that no API has."""

KNOWN: Final = frozenset(
    """
    additionalProperties annotations answer arguments audio caption candidates choices citations code content contents
    data default delta description detail developer documents enum error examples file file_data file_id file_url
    filename finish_reason function functionCall functionDeclarations functionResponse function_call functions id image
    image_url images index inlineData input input_file input_text instructions is_error items json_schema logprobs
    message messages metadata mimeType model name oneOf anyOf allOf output output_text parameters
    parametersJsonSchema params partial_json parts prediction prompt properties quote query reasoning reasoning_content
    redacted_thinking refusal required response responses result results role schema signature source stop
    stop_sequences suffix summary systemInstruction system system_instruction text texts thinking title token tokens
    tool tool_calls tool_choice tool_result tool_results tool_use tools toolConfig top_logprobs transcript type url user
    uri value variables
    """.split()  # noqa: SIM905  - a list of words is read as one
)
"""Names of members that APIs and JSON Schema have, and where texts stand."""

MOST_DIGITS: Final = 9
"""Digits that no index of an array has; a longer number is a name, and may be somebody's."""


def place_of(pointer: str, *, names: bool) -> str:
    """Return a pointer as the record has it; see `payload.passage.pointer`. `names`: with all names."""
    if names or not pointer:
        return pointer
    return "/".join(_step(each) for each in pointer.split("/"))


def _step(step: str) -> str:
    end = NESTED if step.endswith(NESTED) else ""
    name = step.removesuffix(NESTED)
    if not name or name in KNOWN or (name.isascii() and name.isdecimal() and len(name) < MOST_DIGITS):
        return step
    return (PART if name.startswith(PART) else "") + HIDDEN + end
