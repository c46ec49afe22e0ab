"""Damage to bytes that were valid, and numbers that readers must not believe."""

from hypothesis import strategies as st

WILD = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40)
HUGE = (2**62, 2**63 - 1, 2**63, 2**64 - 1)
WILD_NUMBERS = st.sampled_from([*WILD, *HUGE, *(-number for number in (*WILD, *HUGE))])


def odd(draw: st.DrawFn, one_in: int) -> bool:
    """True now and then: what is odd in every part is refused at the first."""
    return draw(st.integers(1, one_in)) == one_in


def packed(number: int, size: int, order: str) -> bytes:
    """The low bytes of a number, little or big end first."""
    return (number % 256**size).to_bytes(size, "big" if order == "big" else "little")


@st.composite
def damaged(draw: st.DrawFn, valid: st.SearchStrategy[bytes], most: int = 3) -> bytes:
    """Valid content, cut, spliced or overwritten in at most so many places."""
    content = bytearray(draw(valid))
    for _ in range(draw(st.integers(0, most))):
        place = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(("byte", "put", "cut", "end", "copy", "number")))
        if kind == "byte" and place < len(content):
            content[place] = draw(st.integers(0, 255))
        elif kind == "put":
            content[place:place] = draw(st.binary(max_size=8))
        elif kind == "cut":
            del content[place : place + draw(st.integers(1, 64))]
        elif kind == "end":
            del content[place:]
        elif kind == "copy":
            start = draw(st.integers(0, len(content)))
            content[place:place] = content[start : start + draw(st.integers(1, 600))]
        elif kind == "number":
            size, order = draw(st.sampled_from((2, 4, 8))), draw(st.sampled_from(("big", "low")))
            number = packed(draw(WILD_NUMBERS), size, order)
            content[place : place + size] = number
    return bytes(content)


def any_of(valid: st.SearchStrategy[bytes], most_raw: int = 200) -> st.SearchStrategy[bytes]:
    """Content as it was made, the same damaged, and now and then bytes that never were any."""
    raw = st.binary(max_size=most_raw)
    return st.one_of(valid, valid, valid, damaged(valid), damaged(valid), damaged(valid), raw)
