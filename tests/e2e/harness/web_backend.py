"""WebBackend: an HTTP server in this process whose answers are a function of the request."""

import http.server
import threading
from collections import namedtuple

from harness.loopback import loopback_address

# headers: names in lower case; body: as it came.
WebRequest = namedtuple("WebRequest", "path headers body")


TEXT = "text/plain; charset=utf-8"


class WebBackend:
    """answer(request) -> status, or (status, words), or (status, words, content type), or with more
    headers as the fourth."""

    protocol = "http"

    def __init__(self, answer, headers=()):
        self.answer = answer
        self.headers = dict(headers)
        self.requests = []
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (a name of http.server)
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = WebRequest(self.path, headers, body)
                backend.requests.append(request)
                answer = backend.answer(request)
                answer = answer if isinstance(answer, tuple) else (answer,)
                status, words, kind, more = (*answer, *("", TEXT, {})[len(answer) - 1:])
                data = words if isinstance(words, bytes) else words.encode()
                self.send_response(status)
                for name, value in {**backend.headers, **more}.items():
                    self.send_header(name, value)
                if data:
                    self.send_header("content-type", kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the peer hung up

        self._server = Server((loopback_address(), 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return "{}:{}".format(*self._server.server_address)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
