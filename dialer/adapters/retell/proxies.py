"""Which proxy the requests to the API go through.

`retell.proxy` if it is set, else what the environment says (`HTTPS_PROXY`, `NO_PROXY` and their relatives).
The environment is read by the standard library's functions, as aiohttp's `trust_env` does, but once at the
start: aiohttp asks a thread for it on every request, and refuses the request if `~/.netrc` has a password for
the API's host.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dialer.domain.errors import BadInput

SETTING = "retell.proxy"
DIRECT = "none"
"""The value of the setting that ignores the environment."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and who named it."""

    url: str = field(repr=False)
    """With its user and password, if it has one."""
    source: str
    """The setting or the variable."""

    @property
    def address(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def proxy_for(base_url: str, configured: str | None) -> Proxy | None:
    """The proxy for requests to `base_url`; None: they go there directly.

    `configured`: the setting. This machine is reached directly, unless the setting says otherwise. Raises
    `BadInput` if the environment names a proxy that cannot be used.
    """
    if configured == DIRECT:
        return None
    if configured is not None:
        return Proxy(configured, SETTING)
    from urllib.request import getproxies, proxy_bypass  # slow to import, and most commands need no proxy

    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies: Mapping[str, str] = getproxies()
    for scheme in (parts.scheme, "all"):
        if scheme in proxies:
            return Proxy(_checked(proxies[scheme], f"{scheme}_proxy".upper()), f"{scheme}_proxy".upper())
    return None


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def usable(url: str) -> bool:
    """Whether it is a proxy's URL that aiohttp can use."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _checked(value: str, variable: str) -> str:
    url = value if "://" in value else f"http://{value}"  # as curl reads it
    if not usable(url):
        raise BadInput(
            f"{variable} is not the URL of an http or https proxy, such as http://proxy.example:3128: "
            f'correct it, or set {SETTING} (a URL, or "{DIRECT}" to go without one)'
        )
    return url
