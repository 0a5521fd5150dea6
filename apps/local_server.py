"""A server of pages for one user: on this machine alone, whatever other pages in the same browser would like of it.

It listens on 127.0.0.1. A request must be addressed to this machine by name, so that no address that is said to be
elsewhere leads here (DNS rebinding), and what it sends must come from its own pages. Requests have a thread each, are
bounded in number, and must arrive within some seconds, so that slow ones end and do not keep others from being heard.
"""

import io
import json
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Flask, Response, abort, request
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from kernels.commands.command_line import CommandError, note
from kernels.debugging import is_debugging

HERE = "127.0.0.1"
CONNECTIONS = 32  # that are answered at once; others are closed
PATIENCE = 30.0  # seconds in which a request must have arrived, with what it sends

# Pages have their own scripts, styles and pictures, and nothing from elsewhere. blob: is a picture the user has chosen.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def listening(port: int) -> socket.socket:
    """A socket that listens on a port of this machine, or on any that is free for 0. Raises CommandError."""
    try:
        return socket.create_server((HERE, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CommandError(f"--port: {port} found, a port that is free expected ({reason})") from error


def guarded(app: Flask, port: int) -> Flask:
    """The application, which from now on refuses requests that are not meant for it; errors are one line of JSON."""
    hosts = {f"{name}:{port}" for name in (HERE, "localhost")} | ({HERE, "localhost"} if port == 80 else set())

    @app.before_request
    def refuse():
        host = request.headers.get("Host", "").lower()
        own = f"http://{host}"
        if host not in hosts:
            abort(403, f"a request for another host found, one for {HERE}:{port} expected")
        if request.method not in ("GET", "HEAD") and request.headers.get("Origin", own) != own:
            abort(403, "a request of another page found, one of this server's own pages expected")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    @app.errorhandler(Exception)
    def explain(error: Exception):
        if isinstance(error, ClientDisconnected):
            return {"error": f"a request that ends early found, a whole one within {PATIENCE:.0f} s expected"}, 400
        if isinstance(error, HTTPException):
            own = error.description != type(error).description  # werkzeug's are long
            return {"error": error.description if own else error.name.lower()}, error.code
        if is_debugging():
            traceback.print_exception(error)
        note(f"a request failed: {type(error).__name__}: {' '.join(str(error).split())}")
        return {"error": "this failed; the terminal says why"}, 500

    return app


@contextmanager
def serving(app: Flask, listener: socket.socket) -> Iterator[None]:
    """While inside, the application answers on the socket."""
    with Server(app, listener) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Arriving(io.RawIOBase):
    """What comes over a connection. Raises TimeoutError from a time on, be it that some has come again and again."""

    def __init__(self, connection: socket.socket):
        self._connection, self._end = connection, time.monotonic() + PATIENCE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Handler(WSGIRequestHandler):
    """One request. What is asked for is logged nowhere."""

    error_content_type = "application/json"
    error_message_format = json.dumps({"error": "no request of HTTP/1.1 found, one expected"}) + "\n"

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(PATIENCE)  # of each answer
        self.rfile = io.BufferedReader(Arriving(self.connection))

    def handle(self) -> None:
        try:
            super().handle()
        except ValueError:  # of an address that is none
            self.send_error(400)

    def finish(self) -> None:
        """Whoever still sends reads the answer first: to close at once would take it away."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read(1 << 16):
                pass
        super().finish()

    def version_string(self) -> str:
        return "handwritten"

    def log_request(self, code="-", size="-") -> None:
        """Nothing: werkzeug's raises ValueError of an address that is none."""

    def log(self, type: str, message: str, *args) -> None:
        """Nothing."""


class Server(ThreadedWSGIServer):
    """Answers requests for an application on a socket that listens already."""

    daemon_threads = True

    def __init__(self, app: Flask, listener: socket.socket):
        host, port = listener.getsockname()
        super().__init__(host, port, app, Handler, fd=listener.fileno())
        self._free = threading.Semaphore(CONNECTIONS)

    def process_request(self, request, client_address) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request, client_address) -> None:
        """What is no HTTP ends its connection, and nothing else."""

    def log(self, type: str, message: str, *args) -> None:
        """Nothing."""
