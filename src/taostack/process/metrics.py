"""Prometheus metrics in a registry of their own, so that two processes in one interpreter never mix.

    metrics = Metrics()
    asked = metrics.counter("taostack_wire_requests_total", "Requests sent, by outcome.", ("outcome",))
    asked.labels(outcome="ok").inc()
    metrics.render()  # the text that /metrics serves

Asking twice for the same metric gives the same one; asking for the same name
with another kind or other labels is a mistake in the program and is refused.
"""

from collections.abc import Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from taostack.process.errors import UsageError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_AnyMetric = TypeVar("_AnyMetric", bound=MetricWrapperBase)


class Metrics:
    """Counters, gauges and histograms by name, and their text form."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._known: dict[str, tuple[MetricWrapperBase, tuple[str, ...]]] = {}

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """A number that only grows."""
        existing = self._existing(Counter, name, labels)
        return existing or self._keep(Counter(name, help, labels, registry=self.registry), name, labels)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        """A number that goes up and down."""
        existing = self._existing(Gauge, name, labels)
        return existing or self._keep(Gauge(name, help, labels, registry=self.registry), name, labels)

    def histogram(
        self,
        name: str,
        help: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS,
    ) -> Histogram:
        """A distribution, counted in ``buckets`` (upper bounds, in the metric's unit)."""
        existing = self._existing(Histogram, name, labels)
        return existing or self._keep(
            Histogram(name, help, labels, registry=self.registry, buckets=tuple(buckets)), name, labels
        )

    def render(self) -> bytes:
        """All metrics in the Prometheus text format (``CONTENT_TYPE``)."""
        return generate_latest(self.registry)

    def _existing(self, kind: type[_AnyMetric], name: str, labels: Sequence[str]) -> _AnyMetric | None:
        known = self._known.get(name)
        if known is None:
            return None
        metric, known_labels = known
        if not isinstance(metric, kind) or known_labels != tuple(labels):
            raise UsageError(
                f"metric {name!r} already exists as a {type(metric).__name__.lower()} with labels {known_labels}",
                remedy="give the second metric a name of its own",
            )
        return metric

    def _keep(self, metric: _AnyMetric, name: str, labels: Sequence[str]) -> _AnyMetric:
        self._known[name] = (metric, tuple(labels))
        return metric
