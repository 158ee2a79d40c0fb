"""Words by which contacts opt out and in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.account import Keywords
from projections.keyword import BUILT_IN, fold, keyword

BUILT = Keywords()


@pytest.mark.parametrize(
    "word",
    [
        "STOP",
        "STOPALL",
        "UNSUBSCRIBE",
        "CANCEL",
        "END",
        "QUIT",
        "BAJA",
        "PARAR",
        "CANCELAR",
        "ARRÊT",
        "DÉSABONNER",
        "SAIR",
        "REMOVER",
        "DESCADASTRAR",
        "CANCELLA",
        "DISISCRIVI",
        "ABMELDEN",
        "ABBESTELLEN",
        "BAIXA",
    ],
)
@pytest.mark.parametrize("written", ["{}", " {}. ", "«{}»", "¡{}!\n"])
def test_the_whole_message_is_the_word_case_accents_and_punctuation_aside(word: str, written: str) -> None:
    assert keyword(written.format(word), BUILT) == keyword(written.format(word.lower()), BUILT) == "stop"
    assert keyword(f"don't {word}", BUILT) is None
    assert keyword(f"{word} 12345", BUILT) is None


@pytest.mark.parametrize(
    "text", ["STOP", "stop", " Stop. ", "¡Baja!", "BAJA", "Arrêt", "désabonner", "Sair", "stopp", "baixa", "ＳＴＯＰ"]
)
def test_an_opt_out_is_understood_in_seven_languages(text: str) -> None:
    assert keyword(text, BUILT) == "stop"


@pytest.mark.parametrize(
    ("text", "word"), [("Alta", "start"), ("START!", "start"), ("ayuda", "help"), ("Hilfe?", "help")]
)
def test_opt_in_and_help_are_understood(text: str, word: str) -> None:
    assert keyword(text, BUILT) == word


@pytest.mark.parametrize("text", ["", "no", "yes", "baja el precio", "stop it", "nonstop", "!", "STOP" * 100])
def test_any_other_text_is_no_word(text: str) -> None:
    assert keyword(text, BUILT) is None


def test_a_list_of_the_account_replaces_the_built_in_one_of_its_kind() -> None:
    own = Keywords(stop=["No más"])
    assert keyword("no mas", own) == "stop"
    assert keyword("BAJA", own) is None
    assert keyword("ALTA", own) == "start"
    assert keyword("BAJA", Keywords(stop=[])) is None


def test_a_word_in_two_lists_opts_out() -> None:
    assert keyword("ya", Keywords(start=["ya"], stop=["ya"])) == "stop"


def test_no_built_in_word_means_two_things_and_each_is_folded() -> None:
    words = [word for kind in BUILT_IN.values() for word in kind]
    assert len(words) == len(set(words))
    assert all(fold(word) == word for word in words)


@given(st.text(max_size=300))
def test_any_text_can_be_judged(text: str) -> None:
    assert keyword(text, BUILT) in (None, "stop", "start", "help")
    assert fold(fold(text)) == fold(text)
