"""Plug-ins as entry points of installed distributions: which are found, and what is said of those that are broken."""

import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from extproc import apis, detectors
from extproc.ext import CONTRACT, GROUP, registered
from extproc.policy.signals import vocabulary
from extproc.policy.stages import declared
from extproc.server.plugins import PluginError, Plugins, load
from tests.seams.distributions import install, install_acme, install_one

SIGNAL = """\
from extproc.ext import Signal
IT = Signal("{name}", "int", 1, "a number", compute=lambda view: {value})
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path of modules; what is imported from it, and registered, is forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    with registered():
        yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def found(*folders: Path) -> Plugins:
    return load(distributions(path=[str(each) for each in folders]))


def signal(name: str = "risk", value: str = "1") -> str:
    return SIGNAL.format(name=name, value=value)


def problem(folder: Path, source: str, value: str = "IT", group: str = GROUP) -> str:
    """The one problem of a distribution with one entry point."""
    install_one(folder, "acme-it", source, value, group)
    plugins = found(folder)
    assert plugins.found == ()
    (told,) = plugins.problems
    text = str(told)
    assert text.startswith("plug-in acme-it 1.0: entry point it: ")
    assert told.mend
    return text


def test_one_of_each_kind_is_found_and_registered(folder: Path) -> None:
    install_acme(folder)
    plugins = found(folder)
    assert plugins.problems == ()
    assert [str(each) for each in plugins.found] == [
        "acme-extproc 1.2.0: detector badge",
        "acme-extproc 1.2.0: detector echo",
        "acme-extproc 1.2.0: detector toy-guard",
        "acme-extproc 1.2.0: answer stage notice",
        "acme-extproc 1.2.0: API acme.play",
        "acme-extproc 1.2.0: detector shouting",
        "acme-extproc 1.2.0: signal tier",
    ]
    kind = detectors.current().named("badge")
    assert kind is not None
    assert kind.options.__module__ == "acme.badge"
    assert apis.current().named("acme.play") is not None
    assert "tier" in vocabulary()
    assert "notice" in declared()


def test_distributions_without_entry_points_for_this_program_are_not_imported(folder: Path) -> None:
    install(folder, "other", {"console_scripts": {"x": "extproc.x:main"}}, {"other": "raise SystemExit"})
    assert found(folder) == Plugins()


def test_the_order_of_the_path_does_not_count(folder: Path) -> None:
    install_one(folder / "b", "acme-b", signal("second"))
    install_one(folder / "a", "acme-a", signal("first"))
    for each in ("a", "b"):
        sys.path.insert(0, str(folder / each))
    plugins = found(folder / "b", folder / "a")
    assert [each.provides for each in plugins.found] == ["signal first", "signal second"]


def test_of_two_distributions_with_one_name_the_first_on_the_path_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder / "old"
    install(folder, "Acme_It", {GROUP: {"it": "acme_it:IT"}}, {"acme_it": signal("new")}, "2.0")
    install_one(old, "acme-it", signal("old"))
    monkeypatch.syspath_prepend(str(old))
    monkeypatch.syspath_prepend(str(folder))
    assert [str(each) for each in found(folder, old).found] == ["Acme_It 2.0: signal new"]


def test_a_distribution_hidden_by_one_of_its_name_without_plug_ins_is_not_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder / "old"
    install_one(old, "acme-it", "raise SystemExit")
    install(folder, "acme-it", {"console_scripts": {"it": "acme_it:main"}}, {}, "2.0")
    monkeypatch.syspath_prepend(str(old))
    monkeypatch.syspath_prepend(str(folder))
    assert found(folder, old) == Plugins()


def test_a_plug_in_that_raises_is_told_with_the_place_and_not_with_the_text(folder: Path) -> None:
    text = problem(folder, "\nraise RuntimeError('planted-marker')\n")
    assert "RuntimeError while acme_it:IT was imported" in text
    assert f"{folder}/acme_it.py, line 2" in text
    assert "planted-marker" not in text


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        ("raise SystemExit(0)", "IT", "SystemExit while acme_it:IT was imported"),
        ("this is no Python", "IT", "SyntaxError while acme_it:IT was imported"),
        ("import acme_missing", "IT", "the module acme_missing is not installed"),
        ("", "IT", "AttributeError while acme_it:IT was imported"),
        ("", "no.such.thing", "AttributeError while acme_it:no.such.thing was imported"),
        ("IT = {}", "IT", "a value of type dict is no value of DetectorKind, Signal, Api, AnswerStageType"),
        ("from extproc.ext import Signal as IT", "IT", "the class Signal is no value of DetectorKind"),
        ("def IT(): pass", "IT", "a value of type function is no value of DetectorKind"),
    ],
)
def test_a_plug_in_that_is_none_is_told(folder: Path, source: str, value: str, message: str) -> None:
    assert message in problem(folder, source, value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (signal("path"), "there are two signals with the name path"),
        (
            signal("Risk"),
            "'Risk' cannot be the name of a signal: write it like risk_level",
        ),
        (signal(value="'high'"), "`compute` gives a value of type str, declared is int"),
        (signal(value="view.asked.model"), "`compute` raises AttributeError for a request with no header"),
        (
            'from extproc.ext import Signal\nIT = Signal("risk", "int", 1, "a number", compute=3)',
            "`compute` of Signal is no function",
        ),
        (
            'from extproc.ext import Signal\nIT = Signal("risk", "objects", [], "a", compute=lambda view: None)',
            "the type of a signal is one of string, int, double, bool",
        ),
        (
            (
                "from extproc.ext import DetectorKind, DetectorOptions\n"
                'IT = DetectorKind("pii", DetectorOptions, lambda options: None)'
            ),
            "use pii is built in",
        ),
        (
            (
                "from extproc.ext import DetectorKind, DetectorOptions\n"
                'IT = DetectorKind("it", DetectorOptions, "no function")'
            ),
            "`make` of DetectorKind is no function",
        ),
        (
            "from extproc.ext import DetectorKind\nIT = DetectorKind('it', {}, lambda options: None)",
            "the options are no class of DetectorOptions",
        ),
        (
            (
                "from extproc.ext import DetectorKind, DetectorOptions\n"
                "def made():\n    class Hidden(DetectorOptions):\n        pass\n    return Hidden\n"
                "IT = DetectorKind('it', made(), lambda options: None)"
            ),
            "the options Hidden must be a class of a module",
        ),
        (
            "from extproc.ext import AnswerStageType\nIT = AnswerStageType(name='it', open=3)",
            "`open` of AnswerStageType is no function",
        ),
        ("from extproc.ext import Api\nIT = Api(name='openai.chat')", "two APIs have the same name"),
        ("from extproc.ext import Api\nIT = Api(name='it', paths=('/v1/chat/completions',))", "the same path"),
        ("from extproc.ext import Api\nIT = Api(name='it', paths='/it')", "`paths` of Api is no tuple of str"),
        ("from extproc.ext import Api\nIT = Api(name='it', events=3)", "`events` of Api is no ApiEvents"),
        (
            "from extproc.ext import Api, ApiEvents\nIT = Api(name='it', events=ApiEvents(None, None))",
            "`known` of ApiEvents is no function",
        ),
        ("from extproc.ext import Api\nIT = Api(name='it', family='openai')", "`family` of Api is no ApiFamily"),
        ("from extproc.ext import Api\nIT = Api(name='it', paths=(3,))", "`paths` of Api is no tuple of str"),
        ("from extproc.ext import Api\nIT = Api(name='it', usage_marks=('a',))", "`usage_marks` of Api is no tuple of"),
        ("from extproc.ext import Api\nIT = Api(name=[])", "TypeError while it was registered"),
    ],
)
def test_a_plug_in_that_cannot_be_registered_is_told(folder: Path, source: str, message: str) -> None:
    before = (detectors.current(), apis.current(), vocabulary(), declared())
    assert message in problem(folder, source)
    assert (detectors.current(), apis.current(), vocabulary(), declared()) == before


def test_a_signal_that_fails_is_told_with_its_place(folder: Path) -> None:
    assert f"({folder}/acme_it.py, line 2)" in problem(folder, signal(value="view.asked.model"))


def test_a_plug_in_for_another_version_of_the_contract_is_not_imported(folder: Path) -> None:
    text = problem(folder, "raise SystemExit", group=f"extproc.plugins.v{CONTRACT + 1}")
    assert f"it is for version {CONTRACT + 1} of extproc.ext, and this is version {CONTRACT}" in text
    assert "a newer one of envoy-extproc" in text
    assert "acme_it" not in sys.modules


def test_a_plug_in_for_an_older_version_of_the_contract_is_to_be_renewed(folder: Path) -> None:
    assert "install a newer version of it" in problem(folder, "", group="extproc.plugins.v0")


@pytest.mark.parametrize("group", ["extproc.plugin.v1", "extproc.plugins", "extproc.detectors", "extproc.plugins.v01x"])
def test_a_misspelled_group_is_told(folder: Path, group: str) -> None:
    text = problem(folder, "raise SystemExit", group=group)
    assert f"there is no group of entry points {group}" in text
    assert f"its author writes {GROUP}" in text


def test_two_plug_ins_of_one_name_are_told_with_both_distributions(folder: Path) -> None:
    install_one(folder, "acme-a", signal())
    install_one(folder, "acme-b", signal())
    plugins = found(folder)
    assert [each.distribution for each in plugins.found] == ["acme-a"]
    (told,) = plugins.problems
    assert str(told) == (
        "plug-in acme-b 1.0: entry point it: the signal risk is also that of acme-a 1.0, entry point it"
        " (uninstall one of them)"
    )


def test_a_thread_that_is_started_by_an_import_is_told(folder: Path) -> None:
    source = "import threading\nOVER = threading.Event()\nthreading.Thread(target=OVER.wait).start()\n" + signal()
    try:
        assert "importing acme_it:IT starts a thread" in problem(folder, source)
    finally:
        sys.modules["acme_it"].OVER.set()


@pytest.mark.parametrize("text", ["[extproc.plugins.v1]\nno equals sign\n", "[extproc.plugins.v1]\nit = ???\n"])
def test_entry_points_that_cannot_be_read_are_told(folder: Path, text: str) -> None:
    install_one(folder, "acme-it", signal())
    (folder / "acme_it-1.0.dist-info" / "entry_points.txt").write_text(text)
    plugins = found(folder)
    assert plugins.found == ()
    (told,) = plugins.problems
    assert str(told).startswith("plug-in acme-it 1.0: ")


def test_unreadable_entry_points_of_other_programs_are_not_our_business(folder: Path) -> None:
    install(folder, "other", {"console_scripts": {}}, {})
    (folder / "other-1.0.dist-info" / "entry_points.txt").write_text("[x]\nno equals sign, of extproc.x\n")
    assert found(folder) == Plugins()


def test_every_problem_is_told_and_what_is_right_is_registered(folder: Path) -> None:
    install_one(folder, "acme-a", "raise RuntimeError")
    install_one(folder, "acme-b", signal())
    install_one(folder, "acme-c", "IT = 3")
    plugins = found(folder)
    assert [each.provides for each in plugins.found] == ["signal risk"]
    assert [each.file for each in plugins.problems] == ["plug-in acme-a 1.0", "plug-in acme-c 1.0"]
    rendered = PluginError(plugins.problems).render()
    assert rendered.count("\n") == 1
