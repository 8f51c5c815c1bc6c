"""Which names may be used, and the ids that are made up."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.errors import InvalidName
from jobqueue.names import check_key, check_name, new_id

ALLOWED = string.ascii_letters + string.digits + "_.:-"
IN_KEYS = ALLOWED + "@/+="


@given(st.text(ALLOWED, min_size=1, max_size=128))
def test_names_of_the_allowed_characters_are_returned_as_they_are(name):
    assert check_name(name, "queue") == name


@given(st.text(ALLOWED, max_size=20), st.characters().filter(lambda character: character not in ALLOWED))
def test_any_other_character_is_refused_wherever_it_stands(name, character):
    for wrong in (character + name, name + character, name + character + name):
        with pytest.raises(InvalidName):
            check_name(wrong, "queue")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "mail\n",
        "\nmail",
        "ma il",
        "{mail}",
        "mail}",
        "mail\x00",
        "ma/il",
        "a|b",
        "mail\u0661",  # a digit, but of another script
        "caf\xe9",
        "a" * 129,
        None,
        5,
        b"mail",
        ["mail"],
    ],
)
def test_what_is_no_name_is_refused_and_the_error_says_what_it_was_to_name(name):
    with pytest.raises(InvalidName, match=r"^job id .*use 1 to 128 of the characters"):
        check_name(name, "job id")


def test_128_characters_are_allowed():
    assert check_name("a" * 128, "queue") == "a" * 128


@given(st.text(IN_KEYS, min_size=1, max_size=128))
def test_keys_may_be_addresses_and_paths_too(key):
    assert check_key(key) == key


@given(st.text(IN_KEYS, max_size=20), st.characters().filter(lambda character: character not in IN_KEYS))
def test_any_other_character_is_refused_in_keys_as_well(key, character):
    for wrong in (character + key, key + character, key + character + key):
        with pytest.raises(InvalidName):
            check_key(wrong)


@given(st.integers(-(10**20), 10**20))
def test_a_whole_number_is_a_key_by_its_digits(number):
    assert check_key(number) == str(number)


@pytest.mark.parametrize("key", ["", "a|b", "a b", "a\n", "{a}", "a,b", "a" * 129, None, 1.5, True, False, b"a", ["a"]])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(InvalidName, match=r"^key .*use 1 to 128 of the characters"):
        check_key(key)


def test_ids_are_14_letters_and_digits_and_never_the_same():
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert {len(job_id) for job_id in ids} == {14}
    assert set("".join(ids)) == set(string.ascii_letters + string.digits)
    assert [check_name(job_id, "job id") for job_id in ids] == ids
