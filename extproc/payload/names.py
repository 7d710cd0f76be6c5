"""The names of members that the APIs themselves give: these are no one's text, every other name is."""

import re
from collections.abc import Iterable, Mapping

_INDEX = re.compile(r"\[([^\[\]]*)\]\Z")

CARRIER = 1
"""Flag of names whose string may be, or point to, an image, a sound or a file."""

COUNTER = 2
"""Flag of names whose number is a time or a count, however long, and never someone's number."""

OF_SCHEMAS = frozenset({"default", "const", "enum", "examples", "example"})
"""Names of values in a schema, which say nothing of a value: the name of the property does."""

_PLAIN = """
    logprob authorization_token user_id variables commands env revised_prompt approximate working_directory timeout_ms
    model messages role content stream stream_options include_usage temperature top_p top_k n seed stop stop_sequences
    max_tokens max_completion_tokens max_output_tokens max_tool_calls presence_penalty frequency_penalty logit_bias
    logprobs top_logprobs user metadata tools tool_choice parallel_tool_calls function functions function_call name
    description parameters strict arguments tool_calls tool_call_id response_format json_schema schema type text
    prompt suffix echo best_of input instructions system reasoning reasoning_effort effort summary store background
    truncation include previous_response_id conversation prompt_cache_key safety_identifier service_tier verbosity
    modalities voice format prediction web_search_options search_context_size user_location country region city
    timezone encoding_format dimensions cache_control ttl thinking budget_tokens signature container
    context_management edits tool_use_id id is_error citations title context source media_type mimeType filename
    detail refusal file input_audio transcript choices message delta index finish_reason matched_stop
    native_finish_reason usage object system_fingerprint tokens token text_offset token_logprobs annotations
    url_citation start_index end_index start_char_index end_char_index start_block_index end_block_index cited_text
    document_index document_title citation encrypted_index output output_text output_index content_index item item_id
    call_id part sequence_number response event status error code param incomplete_details reason reasoning_content
    reasoning_details summary_text encrypted_content queries query results score attributes vector_store_ids filters
    ranking_options max_num_results action actions outputs logs code_interpreter_call container_id environment
    display_width display_height pending_safety_checks acknowledged_safety_checks server_label server_url connector_id
    allowed_tools require_approval approval_request_id approve headers authorization embedding stop_reason
    stop_sequence stop_details content_block content_block_delta partial_json input_json caller cache_creation
    cache_read server_tool_use web_search_requests web_fetch_requests mcp_servers tool_configuration enabled display
    eager_input_streaming defer_loading input_schema max_uses allowed_domains blocked_domains page_age allowed_callers
    inference_geo speed encrypted_stdout stdout stderr return_code completion_tokens prompt_tokens total_tokens
    input_tokens output_tokens prompt_tokens_details completion_tokens_details input_tokens_details
    output_tokens_details cached_tokens reasoning_tokens audio_tokens text_tokens image_tokens
    accepted_prediction_tokens rejected_prediction_tokens cache_creation_input_tokens cache_read_input_tokens
    ephemeral_5m_input_tokens ephemeral_1h_input_tokens first_id last_id has_more obfuscation phase custom grammar
    definition syntax jsonrpc method params result protocolVersion capabilities clientInfo serverInfo version roots
    listChanged sampling elicitation logging completions prompts resources subscribe experimental tasks resource
    resourceTemplates uri uriTemplate contents isError structuredContent inputSchema outputSchema _meta progressToken
    progress total cursor nextCursor level logger requestId ref argument values hasMore completion hint hints
    modelPreferences costPriority speedPriority intelligencePriority systemPrompt includeContext stopSequences
    maxTokens stopReason audience priority lastModified size icons websiteUrl readOnlyHint destructiveHint
    idempotentHint openWorldHint requestedSchema toolChoice toolUseId $schema $id $ref $defs definitions properties
    required additionalProperties items enum const anyOf oneOf allOf not if then else minimum maximum exclusiveMinimum
    exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems prefixItems contains
    minContains maxContains minProperties maxProperties patternProperties propertyNames dependentRequired
    dependentSchemas unevaluatedProperties unevaluatedItems default examples deprecated readOnly writeOnly nullable
    discriminator propertyName mapping contentMediaType enumNames inputs token_ids input_ids
    prompt_token_ids body extra_content google provider_specific_fields texts ids input_prefix input_suffix
    inputs_embeds input_embeds input_embeddings candidates parts request thinking_blocks
    content_blocks
"""

_CARRIERS = """
    data blob url image_url file_url file_id file_data b64_json result image_data partial_image_b64 video_url embedding
    signature encrypted_content encrypted_index encrypted_stdout thought_signature thoughtSignature
    audio_url images prompt_embeds image_embeds audio_embeds file_uri fileUri document_url
    image video audio mask bytes multimodal_data encoding contentEncoding
"""

_COUNTERS = """
    created created_at completed_at expires_at started_at cancelled_at failed_at last_active_at seed max_tokens
    max_completion_tokens max_output_tokens budget_tokens completion_tokens prompt_tokens total_tokens input_tokens
    output_tokens total_duration load_duration prompt_eval_duration eval_duration sequence_number
"""

