"""The report in a real browser: nothing leaves it, it fits a phone, it is dark and it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from showing import SIGNATURE, column, drift, known, profile, run_of, text_column, unit

from scorecast.batch.show.known import Quarantine
from scorecast.batch.show.page import page_of
from scorecast.batch.show.report import view_of

pytest.importorskip("jinja2")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here (Debian: apt-get install chromium)"
)

BACKGROUND = re.compile(r"--page: (#\w+)")
# What a page would fetch if its policy let it.
FETCHES = """<link rel="stylesheet" href="/NAME.css"><img src="/NAME.png" alt="">
<script src="/NAME.js"></script><iframe src="/NAME.html"></iframe>
<script>document.title = "it ran"; fetch("/NAME.json")</script></main>"""
# Measures pages in frames of given widths, and waits for what they fetch.
MEASURE = """<!doctype html><html style="color-scheme: light dark"><body><script>
const found = {}, frames = FRAMES
onload = () => {
  for (const [name, page, width] of frames) {
    const root = document.getElementById(name).contentDocument.documentElement
    const style = document.getElementById(name).contentWindow.getComputedStyle(root)
    const wide = [...root.querySelectorAll("body *")].filter(
      element => element.getBoundingClientRect().right > width + 1 && !element.closest(".scroll"))
    found[name] = {width: root.scrollWidth, colour: style.backgroundColor,
      title: root.ownerDocument.title, wide: wide.map(element => element.outerHTML)}
  }
  document.body.innerHTML = "<pre></pre>"
  document.body.firstChild.textContent = JSON.stringify(found)
}
for (const [name, page, width] of frames)
  document.write(`<iframe id="${name}" src="/${page}" height="900" width="${width}"
    style="border:0"></iframe>`)
</script></body></html>"""


def report():
    """Give a page with something of everything, names too long for a phone among it."""
    units = [unit(at, seconds=6.0 if at == 3 else 1.0) for at in range(30)]
    options = {
        "max_errors": 9,
        "input": [f"s3://bucket/{'deep/' * 30}file.parquet"],
        "where": "x" * 300,
    }
    said = run_of(units, quarantined=5, model={"signature": SIGNATURE}, options=options)
    columns = [column(f"c{at}", null=at) for at in range(60)]
    more = (column("w" * 90), text_column("carrier", "U" * 80, "B6"), column("p", "prediction"))
    data = profile(*columns, *more, drift=drift(c1=0.2, p=0.01))
    found = Quarantine(5, 5, (("ValueError", 5),), (("file:/in/a", 5),), ({"file": "a", "x": "1"},))
    return page_of(view_of(known(said, data, found)))


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Serve pages to Chromium; gives what it printed and which paths it asked for."""
    home = tmp_path_factory.mktemp("chromium")

    def go(pages, *options):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                page = pages.get(self.path.lstrip("/"))
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((page or "").encode())

            def log_message(self, *arguments):
                """Print nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                start = f"http://127.0.0.1:{server.server_port}/{next(iter(pages))}"
                command = [CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars"]
                command += [f"--user-data-dir={home}", "--disable-dev-shm-usage", *options, start]
                done = subprocess.run(
                    command, check=False, capture_output=True, text=True, timeout=300
                )
            finally:
                server.shutdown()
                thread.join()
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout, asked

    return go


def measured(browse, pages, frames, *options):
    """Give what a browser says of pages in frames, and which paths it asked for."""
    start = {"measure": MEASURE.replace("FRAMES", json.dumps(frames))}
    printed, asked = browse({**start, **pages}, "--dump-dom", *options)
    return json.loads(unescape(re.search(r"<pre>(.*)</pre>", printed, re.DOTALL)[1])), asked


def rgb(colour):
    """Give a colour of a style sheet as browsers compute it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_on_a_phone_a_desk_and_with_things_to_fetch(browse):
    """The page is no wider than a small phone, and its policy lets it fetch and run nothing."""
    text = report()
    policy = re.search(r"<meta http-equiv[^>]*>", text)[0]
    guarded = text.replace("</main>", FETCHES.replace("NAME", "guarded"))
    free = text.replace("</main>", FETCHES.replace("NAME", "free")).replace(policy, "")
    pages = {"report": text, "guarded": guarded, "free": free}
    frames = [["phone", "report", 360], ["desk", "report", 1200]]
    frames += [["g", "guarded", 360], ["f", "free", 360]]
    found, asked = measured(browse, pages, frames)
    assert (found["phone"]["width"], found["desk"]["width"]) == (360, 1200)
    assert (found["phone"]["wide"], found["desk"]["wide"]) == ([], [])
    assert found["phone"]["colour"] == rgb(BACKGROUND.findall(text)[0])
    assert not [path for path in asked if path.startswith("/guarded.")]
    assert found["g"]["title"] == found["phone"]["title"]
    # The same page without its policy does fetch and run all of it.
    assert {"/free.css", "/free.png", "/free.js", "/free.json", "/free.html"} <= set(asked)
    assert found["f"]["title"] == "it ran"


def test_in_the_dark(browse):
    """Who prefers a dark screen gets one."""
    text = report()
    dark, _ = measured(
        browse,
        {"report": text},
        [["phone", "report", 360]],
        "--blink-settings=preferredColorScheme=0",
    )
    assert (
        dark["phone"]["colour"]
        == rgb(BACKGROUND.findall(text)[1])
        != rgb(BACKGROUND.findall(text)[0])
    )


def test_on_paper(browse, tmp_path):
    """The page prints on sheets of A4, with what is folded on the screen."""
    sheets = []
    for number in (50, 200):
        data = profile(*(column(f"c{at}") for at in range(number)), column("p", "prediction"))
        paper = tmp_path / f"{number}.pdf"
        browse({"report": page_of(view_of(known(None, data)))}, f"--print-to-pdf={paper}")
        content = paper.read_bytes()
        sheets.append(len(re.findall(rb"/Type\s*/Page\b", content)))
        (width, height) = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content).groups()
        assert (round(float(width)), round(float(height))) == (595, 842)
    assert 2 <= sheets[0] < sheets[1] - 1
