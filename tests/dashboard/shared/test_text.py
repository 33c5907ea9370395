"""Words from outside read as they are, and are nothing but text."""

import pytest

from dashboard.shared.text import JOINER, plain


@pytest.mark.parametrize(
    "words",
    ["", "cat", "12 photos, 50%", "a dog's day (2)", "überraschung 😺", "Größe = 3.5 & 7/8"],
)
def test_plain_words_stay(words):
    assert plain(words) == words


@pytest.mark.parametrize(
    ("words", "markdown"),
    [
        ("![x](http://h/x.png)", rf"!\[x\](http:{JOINER}//h/x.png)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("**a** _b_ `c` ~d~", r"\*\*a\*\* \_b\_ \`c\` \~d\~"),
        ("$x$ \\", r"\$x\$ \\"),
        (
            ":red[x] :cat: :material/pets:",
            rf":{JOINER}red\[x\] :{JOINER}cat: :{JOINER}material/pets:",
        ),
        ("www.x.org, a@x.org", rf"www.{JOINER}x.org, a@{JOINER}x.org"),
        ("# title", f"{JOINER}# title"),
        ("- one", f"{JOINER}- one"),
        ("1. one", f"{JOINER}1. one"),
        ("a\nb\tc\x00d\u2028e", "a b c d e"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("ni\udcf1o", "ni\ufffdo"),
    ],
)
def test_what_markdown_would_take_for_marks_is_text(words, markdown):
    assert plain(words) == markdown
