"""The connections of the HTTP client: every wait on them is one of :mod:`syncd.rest.waits`."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EINPROGRESS
from functools import partial
from typing import Any, TypeVar

import httpcore
import httpx

from syncd.rest.waits import Exchange

T = TypeVar("T")
SocketOptions = Iterable[Any]


class Network(httpcore.NetworkBackend):
    """The connections of one client; used by several threads at once, each with an exchange of its own."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @property
    def exchange(self) -> Exchange:
        """The exchange of this thread."""
        found: Exchange = getattr(self._of_thread, "exchange", None) or Exchange()
        return found

    @contextmanager
    def during(self, exchange: Exchange) -> Iterator[None]:
        """Let all waits of this thread look at ``exchange``."""
        self._of_thread.exchange = exchange
        try:
            yield
        finally:
            self._of_thread.exchange = None

    def serve(self, client: httpx.Client) -> None:
        """Make all connections of ``client``, also to its proxies."""
        # httpx has no parameter for this, and a transport of our own would have to repeat how httpx makes its proxies.
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = self  # noqa: SLF001

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        failure = OSError("the name has no address")
        with self.exchange.unsent():
            for family, kind, protocol, _, address in self._addresses(host, port, timeout):
                try:
                    made = self._connected(socket.socket(family, kind, protocol), address, timeout, local_address)
                except OSError as error:
                    failure = error
                    continue
                for option in (*(socket_options or ()), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)):
                    made.setsockopt(*option)
                return _Plain(made, self)
        if isinstance(failure, TimeoutError):
            raise httpcore.ConnectTimeout(str(failure))
        raise httpcore.ConnectError(str(failure))

    def _addresses(self, host: str, port: int, timeout: float | None) -> list[Any]:
        # In a thread: nothing can end a look into DNS, which may take half a minute.
        found: list[Any] = []
        done = threading.Event()

        def look() -> None:
            try:
                found.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                found.append(error)
            done.set()

        threading.Thread(target=look, name="dns", daemon=True).start()
        try:
            self.exchange.in_pieces(lambda seconds: _true_in_time(done.wait(seconds)), timeout)
        except TimeoutError as late:
            raise httpcore.ConnectTimeout(str(late)) from None
        if isinstance(found[0], Exception):
            raise httpcore.ConnectError(str(found[0]))
        addresses: list[Any] = found[0]
        return addresses

    def _connected(
        self, made: socket.socket, address: Any, timeout: float | None, local_address: str | None
    ) -> socket.socket:
        try:
            if local_address is not None:
                made.bind((local_address, 0))
            made.settimeout(0)
            error = made.connect_ex(address)
            if error == EINPROGRESS:
                waiting = select.poll()
                waiting.register(made, select.POLLOUT)
                self.exchange.in_pieces(lambda seconds: _true_in_time(bool(waiting.poll(seconds * 1000))), timeout)
                error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except BaseException:
            made.close()
            raise
        if error:
            made.close()
            raise OSError(error, os.strerror(error))
        return made

    def secured(
        self, inner: httpcore.NetworkStream, context: ssl.SSLContext, host: str | None, timeout: float | None
    ) -> httpcore.NetworkStream:
        """Return a stream that speaks TLS over ``inner``, after its handshake."""
        stream = _Secure(inner, context, host, self)
        try:
            # Raised inside, so that it still counts as not sent.
            with self.exchange.unsent():
                stream.shake_hands(timeout)
        except (httpcore.ReadTimeout, httpcore.WriteTimeout) as late:
            raise httpcore.ConnectTimeout(str(late)) from None
        except (httpcore.ReadError, httpcore.WriteError, OSError) as error:
            raise httpcore.ConnectError(str(error)) from None
        return stream


def _true_in_time(happened: bool) -> None:  # noqa: FBT001 (the outcome of a wait)
    if not happened:
        raise TimeoutError("timed out")


class _Plain(httpcore.NetworkStream):
    """A connection without encryption."""

    def __init__(self, made: socket.socket, network: Network) -> None:
        self._socket = made
        self._network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        def receive(seconds: float) -> bytes:
            self._socket.settimeout(seconds)
            return self._socket.recv(max_bytes)

        try:
            return self._network.exchange.in_pieces(receive, timeout)
        except TimeoutError as late:
            raise httpcore.ReadTimeout(str(late)) from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)

        def send(seconds: float) -> int:
            self._socket.settimeout(seconds)
            return self._socket.send(rest)

        try:
            while rest:
                rest = rest[self._network.exchange.in_pieces(send, timeout) :]
        except TimeoutError as late:
            raise httpcore.WriteTimeout(str(late)) from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return self._network.secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        if info == "socket":
            return self._socket
        if info == "client_addr":
            return self._socket.getsockname()
        if info == "server_addr":
            return self._socket.getpeername()
        if info == "is_readable":
            # A closed connection counts as readable: then it is not used again.
            if self._socket.fileno() < 0:
                return True
            looking = select.poll()
            looking.register(self._socket, select.POLLIN)
            return bool(looking.poll(0))
        return None


class _Secure(httpcore.NetworkStream):
    """TLS over another stream, which may be TLS itself: a company's proxy may be asked by https."""

    _RECORD = 1 << 16

    def __init__(
        self, inner: httpcore.NetworkStream, context: ssl.SSLContext, host: str | None, network: Network
    ) -> None:
        self._inner = inner
        self._network = network
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def shake_hands(self, timeout: float | None) -> None:
        try:
            self._do(self._tls.do_handshake, timeout)
        except BaseException:
            self.close()
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._do(lambda: self._tls.read(max_bytes), timeout)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            raise httpcore.ReadError(str(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                rest = rest[self._do(partial(self._tls.write, rest), timeout) :]
        except ssl.SSLError as error:
            raise httpcore.WriteError(str(error)) from None

    def _do(self, step: Callable[[], T], timeout: float | None) -> T:
        """Take a step of TLS, which may first have to send or receive."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush(timeout)
                piece = self._inner.read(self._RECORD, timeout)
                if piece:
                    self._incoming.write(piece)
                else:
                    self._incoming.write_eof()
            else:
                self._flush(timeout)
                return done

    def _flush(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            self._inner.write(self._outgoing.read(), timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return self._network.secured(self, ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._inner.get_extra_info(info)
