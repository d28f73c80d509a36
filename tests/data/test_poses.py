"""What the names of key points say of the sides of a body."""

import pytest

from streamdeq.data.poses import one_sided, sides_of


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_ear", "right_ear"),
        ("left ear", "right ear"),
        ("hindleft", "hindright"),
        ("LeftEar", "RightEar"),
        ("upperLeft", "upperRight"),
        ("LEFT_EAR", "RIGHT_EAR"),
        ("l_ear", "r_ear"),
        ("L_EAR", "R_EAR"),
        ("ear_l", "ear_r"),
        ("ELBOW_L", "ELBOW_R"),  # the other L is none
        ("LEar", "REar"),
        ("LEAR", "REAR"),
        ("earL", "earR"),
        ("forelegL4", "forelegR4"),
        ("FL_paw", "FR_paw"),
        ("l1", "r1"),
    ],
)
def test_names_that_differ_in_the_side_alone_are_a_pair(left: str, right: str):
    for names, pair in (((left, "nose", right), (0, 2)), ((right, "nose", left), (2, 0))):
        assert sides_of(names) == (pair,)
        assert one_sided(names, sides_of(names)) == ()
    assert sides_of((left, "nose")) == ()


def test_a_name_with_two_sides_changes_both():
    corners = tuple(f"{eye}_eye_{corner}_corner" for eye in ("left", "right") for corner in ("left", "right"))
    assert sides_of(corners) == ((0, 3), (1, 2))


def test_letters_of_other_words_are_no_sides():
    names = ("bright", "cleft", "TAIL", "RUMP", "Rump", "leg", "rear", "lear", "paw1LH_top", "paw4RH_top", "L5", "l5")
    assert (sides_of(names), one_sided(names, ())) == ((), ())


@pytest.mark.parametrize("name", ["left_ear", "hindRight", "RIGHT EAR", "ear_L", "r_ear", "LEar"])
def test_a_side_without_a_partner_is_told(name: str):
    assert one_sided((name, "nose"), ()) == (name,)
