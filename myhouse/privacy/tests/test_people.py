"""Who lived where alone, and which texts name somebody."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myhouse.privacy.people import alone_in
from myhouse.privacy.texts import namer

START = datetime(2026, 1, 1, tzinfo=UTC)
SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 15)).map(lambda pair: (day(pair[0]), day(pair[0] + pair[1]))),
    max_size=5,
)


def day(number):
    return START + timedelta(days=number)


@given(SPANS, SPANS)
def test_a_moment_is_alone_exactly_when_nobody_else_was_there(own, others):
    own = own[:1]
    alone = alone_in(own, others)
    for number in range(46):
        moment = day(number) + timedelta(hours=12)
        mine = any(start <= moment < end for start, end in own)
        met = any(start <= moment < end for start, end in others)
        assert any(start <= moment < end for start, end in alone) == (mine and not met)


PUT = namer(email="anna.berg@example.org", names=["Anna Berg", "Weg 1", "Max"], pseudonym="erased-1")


@pytest.mark.parametrize(("text", "left"), [
    ("Anna Berg left", "erased-1 left"),
    ("ANNA BERG, anna.berg@EXAMPLE.org.", "erased-1, erased-1."),
    ("Anna Bergmann stays", "Anna Bergmann stays"),
    ("susanna.berg@example.org stays", "susanna.berg@example.org stays"),
    ("anna.berg@example.org.au stays", "erased-1.au stays"),
    ("Max and Anna stay", "Max and Anna stay"),
    ("Weg 1, Weg 12", "erased-1, Weg 12"),
])  # fmt: skip
def test_whole_names_are_replaced_and_no_others(text, left):
    assert PUT(text) == left


def test_names_are_found_deep_inside_documents():
    document = {"before": {"names": ["Anna Berg", 3, None]}, "anna.berg@example.org": True}
    assert PUT(document) == {"before": {"names": ["erased-1", 3, None]}, "erased-1": True}
