"""Names in one buffer are the list that they stand for, at a fraction of its memory."""

import pickle
import tracemalloc
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.folder import Folder
from dagen.datasets.reading import paths
from dagen.datasets.reading.names import Keys, Names, NamesByKey, positions
from dagen.types import Task

# Half a surrogate pair stands for a byte that is not UTF-8, or comes from an annotation file.
TEXT = st.text(st.characters(exclude_characters="\0"), max_size=6) | st.just("a\udc80b\ud800")
COUNT = 2_000


@settings(deadline=None)
@given(st.lists(TEXT))
def test_names_are_their_list(texts: list[str]) -> None:
    names = Names(texts)
    assert list(names) == texts == [names[k] for k in range(len(names))]
    assert [names[-k - 1] for k in range(len(names))] == texts[::-1]
    assert names[1:3] == texts[1:3] and names[::-2] == texts[::-2]
    assert list(pickle.loads(pickle.dumps(names))) == texts
    with pytest.raises(IndexError):
        names[len(texts)]


# Two texts with the same CRC-32.
@settings(deadline=None)
@given(st.lists(TEXT | st.sampled_from(["plumless", "buckeroo"])))
def test_keys_are_found_at_all_their_places(texts: list[str]) -> None:
    keys = Keys(texts)
    for each in {*texts, "", "plumless"}:
        assert list(keys.places(each)) == [k for k, text in enumerate(texts) if text == each]


@settings(deadline=None)
@given(st.lists(TEXT, unique=True))
def test_names_by_key_are_a_dictionary_of_lists(texts: list[str]) -> None:
    def key(name: str) -> str:
        return name[:1].casefold()

    known: defaultdict[str, list[str]] = defaultdict(list)
    for text in sorted(texts):
        known[key(text)].append(text)
    found = NamesByKey(texts, key)
    for each in {*known, "", "a", "~"}:
        assert found[each] == known.get(each, []) and (each in found) == (each in known)
    assert sorted(found.values()) == sorted(texts)


@settings(deadline=None)
@given(st.lists(st.booleans()))
def test_positions(chosen: list[bool]) -> None:
    found = positions(iter(chosen), len(chosen))
    assert list(found) == [k for k, yes in enumerate(chosen) if yes]
    assert all(type(k) is int for k in found)


@pytest.mark.parametrize("masks", [COUNT, COUNT // 2])
def test_an_open_data_set_holds_no_object_for_each_image(
    masks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"images": COUNT, "masks": masks}
    for name in counts:
        (tmp_path / name / "train").mkdir(parents=True)

    def files(folder: Path) -> list[str]:
        count = counts[folder.parent.name]
        return [f"camera-{k % 7}/photograph-{k:08}.png" for k in range(count)]

    monkeypatch.setattr(paths, "_files", files)
    tracemalloc.start()
    try:
        dataset = Folder(tmp_path, "train", Task.BINARY)
        assert (len(dataset), len(dataset.labelled)) == (COUNT, masks)
        ours = tracemalloc.Filter(True, "*/dagen/datasets/*")  # pathlib interns parts of names
        held = tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename")
    finally:
        tracemalloc.stop()
    # The name of an image takes 45 bytes and a number; that of its mask is kept with its key.
    # A list of both would take over 300.
    assert 40 < sum(each.size for each in held) / COUNT < 160
