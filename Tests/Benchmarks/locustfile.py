"""The least that speaks the protocol from Locust: one ping out, one answer in, nothing else.

The frame is made once for each user, so that what is measured is Locust and not our Python.
"""
import json
import os
import socket
import sys
import time
import pathlib

from locust import User, constant_throughput, events, task

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Campaigns"))
import device  # noqa: E402

HEADER = 32
PING = 1
PACE = float(os.environ.get("PACE", "0"))


class Pinger(User):
    # Requests a second of each user; without it, the next one follows the answer.
    wait_time = constant_throughput(PACE) if PACE else lambda self: 0
    begun = 0

    def on_start(self):
        if PACE:
            # All at the same moment, they would measure how long they wait for each other.
            place, Pinger.begun = Pinger.begun, Pinger.begun + 1
            time.sleep(place / self.environment.runner.target_user_count / PACE)
        host, port = self.host.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frame = device.frame(PING, 1, b"watchman")

    def on_stop(self):
        self.socket.close()

    @task
    def ping(self):
        begin, error = time.perf_counter(), None
        try:
            self.socket.sendall(self.frame)
            answer = b""
            while len(answer) < len(self.frame):
                part = self.socket.recv(4096)
                if not part:
                    raise ConnectionError("closed")
                answer += part
            if answer[HEADER:] != self.frame[HEADER:]:
                raise ValueError("another answer")
        except (OSError, ValueError) as failure:
            error = failure
        self.environment.events.request.fire(
            request_type="TCP", name="ping", response_time=(time.perf_counter() - begin) * 1000,
            response_length=len(self.frame), exception=error)


@events.test_start.add_listener
def begin(environment, **_):
    environment.begin = time.process_time()


@events.test_stop.add_listener
def end(environment, **_):
    """What Locust does not tell: how much of a processor it has used."""
    with open(os.environ["PROCESSOR"], "w") as file:
        json.dump(time.process_time() - environment.begin, file)
