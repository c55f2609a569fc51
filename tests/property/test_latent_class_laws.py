"""Laws of the latent-class classifier: missing is no evidence, and no order of rows, columns or sides matters."""

from functools import cache

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.engines.latent_class import LatentClassClassifier

COLUMNS = ("given_name", "surname", "birth_year", "postcode", "email", "colour")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
similarities = st.sampled_from([0.0, 0.5, 0.85, 0.95, 1.0, np.nan])


@st.composite
def vectors(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.lists(st.tuples(*[similarities] * len(COLUMNS)), min_size=2, max_size=30))
    index = pd.MultiIndex.from_arrays([range(len(rows)), range(100, 100 + len(rows))])
    return pd.DataFrame(rows, index=index, columns=list(COLUMNS))


@cache
def fitted() -> LatentClassClassifier:
    draw = np.random.default_rng(7)
    same = np.arange(600) % 3 == 0
    agree = draw.random((600, len(COLUMNS))) < np.where(same, 0.85, 0.1)[:, None]
    values = np.where(agree, 1.0, draw.random(agree.shape) * 0.9)
    index = pd.MultiIndex.from_arrays([range(600), range(600, 1200)])
    classifier = LatentClassClassifier()
    classifier.fit(pd.DataFrame(values, index=index, columns=list(COLUMNS)))
    return classifier


def chances(frame: pd.DataFrame) -> np.ndarray:
    classifier = LatentClassClassifier(records=200)
    classifier.fit(frame)
    return classifier.prob(frame).to_numpy()


@quick
@given(vectors())
def test_a_column_that_never_speaks_moves_no_probability(frame: pd.DataFrame) -> None:
    silent = frame.assign(hat=np.nan)
    np.testing.assert_allclose(chances(silent), chances(frame), rtol=1e-9, atol=1e-12)


@quick
@given(vectors())
def test_a_pair_of_which_nothing_is_known_is_as_likely_as_any(frame: pd.DataFrame) -> None:
    shares = fitted().mixture.shares
    unknown = fitted().prob(frame * np.nan)
    np.testing.assert_allclose(unknown, shares[:2].sum() / shares.sum(), rtol=1e-9)


@quick
@given(vectors(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_of_columns_matters(frame: pd.DataFrame, draw: object) -> None:
    rows, columns = list(range(len(frame))), list(COLUMNS)
    draw.shuffle(rows)  # type: ignore[attr-defined]
    draw.shuffle(columns)  # type: ignore[attr-defined]
    shuffled = frame.iloc[rows][columns]
    np.testing.assert_allclose(chances(shuffled), chances(frame)[rows], rtol=1e-6, atol=1e-9)
    pd.testing.assert_series_equal(fitted().prob(shuffled), fitted().prob(frame).iloc[rows])


@quick
@given(vectors())
def test_it_does_not_matter_which_record_is_on_the_left(frame: pd.DataFrame) -> None:
    turned = frame.copy()
    turned.index = frame.index.swaplevel()
    np.testing.assert_array_equal(chances(turned), chances(frame))
