import pytest

from emcc_emu.settings import yaml_tree
from emcc_emu.settings.yaml_tree import MAX_DEPTH, MAX_FILE_BYTES, Branch, Leaf, Listing, parse_tree, tree_of


def refusal(text):
    tree, mistake = parse_tree(text)
    assert tree is None
    return mistake.line, mistake.problem


def test_scalars_keep_text_and_line():
    tree, mistake = parse_tree("a: 0123\nb: 10:00\nc: 'no'\n")
    assert mistake is None
    assert [(entry.key.text, entry.value) for entry in tree.entries] == [
        ("a", Leaf("0123", 1)),
        ("b", Leaf("10:00", 2)),
        ("c", Leaf("no", 3, is_quoted=True)),
    ]


def test_lists_and_mappings_nest():
    tree, _ = parse_tree("a:\n- [x, {y: z}]\n")
    listing = tree.entries[0].value
    assert isinstance(listing, Listing)
    inner = listing.items[0]
    assert isinstance(inner.items[1], Branch)
    assert tree.node_count == 8


@pytest.mark.parametrize(
    ("text", "is_empty"), [("a:", True), ("a: ~", True), ("a: null", True), ("a: ''", False), ("a: 0", False)]
)
def test_nothing_is_told_from_an_empty_text(text, is_empty):
    tree, _ = parse_tree(text)
    assert tree.entries[0].value.is_empty is is_empty


def test_an_alias_repeats_what_its_anchor_marks():
    tree, _ = parse_tree("a: &x [1, 2]\nb: *x\n")
    assert tree.entries[0].value is tree.entries[1].value


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "is empty"),
        ("a: [1\nb: 2", 2, "is no YAML"),
        ("a: \x07", 1, "is no YAML"),
        ("a: 1\n---\nb: 2", 2, "has more than one document"),
        ("a: !!python/object:os.system x", 1, "has a tag, 'tag:yaml.org,2002:python/object:os.system'"),
        ("[1]: x", 1, "has a list or mapping as a key"),
        ("a: *x", 1, "uses the alias 'x' before its anchor"),
        ("a: &x [*x]", 1, "uses the alias 'x' before its anchor"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 1, f"is nested deeper than {MAX_DEPTH} levels"),
        ("[" * 200_000, 1, f"is nested deeper than {MAX_DEPTH} levels"),
        ("a" * (MAX_FILE_BYTES + 1), 1, f"is longer than {MAX_FILE_BYTES} bytes"),
    ],
)
def test_refuses_with_line_and_reason(text, line, problem):
    refused_line, refused_problem = refusal(text)
    assert refused_line == line
    assert refused_problem.startswith(problem)


def test_aliases_that_multiply_are_counted_in_full():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    line, problem = refusal("\n".join(lines))
    assert line == 6
    assert problem == f"has more than {yaml_tree.MAX_NODES} values"


def test_plain_values_become_the_tree_that_a_file_would_give():
    tree = tree_of({"a": [1, True, None], "b": ""})
    listing, text = (entry.value for entry in tree.entries)
    assert [(leaf.text, leaf.is_empty) for leaf in listing.items] == [("1", False), ("true", False), ("", True)]
    assert (text.text, text.is_empty) == ("", False)
