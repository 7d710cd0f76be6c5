"""What azure_content_safety and model_armor are asked, and what their responses mean."""

import json
from typing import Any

import pytest

from extproc.detectors.contract import Detection, DetectorError, Statement
from extproc.protocol.messages import Side
from tests.guards.asking import guard
from tests.guards.test_services import CLEAN, WRITTEN, armor, asked, harm, kinds, more, read

# -- azure_content_safety


def test_azure_is_asked_about_harm_and_about_attacks() -> None:
    queries = asked(more("azure_content_safety", "categories: [Hate], blocklists: [ours]"), "a")
    version = "?api-version=2024-09-01"
    assert queries == [
        (
            f"/contentsafety/text:analyze{version}",
            {
                "text": "a",
                "categories": ["Hate"],
                "outputType": "FourSeverityLevels",
                "blocklistNames": ["ours"],
                "haltOnBlocklistHit": False,
            },
        ),
        (f"/contentsafety/text:shieldPrompt{version}", {"userPrompt": "a"}),
    ]
    assert len(asked(WRITTEN["azure_content_safety"], "a", side=Side.RESPONSE)) == 1
    assert len(asked(more("azure_content_safety", "prompt_shield: false"), "a")) == 1


def test_azure_is_shown_what_tools_brought_as_documents() -> None:
    dialect = guard(WRITTEN["azure_content_safety"]).dialect
    roles = ("user", "tool_result", "file", "tool_definition", "system")
    said = [Statement("x", role) for role in roles]  # type: ignore[arg-type]
    bodies = [json.loads(each.body) for each in dialect.ask(Side.REQUEST, said)][5:]
    assert [next(iter(each)) for each in bodies] == ["userPrompt", "documents", "documents", "documents", "userPrompt"]


@pytest.mark.parametrize(
    ("severity", "found"), [(0, []), (3, []), (4, [("self_harm", 0.57)]), (6, [("self_harm", 0.86)])]
)
def test_azures_severity_is_compared_with_the_policys(severity: int, found: Any) -> None:
    assert kinds(read(WRITTEN["azure_content_safety"], harm(SelfHarm=severity))) == found


def test_azures_blocklists_and_shield_count() -> None:
    matched = harm() | {"blocklistsMatch": [{"blocklistName": "l", "blocklistItemId": "i", "blocklistItemText": "x"}]}
    assert kinds(read(WRITTEN["azure_content_safety"], matched)) == [("blocklist", 1.0)]
    attack, none = {"attackDetected": True}, {"attackDetected": False}
    for reply, found in (
        ({"userPromptAnalysis": attack, "documentsAnalysis": []}, ["attack"]),
        ({"userPromptAnalysis": none, "documentsAnalysis": [none, attack]}, ["attack"]),
        ({"userPromptAnalysis": none}, []),
    ):
        assert [each.kind for each in read(WRITTEN["azure_content_safety"], reply, number=1)] == found


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ({}, 0),
        ({"categoriesAnalysis": []}, 0),
        (harm(Hate=8), 0),
        (harm(Hate=-1), 0),
        (harm() | {"categoriesAnalysis": [{"category": "Hate"}]}, 0),
        ({"categoriesAnalysis": [{"category": "Hate", "severity": 6}, *harm()["categoriesAnalysis"]]}, 0),
        ({}, 1),
        ({"userPromptAnalysis": {}}, 1),
        ({"documentsAnalysis": []}, 1),
    ],
)
def test_azures_nonsense_is_a_failure(reply: Any, number: int) -> None:
    with pytest.raises(DetectorError):
        read(WRITTEN["azure_content_safety"], reply, number=number)


# -- model_armor

MATCHED = {"executionState": "EXECUTION_SUCCESS", "matchState": "MATCH_FOUND"}


def test_model_armor_is_asked_by_its_template() -> None:
    ((path, body),) = asked(WRITTEN["model_armor"], "a")
    assert (path, body) == (
        "/v1/projects/p/locations/l/templates/t:sanitizeUserPrompt",
        {"userPromptData": {"text": "a"}},
    )
    ((path, body),) = asked(WRITTEN["model_armor"], "a", side=Side.RESPONSE)
    assert (path[-22:], body) == (":sanitizeModelResponse", {"modelResponseData": {"text": "a"}})


@pytest.mark.parametrize(
    ("filters", "kind", "score"),
    [
        ({"rai": {"raiFilterResult": MATCHED}}, "harm", 1.0),
        ({"csam": {"csamFilterFilterResult": MATCHED}}, "csam", 1.0),
        ({"malicious_uris": {"maliciousUriFilterResult": MATCHED}}, "malicious_url", 1.0),
        (
            {"pi_and_jailbreak": {"piAndJailbreakFilterResult": MATCHED | {"confidenceLevel": "MEDIUM_AND_ABOVE"}}},
            "jailbreak",
            0.67,
        ),
        ({"sdp": {"sdpFilterResult": {"inspectResult": MATCHED}}}, "sensitive", 1.0),
        ({"novel": {"raiFilterResult": MATCHED}}, "other", 1.0),
    ],
)
def test_each_filter_of_model_armor_is_a_kind(filters: Any, kind: str, score: float) -> None:
    # Its own example has no match in sum, and a filter that matched.
    (found,) = read(WRITTEN["model_armor"], armor(**filters))
    assert (found.kind, found.score, found.rejects) == (kind, score, True)


def test_what_model_armor_de_identified_goes_on_so() -> None:
    changed = MATCHED | {
        "data": {"text": "call [PERSON] at 555-0100"},
        "transformedBytes": "4",
        "infoTypes": ["PERSON"],
    }
    found = read(
        WRITTEN["model_armor"], armor(state="MATCH_FOUND", sdp={"sdpFilterResult": {"deidentifyResult": changed}})
    )
    assert found == [Detection("masked", 0, 5, 9, instead="[PERSON]")]


def test_model_armor_that_matched_by_no_filter_is_believed() -> None:
    assert [each.kind for each in read(WRITTEN["model_armor"], armor(state="MATCH_FOUND"))] == ["other"]
    assert read(WRITTEN["model_armor"], armor()) == []


@pytest.mark.parametrize(
    "reply",
    [
        {},
        armor(invocation="PARTIAL"),
        armor(invocation="FAILURE"),
        armor(rai={"raiFilterResult": {"executionState": "EXECUTION_SKIPPED"}}),
        armor(rai={"raiFilterResult": {"executionState": "EXECUTION_SUCCESS"}}),
        armor(rai={}),
        armor(rai={"raiFilterResult": CLEAN | {"matchState": "PERHAPS"}}),
    ],
)
def test_a_filter_of_model_armor_that_did_not_judge_is_a_failure(reply: Any) -> None:
    with pytest.raises(DetectorError):
        read(WRITTEN["model_armor"], reply)
