"""An audit record that was tampered with never verifies; one that was not, always does."""

from collections.abc import Sequence
from copy import deepcopy
from random import Random

from msgspec.structs import replace

from extproc.protocol.record import Record
from extproc.telemetry.audit.chain import AuditChain
from extproc.telemetry.audit.lines import ChainEnd, ClosedChain, OpenedChain, RotatedFile
from extproc.telemetry.audit.signing import PublicKey, Signer, new_key
from extproc.telemetry.audit.verification import UNPROVEN_MAX
from tests.gathered import gathered
from tests.telemetry.audit.forgeries import SIGNED, UNSIGNED, Forgery, rechain
from tests.telemetry.audit.records import KEY, NOW, SIGNER, Files, Written, record, verified, whole


def several(random: Random, signer: Signer | None) -> Files:
    """Two workers, one of them with rotated files."""
    written = Written(signer, random)
    written.run(0, random.randint(25, 60), rotate_every=random.randint(7, 20))
    written.next_worker()
    written.run(1, random.randint(5, 40))
    return written.files


def tampered(files: Files, forgeries: Sequence[Forgery], random: Random) -> tuple[str, Files]:
    """Return files after one forgery that changed something, and its name."""
    while True:
        forgery, copy = random.choice(forgeries), deepcopy(files)
        forgery(copy, random)
        if copy != files and [b"".join(each) for each in copy.values()] != [b"".join(each) for each in files.values()]:
            return forgery.__name__, copy


def test_a_thousand_of_a_thousand_random_tamperings_are_found() -> None:
    seen = dict[str, int]()
    for seed in range(1000):
        random = Random(seed)
        signed = random.random() < 0.5
        files = several(random, SIGNER if signed else None)
        key = KEY if signed else None
        assert whole(verified(files, key=key)), f"nothing was done to it: {seed}"
        name, forged = tampered(files, SIGNED if signed else UNSIGNED, random)
        assert not whole(verified(forged, key=key)), f"{name} was not found: seed {seed}"
        seen[name] = seen.get(name, 0) + 1
    assert seen.keys() == {each.__name__ for each in SIGNED}


def test_a_clean_record_of_runs_after_each_other_is_whole_and_tampering_with_its_end_shows_by_its_known_head() -> None:
    for seed in range(60):
        random = Random(seed)
        written = Written(SIGNER, random)
        for _ in range(3):
            written.run(0, random.randint(3, 12), closed=random.random() < 0.5)
        written.run(0, 3)
        lines = written.files["audit.jsonl"]
        head = lines[-1].split(b'"hash":"')[1][:64].decode()
        assert whole(verified(written.files, has=(head,)))
        for _ in range(5):
            name, forged = tampered(
                written.files,
                [each for each in SIGNED if "file" not in each.__name__ and each.__name__ != "move_line"],
                random,
            )
            assert not whole(verified(forged, has=(head,))), f"{name}, {seed}"


def test_all_of_the_last_chain_is_missed_only_if_nobody_knows_its_head() -> None:
    written = Written(SIGNER, Random(1))
    written.run(0, 5)
    assert written.files.keys() == {"audit.jsonl"}
    first = list(written.files["audit.jsonl"])
    written.run(0, 5)
    head = written.files["audit.jsonl"][-1].split(b'"hash":"')[1][:64].decode()
    assert whole(verified({"audit.jsonl": first}))
    assert not whole(verified({"audit.jsonl": first}, has=(head,)))


def test_a_killed_writer_is_told_from_a_cut_by_the_next_chain_in_its_file() -> None:
    written = Written(SIGNER, Random(2))
    written.run(0, 9, closed=False)
    alone = verified(written.files)
    assert (alone.problems, alone.running, alone.chains[0].end) == ((), True, "open")
    written.run(0, 4)
    both = verified(written.files)
    assert whole(both)
    assert [chain.end for chain in both.chains] == ["ended", "closed"]
    cut = {"audit.jsonl": [line for number, line in enumerate(written.files["audit.jsonl"]) if number != 9]}
    assert "the chain ended with line" in " ".join(each.what for each in verified(cut).problems)


def test_without_a_key_a_record_that_was_made_anew_verifies_and_with_one_it_does_not() -> None:
    random = Random(3)
    written = Written(SIGNER, random)
    written.run(0, 30)
    rechain(written.files, Random(5))
    assert verified(written.files, key=None).problems == ()
    assert verified(written.files).problems != ()


def test_a_record_by_another_key_or_without_one_is_not_signed() -> None:
    for signer in (None, Signer.read(new_key()[0])):
        written = Written(signer, Random(4))
        written.run(0, 9)
        assert not whole(verified(written.files))
        assert whole(verified(written.files, key=None if signer is None else PublicKey.of(signer.public)))


