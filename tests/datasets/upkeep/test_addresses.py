"""Public hosts may be opened, others not, in whatever way they are written."""

import socket
from typing import Any

import httpx
import pytest

from dagen.datasets.upkeep.addresses import fault, is_public, through_proxy


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
        "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1", "fd12:3456::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_not_public(address: str) -> None:
    assert not is_public(address)


def _resolving(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def resolve(name: str, *_: Any, **__: Any) -> list[Any]:
        if not found:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_all_addresses_of_a_name_must_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    place = httpx.URL("https://photos.example/x.jpg")
    _resolving(monkeypatch, "8.8.8.8", "8.8.4.4")
    assert fault(place) is None
    _resolving(monkeypatch, "8.8.8.8", "192.168.0.7")
    assert "192.168.0.7 is no public address" in str(fault(place))
    _resolving(monkeypatch)
    assert fault(place) is None, "left to a proxy, or to the connection, which fails"


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "017700000001"])
def test_other_spellings_of_an_address_are_resolved(host: str) -> None:
    assert "127.0.0.1 is no public address" in str(fault(httpx.URL(f"http://{host}/x.jpg")))


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    place = httpx.URL("https://photos.example/x.jpg")
    assert not through_proxy(place)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert through_proxy(place) and not through_proxy(httpx.URL("http://photos.example/x.jpg"))
    monkeypatch.setenv("no_proxy", "photos.example")
    assert not through_proxy(place)
