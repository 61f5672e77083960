"""The variables of proxies, as curl reads them."""

from __future__ import annotations

import pytest

from syncd.errors import ConfigError
from syncd.surroundings.proxies import proxy_for

URL = "https://crm.example.com:8443/v1"
PROXY = {"HTTPS_PROXY": "http://proxy.example.com:3128"}


@pytest.mark.parametrize(
    ("text", "url", "auth"),
    [
        ("proxy.example.com:3128", "http://proxy.example.com:3128", None),
        ("HTTP://proxy.example.com", "http://proxy.example.com:1080", None),
        ("https://proxy.example.com/", "https://proxy.example.com:443", None),
        ("socks5://127.0.0.1:9050", "socks5://127.0.0.1:9050", None),
        ("socks5h://[::1]:9050", "socks5h://[::1]:9050", None),
        ("http://ada:p%23ss%40@proxy:1", "http://proxy:1", ("ada", "p#ss@")),
        ("http://ada:p@ss:w@proxy:1", "http://proxy:1", ("ada", "p@ss:w")),
        ("http://ada@proxy:1", "http://proxy:1", ("ada", "")),
        ("http://@proxy:1", "http://proxy:1", ("", "")),
    ],
)
def test_a_proxy_is_understood(text: str, url: str, auth: tuple[str, str] | None) -> None:
    proxy = proxy_for(URL, {"https_proxy": f" {text} "})
    assert proxy is not None
    assert (proxy.url, proxy.auth) == (url, auth)


@pytest.mark.parametrize(
    "text",
    [
        "http://ada:Geh#im@proxy:1",
        "http://ada:Geh/im@proxy:1",
        "http://ada:Geh?im@proxy:1",
        "http://ada:Geh im@proxy:1",
        "http://ada:Geh\nim@proxy:1",
        "http://ada:Gehim@proxy:x",
        "http://ada:Gehim@proxy:99999",
        "http://ada:Gehim@",
        "http://ada:Gehim@[::1",
        "socks4://ada:Gehim@proxy:1",
        "ftp://ada:Gehim@proxy:1",
        "Gehim://proxy",
        "://Gehim",
        "//Gehim",
        '"http://ada:Gehim@proxy:1"',
        "http://ada:Gehim\udcff@proxy:1",
    ],
)
@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable_only(text: str, variable: str) -> None:
    with pytest.raises(ConfigError) as raised:
        proxy_for(URL, {variable: text})
    assert str(raised.value).startswith(f"${variable}: ")
    assert "Geh" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "exceptions", "excepted"),
    [
        (URL, "*", True),
        (URL, "", False),
        (URL, "example.com", True),
        (URL, ".example.com", True),
        (URL, "*.example.com", True),
        (URL, "EXAMPLE.COM.", True),
        (URL, "ample.com", False),
        (URL, "other.com, example.com", True),
        (URL, "other.com example.com", True),
        (URL, "crm.example.com:8443", True),
        (URL, "crm.example.com:443", False),
        ("https://crm.example.com", "crm.example.com:443", True),
        ("https://10.1.2.3/v1", "10.0.0.0/8", True),
        ("https://10.1.2.3/v1", "10.9.9.9/8", True),
        ("https://11.1.2.3/v1", "10.0.0.0/8", False),
        ("https://10.1.2.3/v1", "10.1.2.3", True),
        ("https://10.1.2.3/v1", "10.1.2.3:443", True),
        ("https://10.1.2.3/v1", "2.3", False),
        ("https://[::2]/v1", "[::2]", True),
        ("https://[::2]:8443/v1", "[::2]:8443", True),
        ("https://[::2]/v1", "::2", True),
        ("https://[fd00::7]/v1", "fd00::/8", True),
        ("https://[fd00::7]/v1", "[fd00::]/8", True),
        ("https://[fe00::7]/v1", "10.0.0.0/8,fd00::/8,localhost", False),
        (URL, "10.0.0.0/8,[::1],fd00::/8,localhost", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(url: str, exceptions: str, excepted: bool) -> None:
    assert (proxy_for(url, {**PROXY, "NO_PROXY": exceptions}) is None) is excepted


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "https://example.com", "<local>", "exa mple.com;x", "a..b/c"])
def test_an_exception_that_is_not_understood_is_not_passed_over(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^\$NO_PROXY: .*write host names"):
        proxy_for(URL, {**PROXY, "NO_PROXY": f"example.com,{entry}"})


def test_the_kind_of_url_chooses_the_variable() -> None:
    environ = {"HTTP_PROXY": "one:1", "https_proxy": "two:2", "ALL_PROXY": "three:3"}
    assert getattr(proxy_for("http://example.com", environ), "variable", "") == "HTTP_PROXY"
    assert getattr(proxy_for("https://example.com", environ), "variable", "") == "https_proxy"
    del environ["https_proxy"]
    assert getattr(proxy_for("https://example.com", environ), "variable", "") == "ALL_PROXY"
    assert proxy_for("https://example.com", {}) is None
