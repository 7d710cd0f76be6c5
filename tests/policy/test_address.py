import pytest

from extproc.policy import Address, Backend, PolicyError, loads
from extproc.policy.address import URL_MAX
from tests.gathered import gathered

ADDRESSES = [
    ("https://api.openai.com/v1", Address("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
    ("HTTPS://API.OpenAI.com/v1/", Address("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
    ("http://127.0.0.1:9001", Address("http", "127.0.0.1", 9001, ""), "127.0.0.1:9001"),
    ("http://[::1]:8000/", Address("http", "::1", 8000, ""), "[::1]:8000"),
    ("https://a:443", Address("https", "a", 443, ""), "a"),
    ("http://a:65535/b%20c/@:", Address("http", "a", 65535, "/b%20c/@:"), "a:65535"),
    ("http://vllm_1.compose:80/x/", Address("http", "vllm_1.compose", 80, "/x"), "vllm_1.compose"),
]


@pytest.mark.parametrize(("url", "address", "authority"), ADDRESSES)
def test_a_url_is_taken_apart(url: str, address: Address, authority: str) -> None:
    found = Backend(name="a", url=url, api="openai").address
    assert found == address
    assert found.authority == authority
    assert found.secure == (address.scheme == "https")
    assert found.numeric == (address.host in {"127.0.0.1", "::1"})


def test_a_url_as_long_as_the_limit_is_taken() -> None:
    url = "http://a/" + "b" * (URL_MAX - len("http://a/"))
    assert Backend(name="a", url=url, api="openai").url == url


URLS = [
    ("ftp://a", "over http or https"),
    ("api.openai.com/v1", "not a URL"),
    ("http:///v1", "host is not a DNS name"),
    ("http://user@a/v1", "no user or password"),
    ("http://sk-secret:x@a/v1", "no user or password"),
    ("http://a/v1?key=sk-secret", "no query"),
    ("http://a/v1#part", "no query and no fragment"),
    ("http://a b/", "host is not a DNS name"),
    ("http://-a/", "host is not a DNS name"),
    ("http://127.1/", "host is not a DNS name"),
    ("http://300.0.0.1/", "host is not a DNS name"),
    ("http://[1]/", "host is not a DNS name"),
    ("http://[::1/", "host is not a DNS name"),
    ("http://[a.b]/", "host is not a DNS name"),
    ("http://::1/", "host is not a DNS name"),
    ("http://a:0/", "not between 1 and 65535"),
    ("http://a:65536/", "not between 1 and 65535"),
    ("http://a:http/", "host is not a DNS name"),
    ("http://a/b c", "characters that no path has"),
    ('http://a/b\\"', "characters that no path has"),
    ("http://a/%zz", "characters that no path has"),
    ("http://a/ü", "characters that no path has"),
    ("http://a/../b", "empty or dot steps"),
    ("http://a//b", "empty or dot steps"),
    ("http://a\\r\\nb/", "host is not a DNS name"),
    ("http://a/v1\\n", "characters that no path has"),
    ("http://a/" + "b" * URL_MAX, "not a URL of at most 2048"),
]


@gathered(("url", "message"), URLS)
def test_an_odd_url_is_refused_and_never_quoted(url: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loads(f'version: 1\nbackends:\n  - {{name: a, api: openai, url: "{url}"}}\n')
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (3, "backends[0].url")
    assert message in problem.message
    assert problem.mend
    assert "sk-secret" not in caught.value.render()
