import pytest

from taostack.process.errors import UsageError
from taostack.process.metrics import Metrics


def test_asking_twice_gives_the_same_metric() -> None:
    metrics = Metrics()
    metrics.counter("asked_total", "Requests.", ("outcome",)).labels(outcome="ok").inc()
    metrics.counter("asked_total", "Requests.", ("outcome",)).labels(outcome="ok").inc()
    assert 'asked_total{outcome="ok"} 2.0' in metrics.render().decode()


def test_gauges_and_histograms_are_rendered() -> None:
    metrics = Metrics()
    metrics.gauge("height", "Block.").set(7)
    metrics.histogram("latency_seconds", "Latency.", buckets=(0.1, 1)).observe(0.5)
    text = metrics.render().decode()
    assert "height 7.0" in text
    assert 'latency_seconds_bucket{le="1.0"} 1.0' in text


def test_two_registries_never_mix() -> None:
    one, other = Metrics(), Metrics()
    one.gauge("height", "Block.").set(1)
    other.gauge("height", "Block.").set(2)
    assert "height 1.0" in one.render().decode()
    assert "height 2.0" in other.render().decode()


def test_the_same_name_with_another_kind_or_other_labels_is_refused() -> None:
    metrics = Metrics()
    metrics.counter("x_total", "X.")
    with pytest.raises(UsageError, match="already exists as a counter"):
        metrics.gauge("x_total", "X.")
    with pytest.raises(UsageError, match="already exists"):
        metrics.counter("x_total", "X.", ("label",))