def test_lines_after_the_last_signature_are_counted_as_unproven() -> None:
    chain = AuditChain("a" * 16, SIGNER)
    lines = [chain.line(OpenedChain(0, "0.1.0", key=chain.key), NOW)]
    lines += [chain.line(record(number, Random(number)), NOW) for number in range(5)]
    found = verified({"f": lines})
    assert (found.problems, found.chains[0].unproven) == ((), 5)
    lines.append(chain.line(ClosedChain(chain.seq + 1), NOW))
    assert verified({"f": lines}).chains[0].unproven == 0


def _signed_again(files: Files) -> None:
    chain = AuditChain("b" * 16, SIGNER)
    files["f"] = [chain.line(OpenedChain(0, "0.1.0", key=chain.key), NOW), chain.line(ClosedChain(9), NOW)]


@gathered(
    ("lines", "said"),
    [
        ([], "the file is empty"),
        ([b"{}\n"], "no line of an audit record"),
        ([b'{"v":1,"hash":"' + b"0" * 64 + b'"}\n'], "no line of an audit record"),
        ([b"\xff\n"], "no line of an audit record"),
        ([b"[" * 100_000 + b',"hash":"' + b"0" * 64 + b'"}\n'], "no line of an audit record"),
    ],
    ids=["empty", "braces", "no head", "no text", "deep"],
)
def test_what_is_no_audit_record_is_said_to_be_none(lines: list[bytes], said: str) -> None:
    (problem,) = verified({"f": lines}).problems
    assert said in problem.what


def test_a_chain_that_ends_with_a_rotation_lacks_its_next_file() -> None:
    chain = AuditChain("c" * 16)
    lines = [chain.line(OpenedChain(0, "0.1.0"), NOW), chain.line(RotatedFile("size"), NOW)]
    (problem,) = verified({"f": lines}, key=None).problems
    assert "missing" in problem.what


def test_partial_accepts_chains_that_began_before_the_first_file() -> None:
    written = Written(SIGNER, Random(6))
    written.run(0, 30, rotate_every=10)
    later = dict(list(written.files.items())[1:])
    assert not whole(verified(later))
    assert whole(verified(later, partial=True))
    chain = AuditChain("d" * 16, SIGNER)
    after = ChainEnd("e" * 16, 7, "0" * 64)
    lines = [chain.line(OpenedChain(0, "0.1.0", after, key=chain.key), NOW), chain.line(ClosedChain(2), NOW)]
    assert not whole(verified({"f": lines}))
    assert whole(verified({"f": lines}, partial=True))


def test_the_end_of_a_chain_states_how_many_lines_it_has() -> None:
    files: Files = {}
    _signed_again(files)
    (problem,) = verified(files).problems
    assert "another number of lines" in problem.what


def test_losses_that_a_writer_declares_are_reported_and_no_tampering() -> None:
    written = Written(SIGNER, Random(7))
    written.run(0, 50)
    found = verified(written.files)
    assert whole(found)
    assert (found.chains[0].lost, found.chains[0].refused) == (6, 4)


def test_chains_of_several_workers_in_one_stream_are_told_apart() -> None:
    one, other = AuditChain("1" * 16), AuditChain("2" * 16)
    lines = [chain.line(OpenedChain(0, "0.1.0"), NOW) for chain in (one, other)]
    lines += [(one, other)[number % 2].line(record(number, Random(number)), NOW) for number in range(20)]
    lines += [chain.line(ClosedChain(chain.seq + 1), NOW) for chain in (one, other)]
    assert whole(verified({"f": lines}, key=None))


def test_a_line_holds_no_text_of_a_record_that_is_no_word_of_the_policy() -> None:
    line = AuditChain("f" * 16).line(replace(Record.lost("weighted"), request_id="id"), NOW)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1


@gathered(("lines", "wrong"), [(UNPROVEN_MAX, 0), (UNPROVEN_MAX + 1, 1), (3 * UNPROVEN_MAX, 1)])
def test_more_lines_in_a_row_without_a_signature_than_writers_leave_are_not_their_own(lines: int, wrong: int) -> None:
    # All behind the first signature was cut off, and written anew.
    chain, one = AuditChain("a" * 16, SIGNER), Record.lost("weighted")
    forged = [chain.line(OpenedChain(0, "0.1.0", key=SIGNER.key), NOW), *(chain.line(one, NOW) for _ in range(lines))]
    found = verified({"audit.jsonl": forged})
    assert found.running
    assert len(found.problems) == wrong