_FREE_NAMES = """
    arguments variables metadata _meta env structuredContent parameters properties patternProperties definitions $defs
    input_schema inputSchema outputSchema requestedSchema schema json_schema default const enum examples attributes
    filters headers
"""
_FREE = frozenset(_FREE_NAMES.split())
"""Names whose values are the client's own, whatever the names in them look like: the arguments and schemas of tools."""

_OF_TOOLS = frozenset(("input", "output"))

_OWN_NAMES = 8
"""Names around a value of an API's own; the deepest have six. A bound, because each value of a body may ask."""

TOKENS = frozenset((
    "prompt", "input", "inputs", "tokens", "token_ids", "input_ids", "prompt_token_ids", "prompt_embeds", "context",
    "content", "text", "texts", "suffix", "system", "instructions", "ids", "input_prefix", "input_suffix",
    "inputs_embeds", "input_embeds", "input_embeddings", "image_embeds", "audio_embeds",
))  # fmt: skip
"""Names of members that hold text, which servers take as numbers of a model's vocabulary, too, or as vectors."""

KNOWN: Mapping[str, int] = (
    dict.fromkeys(_PLAIN.split(), 0)
    | dict.fromkeys(_CARRIERS.split(), CARRIER)
    | dict.fromkeys(_COUNTERS.split(), COUNTER)
)
"""Names with their flags: those of OpenAI's, Anthropic's and MCP's requests, answers and events, and JSON Schema's.

Of other APIs (Gemini's, LiteLLM's, Portkey's) only the names around what a provider sealed for itself.

Whatever a client adds, such as the properties that its tools take, is text: names can hold a secret, too.
"""


PROBABILITIES = frozenset((
    "logprobs", "log_probs", "logprobsResult", "completion_probabilities", "completion_logprobs", "prompt_logprobs",
    "output_token_logprobs", "output_top_logprobs", "top_tokens",
))  # fmt: skip
"""Members that spell a text again, token by token: OpenAI's, Gemini's, llama.cpp's, vLLM's, SGLang's, TGI's."""

PERHAPS = frozenset(("details", "words"))
"""Members that do so if they have the form for it: TGI's tokens, the words of a transcription."""

SPELLED = frozenset((
    "content", "refusal", "text", "delta", "response", "generated_text", "completion", "thinking", "reasoning",
    "reasoning_content", "transcript",
))  # fmt: skip
"""Members whose text these spell."""

_PROBABILITIES = frozenset(name.casefold() for name in PROBABILITIES)

MEDIA_TYPES = frozenset(("media_type", "mimetype", "mime_type", "mediatype", "content_type", "contenttype"))
ENCODINGS = frozenset(("encoding", "contentencoding", "content_encoding"))
ENCODED = frozenset(("content", "value", "body", "payload", "text", "chunk"))
"""Members that may be in base64 where an `encoding` beside them says so, as GitHub's files are."""

HINTS = MEDIA_TYPES | ENCODINGS | {"type"}
"""Members that say what stands beside them, in small letters: Go's decoder takes `Type` for `type`."""


MOST_TELLING = 256
"""Characters of a name up to which it may say what its value is: four times the longest of an API. Every item of
an array asks for the name again, so that a name of a megabyte would cost seconds."""


def folded(name: str) -> str:
    """Return the name as readers see it that ignore its case; one beyond MOST_TELLING as it stands."""
    return name.casefold() if len(name) <= MOST_TELLING else name


def innermost(name: str) -> str:
    """The last name of a field that stands for a member of a member, as PHP, Rails and Go's readers have it: `a[b]`."""
    found = _INDEX.search(name)
    return name if found is None else found[1] or name[: found.start()]


def spells(name: str | int | None) -> bool:
    """True if a member of that name spells a text again. Go's decoder takes `Logprobs` for `logprobs`."""
    return name in PROBABILITIES or (
        isinstance(name, str) and len(name) > len("probs") and not name.islower() and folded(name) in _PROBABILITIES
    )


def carries(name: str) -> bool:
    """True if a member of that name may carry an image, a sound or a file. Go's decoder takes `Blob` for `blob`."""
    flag = KNOWN.get(name)
    return flag == CARRIER if flag is not None else KNOWN.get(folded(name)) == CARRIER or says_base64(name)


def says_base64(name: str) -> bool:
    """True if a name says that its string is base64, as `audio_base64` and `bytesBase64Encoded` do."""
    said = folded(name)
    return len(said) <= MOST_TELLING and ("base64" in said or "b64" in said)


def is_own(keys: Iterable[str | int | None]) -> bool:
    """True if a value is an API's own, by the keys on the way to it from the inside out (see `passage.keys_of`).

    It is not if it stands in what a client or a model may name as it likes: in the arguments or the schema of a tool,
    below a name that no API gives, or in a document inside of a string. Lines of a body are no such documents.
    """
    inner: str | int | None = 0
    names = 0
    opened = False
    for key in keys:
        if isinstance(key, str):
            names += 1
            # The `input` of a tool and its `output` are objects, those of a model a list or a text.
            free = key in _FREE or (key in _OF_TOOLS and isinstance(inner, str))
            if free or opened or names > _OWN_NAMES or (key not in KNOWN and folded(key) not in KNOWN):
                return False
        elif key is None:
            opened = True
        inner = key
    return True
