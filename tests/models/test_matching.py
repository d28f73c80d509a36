"""Classes of the same name are the same, however the name is written."""

import doctest

from streamdeq.models import matching
from streamdeq.models.matching import matched


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(matching).failed == 0


def test_case_punctuation_plural_and_usual_names_do_not_count():
    there = ("sky", "sign symbol", "pedestrian", "bicyclist", "glass", "Road")
    here = ("SKY", "traffic_signs", "person", "cyclists", "glass", "road", "rail")
    assert matched(here, there) == [0, 1, 2, 3, 4, 5, None]


def test_a_name_to_the_letter_comes_before_one_that_is_alike():
    assert matched(("person",), ("pedestrian", "person")) == [1]
    assert matched(("people",), ("pedestrian", "person")) == [0]
