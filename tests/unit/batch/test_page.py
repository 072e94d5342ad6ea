"""The report as a page: safe whatever stands in it, complete for those who see no pictures."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from showing import SIGNATURE, column, drift, known, profile, run_of, text_column, unit

from scorecast.batch.show.known import Quarantine
from scorecast.batch.show.page import page_of
from scorecast.batch.show.report import view_of
from scorecast.batch.snapshot import InputFile

pytest.importorskip("jinja2")

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}]]>&amp;"
VOID = {"meta", "br"}
TEXTS = ("ink", "quiet", "link", "ok", "look", "bad")


class Reader(HTMLParser):
    """Reads a page and keeps what is in it; fails on tags that are not closed in their order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text, self.cells, self.rows = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(dict(attributes))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        """Give the attributes of all tags of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def page(*arguments):
    """Give the page of a report."""
    return page_of(view_of(known(*arguments)))


def full():
    """Give a page with something of everything."""
    units = [unit(at, seconds=6.0 if at == 3 else 1.0, resumed=at < 2) for at in range(30)]
    said = run_of(units, quarantined=5, model={"signature": SIGNATURE}, options={"max_errors": 9})
    columns = [column(f"c{at}") for at in range(70)]
    data = profile(*columns, text_column("carrier", "UA"), column("prediction", "prediction"))
    moved = profile(column("distance"), column("prediction", "prediction"), drift=drift(distance=1))
    found = Quarantine(5, 5, (("ValueError", 5),), (("file:/in/a", 5),), ({"file": "a", "x": "1"},))
    return page(said, data, found), page(said, moved, found)


def test_the_page_is_whole():
    """Tags are closed in order, ids are there once, links lead somewhere, rows have all cells."""
    for text in full():
        read = Reader(text)
        ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {link["href"] for link in read.all("a")} <= {f"#{name}" for name in ids}
        assert all("scope" in row[0] for row in read.rows)
        assert all(label["aria-labelledby"] in ids for label in read.all("section"))
        pictures = [tag for tag in read.all("svg") if tag.get("role") == "img"]
        assert pictures
        assert len(pictures) <= text.count("<title>") - 1
        assert len(read.all("h1")) == 1
        assert len(read.all("table")) == len(read.all("caption"))


def test_nothing_is_fetched():
    """The page names no other file, and its policy forbids everything but its own style."""
    for text in full():
        read = Reader(text)
        (policy,) = [m["content"] for m in read.all("meta") if m.get("http-equiv")]
        assert policy == "default-src 'none'; style-src 'unsafe-inline'"
        assert not {"script", "link", "img", "iframe", "object", "base"} & {t for t, _ in read.tags}
        assert not any("src" in a or "style" in a for _, a in read.tags)
        assert "url(" not in text
        assert "@import" not in text
        assert "http://" not in text
        assert "https://" not in text


def test_hostile_text_is_text():
    """Names, paths, messages and options of whatever form change nothing in the page."""
    said = run_of(
        [replace_name(unit(at)) for at in range(3)],
        quarantined=1,
        model={"uri": HOSTILE, "flavor": HOSTILE, "signature": {"inputs": HOSTILE}},
        options={"where": HOSTILE, "output": f"/x/{HOSTILE}", HOSTILE: HOSTILE},
        skipped=[{"path": HOSTILE, "reason": HOSTILE}],
        spark_conf={"spark.master": HOSTILE},
        inputs=(InputFile(HOSTILE, 1, "1", 3),),
    )
    columns = (column(HOSTILE, kind=HOSTILE), text_column(HOSTILE, HOSTILE))
    predictions = (
        column(f"p{HOSTILE}", "prediction"),
        text_column("q", HOSTILE) | {"role": "prediction"},
    )
    data = profile(*columns, *predictions, drift={**drift(a=1), "baseline": HOSTILE})
    found = Quarantine(1, 1, ((HOSTILE, 1),), ((HOSTILE, 1),), ({HOSTILE: HOSTILE},))
    read = Reader(page(said, data, found))
    harmless = {tag for text in full() for tag, _ in Reader(text).tags}
    assert {tag for tag, _ in read.tags} <= harmless
    assert not any(name.startswith("on") for _, given in read.tags for name in given)
    assert "".join(read.text).count(HOSTILE) > 20
    assert "{{7*7}}" in HOSTILE
    assert "49]]>" not in "".join(read.text)


def replace_name(given):
    """Give a unit with a hostile name."""
    return {**given, "unit": HOSTILE}


def test_equal_manifests_give_equal_pages():
    """A page can be made again byte for byte, at another time."""
    first = full()
    time.sleep(0.01)
    assert full() == first


def test_odd_text_can_be_written():
    """Halves of characters and controls do not stop the page from being bytes."""
    text = page(None, profile(column("half \udcff \x00 \x1b[31m"), column("p", "prediction")))
    assert "half \ufffd \ufffd \ufffd[31m" in text
    text.encode()


def test_the_first_screen_answers():
    """Verdict, checks and numbers stand before everything else, each check in words, too."""
    text = full()[0]
    first = text[: text.index("<nav")]
    for part in ("All rows are accounted for", "Failed rows", "(look at this)", "predictions</dt>"):
        assert part in first


def test_values_of_pictures_are_in_tables():
    """What a picture says can be read without it."""
    read = Reader(full()[0])
    text = " ".join(read.text)
    assert "Seen on the way to the model" in text
    assert "The slowest 10 units" in text
    assert "Time by phase" in text


def test_a_page_of_thousands_is_small():
    """2,000 columns and 10,000 units make a page that a browser opens at once."""
    columns = [column(f"feature_{at:04d}") for at in range(2000)]
    data = profile(
        *columns, column("p", "prediction"), drift=drift(**{c["name"]: 0.01 for c in columns})
    )
    inputs = [InputFile(f"file:///in/{at:05d}.parquet", 1, "1", 1) for at in range(10_000)]
    said = replace(run_of([unit(at) for at in range(10_000)]), inputs=tuple(inputs))
    assert len(page(said, data)) < 1_200_000
    assert len(page(said)) < 40_000


def luminance(colour):
    """Give the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(theme):
    """All colours of text have a contrast of 4.5 and more, those of bars of 3."""
    blocks = re.findall(r":root \{(.*?)\}", full()[0], re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[theme]))
    for behind in ("page", "soft"):
        for name, least in {**dict.fromkeys(TEXTS, 4.5), "bar": 3, "mark": 3}.items():
            lights = sorted((luminance(colours[name]), luminance(colours[behind])))
            assert (lights[1] + 0.05) / (lights[0] + 0.05) >= least, (name, behind)
