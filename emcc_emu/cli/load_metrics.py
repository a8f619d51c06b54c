"""The figures of a running load for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from emcc_emu.errors import LabError
from phones.load.director import Director
from phones.load.watch import ClusterWatch

__all__ = ["LoadMetrics"]

LATENCIES = (50, 90, 95, 99)


class LoadMetrics:
    """Serves the figures on loopback until it is closed.

    Args:
        port: TCP port; 0 lets the system choose.

    Raises:
        LabError: The port is taken.
    """

    def __init__(self, port: int) -> None:
        registry = CollectorRegistry()
        self._logins = Gauge("emcc_load_logins", "Login submissions by outcome", ["outcome"], registry=registry)
        self._in_flight = Gauge("emcc_load_sessions", "Sessions under way", registry=registry)
        self._waiting = Gauge("emcc_load_sessions_waiting", "Sessions that wait for a phone", registry=registry)
        self._factor = Gauge("emcc_load_rate_factor", "How many times as fast as planned", registry=registry)
        self._latency = Gauge(
            "emcc_load_login_latency_seconds", "Login latency so far", ["quantile"], registry=registry
        )
        self._in_progress = Gauge(
            "emcc_load_requests_in_progress", "Requests in progress at a cluster", ["cluster"], registry=registry
        )
        try:
            self._server, self._thread = start_http_server(port, "127.0.0.1", registry)
        except OSError as error:
            raise LabError(f"--metrics {port}: {error.strerror}; choose another port") from None
        self.port = int(self._server.server_port)

    def update(self, director: Director, watch: ClusterWatch) -> None:
        """Take over the figures of this moment."""
        login = director.measurement.operations["login"]
        self._logins.labels("ok").set(login.ok)
        self._logins.labels("no_answer").set(login.no_answer)
        for code, times in login.by_code.items():
            self._logins.labels(f"code_{code}").set(times)
        self._in_flight.set(director.sessions)
        self._waiting.set(director.waiting)
        self._factor.set(0.0 if director.is_paused else director.factor)
        for percent in LATENCIES:
            self._latency.labels(f"{percent / 100:g}").set(login.latency.percentile_s(percent))
        for cluster, count in watch.samples[-1].in_progress.items() if watch.samples else ():
            self._in_progress.labels(cluster).set(count)

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
