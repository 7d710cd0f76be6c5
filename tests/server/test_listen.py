import socket
from pathlib import Path

import pytest

from extproc.protocol.errors import ServeError
from extproc.server import sockets
from extproc.server.listen import PORT_MAX, UNIX_PATH_MAX, Tcp, Unix, parse


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9000", Tcp("127.0.0.1", 9000)),
        ("localhost:0", Tcp("localhost", 0)),
        ("[::1]:9000", Tcp("::1", 9000)),
        ("unix:/run/extproc.sock", Unix("/run/extproc.sock")),
        ("unix:relative.sock", Unix("relative.sock")),
        (f"0.0.0.0:{PORT_MAX}", Tcp("0.0.0.0", PORT_MAX)),
    ],
)
def test_an_address_reads_back_as_it_was_written(text: str, listen: Tcp | Unix) -> None:
    assert parse(text) == listen
    assert str(listen) == text


@pytest.mark.parametrize(
    "text", ["", "9000", ":9000", "host:", "host:http", "::1:9000", "host:-1", "host:65536", "unix:", "host:٣"]
)
def test_what_is_no_address_is_refused_with_a_mend(text: str) -> None:
    with pytest.raises(ServeError):
        parse(text)


def test_each_worker_has_an_address_of_its_own() -> None:
    assert [str(parse("unix:/s").sibling(index)) for index in range(3)] == ["unix:/s", "unix:/s.1", "unix:/s.2"]
    assert [str(parse("h:9000").sibling(index)) for index in range(3)] == ["h:9000", "h:9001", "h:9002"]
    assert [str(parse("h:0").sibling(index)) for index in range(2)] == ["h:0", "h:0"]


def test_there_is_no_port_past_the_last() -> None:
    assert Tcp("h", PORT_MAX - 1).sibling(1) == Tcp("h", PORT_MAX)
    with pytest.raises(ServeError, match="lower port"):
        Tcp("h", PORT_MAX - 1).sibling(2)


def test_a_path_as_long_as_the_system_takes_is_taken_and_a_longer_one_is_refused() -> None:
    longest = "/" + "s" * (UNIX_PATH_MAX - 1)
    assert parse(f"unix:{longest}") == Unix(longest)
    with pytest.raises(ServeError, match="108 bytes"):
        parse(f"unix:{longest}s")
    with pytest.raises(ServeError, match="109 bytes"):
        Unix(longest).sibling(1)


def test_nothing_in_the_way_is_fine(tmp_path: Path) -> None:
    sockets.clear(Unix(str(tmp_path / "s")))
    sockets.remove(Unix(str(tmp_path / "s")))


def test_a_dead_socket_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    sockets.clear(Unix(str(path)))
    assert not path.exists()


def test_a_live_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with pytest.raises(ServeError, match="another process"):
            sockets.clear(Unix(str(path)))
    assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ServeError, match="no socket"):
        sockets.clear(Unix(str(path)))
    assert path.read_text() == "precious"


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(ServeError, match="Not a directory"):
        sockets.clear(Unix(str(tmp_path / "f" / "s")))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("localhost", True),
        ("LocalHost.", True),
        ("0.0.0.0", False),
        ("[::]", False),
        ("10.0.0.1", False),
        ("[::ffff:10.0.0.1]", False),
        ("[2001:db8::1]", False),
        ("processor", False),
        ("localhost.example", False),
    ],
)
def test_only_addresses_of_this_very_machine_are_loopback(host: str, loopback: bool) -> None:
    listen = parse(f"{host}:9000")
    assert isinstance(listen, Tcp)
    assert listen.loopback is loopback


def reached(port: int) -> set[str]:
    """The loopback addresses at which somebody listens on a port."""
    found = set()
    for host in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((host, port), 5).close()
            found.add(host)
        except OSError:
            pass
    return found


def ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


BOTH = {"127.0.0.1", "::1"} if ipv6() else {"127.0.0.1"}


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("localhost", BOTH), ("127.0.0.1", {"127.0.0.1"}), ("0.0.0.0", {"127.0.0.1"}), ("::", BOTH), ("::1", {"::1"})],
)
def test_a_host_stands_for_the_same_addresses_wherever_it_is_written(host: str, addresses: set[str]) -> None:
    if ":" in host and not ipv6():
        pytest.skip("no IPv6 here")
    made = sockets.listening(Tcp(host, 0), 5)
    try:
        assert reached(made[0].getsockname()[1]) == addresses
    finally:
        for each in made:
            each.close()


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind() -> None:
    (taken,) = sockets.listening(Tcp("127.0.0.1", 0), 5)
    with taken, pytest.raises(OSError, match="in use"):
        sockets.listening(Tcp("localhost", taken.getsockname()[1]), 5)
