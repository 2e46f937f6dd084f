"""A receiver of events on this machine, which answers as a test tells it to."""

import gzip
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Keeps what it took. `answers` are the next statuses, then it takes everything."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = []
        self.taken = []
        self.requests = []
        self.hangs = threading.Event()
        self.seconds = 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1/lineage"

    def states(self):
        return [(event["job"]["name"], event["eventType"]) for event in self.taken]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        server.requests.append(dict(self.headers))
        if server.hangs.is_set():
            server.hangs.wait(0)
            threading.Event().wait(5)
        time.sleep(server.seconds)
        status = server.answers.pop(0) if server.answers else 201
        if status == 201:
            server.taken.append(json.loads(body))
        if status == 0:  # the line is cut
            self.connection.close()
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def receiving():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
