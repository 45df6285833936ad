"""Metrics are told in words, those of a method of one's own by their names."""

import pytest

from pairgen.pages.metric_words import Metric, metric_of


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("student/lr", Metric("Learning rate (student)")),
        (
            "discriminator/grad_norm",
            Metric("Norm of the gradients, before clipping (discriminator)"),
        ),
        ("data_wait", Metric("Waiting for data", "%", 100.0)),
        ("discriminator/right", Metric("Logits of the right sign (discriminator)", "%", 100.0)),
        ("my_player/my_own_figure", Metric("My own figure (my player)")),
    ],
)
def test_a_metric_has_words_and_a_unit(name: str, metric: Metric) -> None:
    assert metric_of(name) == metric
