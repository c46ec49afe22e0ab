"""Names that a user types, and what each becomes."""

import pytest

from wsol_bench.errors import UsageError
from wsol_bench.methods.catalog import find_methods
from wsol_bench.specs import parse_spec, short_name, specs_in, split_specs

SPLIT = {
    "grad_cam": ("grad_cam",),
    "grad_cam,center": ("grad_cam", "center"),
    " grad_cam , center ": ("grad_cam", "center"),
    "grad_cam,,center,": ("grad_cam", "center"),
    "": (),
    ",": (),
    '"maps:a,b",center': ("maps:a,b", "center"),
    '"maps:a ""quoted"" folder"': ('maps:a "quoted" folder',),
    'center,"maps:x=1,y=2:name=mine"': ("center", "maps:x=1,y=2:name=mine"),
    "maps:Größe/карты": ("maps:Größe/карты",),
}
UNCLOSED = ('"maps:a,b', 'center,"maps:a', '"center"x,cam')
PARSED = {
    "grad_cam": ("grad_cam", {}),
    "grad_cam:layer=layer3": ("grad_cam", {"layer": "layer3"}),
    "grad_cam:layer=layer3+layer4": ("grad_cam", {"layer": "layer3+layer4"}),
    "backprop:sigma=0:layer=pixels": ("backprop", {"sigma": "0", "layer": "pixels"}),
    "my_maps.py:blur": ("my_maps.py:blur", {}),
    "my_maps.py:blur:radius=2": ("my_maps.py:blur", {"radius": "2"}),
    "package.maps:blur:radius=2": ("package.maps:blur", {"radius": "2"}),
    "timm:vit_tiny_patch16_224:img_size=384": (
        "timm:vit_tiny_patch16_224",
        {"img_size": "384"},
    ),
    "maps:a:b=c/d": ("maps:a:b=c/d", {}),
    "maps:a:b=c/d:name=mine": ("maps:a:b=c/d", {"name": "mine"}),
    "maps:C=1/x,y z": ("maps:C=1/x,y z", {}),
    "boxes:out:1/b.csv:name=theirs": ("boxes:out:1/b.csv", {"name": "theirs"}),
}
NOT_SPECS = {
    ":sigma=0": "expected a name",
    "backprop:sigma=": "expected OPTION=VALUE",
    "backprop:=0": "expected OPTION=VALUE",
    "backprop:sigma=0:sigma=1": "given twice",
}
ROWS = {
    "grad_cam": ("grad_cam", "Grad-CAM"),
    "backprop": ("backprop", "Backprop"),
    "backprop:sigma=0.02": ("backprop", "Backprop"),
    "backprop:sigma=0": ("backprop:sigma=0", "Backprop (sigma=0)"),
    "backprop:sigma=2e-1": ("backprop:sigma=0.2", "Backprop (sigma=0.2)"),
    "backprop:sigma=0:layer=relu1": (
        "backprop:layer=relu1:sigma=0",
        "Backprop (layer=relu1, sigma=0)",
    ),
    "center:share=0.5": ("center:share=0.5", "Centred box (share=0.5)"),
    "center:share=0.71": ("center", "Centred box"),
    "grad_cam:layer=features.22": ("grad_cam:layer=features.22", "Grad-CAM (layer=features.22)"),
    "backprop:sigma=0:name=raw": ("raw", "raw"),
    "grad_cam:name=A-1_b.c+d": ("A-1_b.c+d", "A-1_b.c+d"),
}
REFUSED_ROWS = {
    ("backprop", "backprop:sigma=0.02"): "both be the row backprop",
    ("grad_cam:name=x", "cam:name=x"): "name=NAME",
    ("backprop:sigma=2",): "a share of the map's side, 0 to 1",
    ("backprop:sigma=much",): "sigma=much",
    ("backprop:sigma=nan",): "sigma=nan",
    ("backprop:sgima=0",): "Did you mean sigma",
    ("center:layer=relu5",): "unknown option 'layer'",
    ("grad_cam:name=two words",): "at most 60 of the characters",
    ("grad_cam:name=../../x",): "at most 60 of the characters",
    (f"grad_cam:name={'x' * 61}",): "at most 60 of the characters",
    ("grad_camm",): "Did you mean grad_cam",
}


@pytest.mark.parametrize("text", SPLIT)
def test_a_text_is_split_at_commas_outside_quotes(text: str) -> None:
    assert split_specs(text) == SPLIT[text]


@pytest.mark.parametrize("text", UNCLOSED)
def test_a_quote_that_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="quote"):
        split_specs(text)


def test_a_list_is_never_split_and_may_hold_objects() -> None:
    thing = object()
    assert specs_in(["maps:a,b", thing]) == ("maps:a,b", thing)


@pytest.mark.parametrize("text", PARSED)
def test_a_spec_has_a_name_and_options(text: str) -> None:
    spec = parse_spec(text)
    assert (spec.name, dict(spec.options)) == PARSED[text]


@pytest.mark.parametrize("text", NOT_SPECS)
def test_a_malformed_spec_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(UsageError, match=NOT_SPECS[text]):
        parse_spec(text)


@pytest.mark.parametrize("text", ROWS)
def test_a_row_is_named_by_the_options_that_differ_from_their_defaults(text: str) -> None:
    (row,) = find_methods([text])
    assert (row.name, row.title) == ROWS[text]


@pytest.mark.parametrize("texts", REFUSED_ROWS, ids=" ".join)
def test_rows_that_cannot_be_told_apart_or_read_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=REFUSED_ROWS[texts]):
        find_methods(texts)


def test_a_path_in_a_name_is_cut_to_its_last_part() -> None:
    assert short_name("my/own folder/maps.py:blur") == "maps.py:blur"
    assert short_name("maps:out/run 1/grad_cam") == "maps:grad_cam"
    assert short_name("package.maps:blur") == "package.maps:blur"
