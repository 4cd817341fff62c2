"""The page of `fineprint serve` in headless Firefox, by its own protocol (marionette_driver from PyPI).

Usage: firefox.py PROGRAM FIREFOX [SCREENSHOTS [DOCUMENT OLD NEW]]

A shorter round than page.py goes in Chromium: a document and a comparison, wide and narrow (Firefox makes
no window narrower than 450 pixels). With a folder, screenshots are written to it, also of the documents named,
which are read with the program's own model.
"""

import base64
import sys
import tempfile
import time
from pathlib import Path

from marionette_driver import By
from marionette_driver.marionette import Marionette

from documents import MODEL, POLICY, Program
from page import LATER, Server, said_by_command_line

WIDTHS = {450: 740, 1280: 900}


class Firefox:
    def __init__(self, binary):
        # Pages scroll at once, not smoothly.
        self.client = Marionette(bin=binary, headless=True, prefs={"ui.prefersReducedMotion": 1})
        self.client.start_session()
        self.client.timeout.script = 120

    def open(self, url, width):
        self.client.set_window_rect(width=width, height=WIDTHS[width])
        # What is around the page is part of the window.
        around = width - self.run("return innerWidth")
        self.client.set_window_rect(width=width + around, height=WIDTHS[width])
        self.client.navigate(url)

    def run(self, script, *arguments):
        return self.client.execute_script(script, script_args=arguments, sandbox=None)

    def find(self, selector):
        return self.client.find_element(By.CSS_SELECTOR, selector)

    def until(self, condition, seconds=120):
        end = time.monotonic() + seconds
        while not self.run(f"return {condition}"):
            assert time.monotonic() < end, f"not within {seconds} s: {condition}"
            time.sleep(0.05)

    def done(self):
        self.until("document.getElementById('told').textContent.startsWith('Done')")
        return self.run("return document.getElementById('told').textContent")

    def fits(self, width):
        wide = self.run("return document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} pixels wide at {width}"

    def said(self, url):
        """What the console says of the page."""
        with self.client.using_context("chrome"):
            all = self.client.execute_script(
                "return Services.console.getMessageArray().map((m) => `${m.message} ${m.sourceName ?? ''}`)")
        return [text for text in all if url in text]

    def shoot(self, path):
        Path(path).write_bytes(base64.b64decode(self.client.screenshot(full=False)))


def reads(firefox, width, records):
    sentences = [r for r in records if r["record"] == "sentence"]
    findings = [f for s in sentences for f in s["findings"]]
    firefox.find("#document-text").send_keys(POLICY)
    firefox.find("#run").click()
    assert firefox.done() == f"Done: {len(sentences)} sentences, {len(findings)} findings."
    for sentence in sentences:
        text = firefox.run("return document.getElementById(arguments[0]).textContent", f"s{sentence['index']}")
        assert text == sentence["text"]
    found = sum(bool(s["findings"]) for s in sentences)
    assert firefox.run("return document.querySelectorAll('article mark.s').length") == found
    firefox.fits(width)
    category = findings[0]["category"]
    firefox.find(f"#category option[value='{category}']").click()
    shown = "[...document.querySelectorAll('.note li')].filter((e) => e.checkVisibility()).length"
    firefox.until(f"{shown} === {sum(f['category'] == category for f in findings)}")


def compares(firefox, width, record):
    firefox.find("input[value='compare']").click()
    firefox.find("#old-text").send_keys(POLICY)
    firefox.find("#new-text").send_keys(LATER)
    firefox.find("#run").click()
    changes = [change for category in record["categories"] for change in category["changes"]]
    assert firefox.done().startswith(f"Done: {len(changes)} change")
    assert firefox.run("return document.querySelector('.verdict').textContent") == record["verdict"]
    assert firefox.run("return document.querySelectorAll('.change').length") == len(changes)
    firefox.fits(width)


def shoot(firefox, server, folder, document, old, new):
    for width in WIDTHS:
        base = Path(folder) / f"firefox-{width}"
        firefox.open(server.url, width)
        firefox.shoot(f"{base}-start.png")
        firefox.find("#document-file").send_keys(str(document))
        firefox.find("#run").click()
        firefox.done()
        firefox.shoot(f"{base}-read.png")
        firefox.run("document.querySelector('article mark.s').scrollIntoView({ block: 'center' })")
        firefox.shoot(f"{base}-text.png")
        firefox.run("scrollTo(0, 0)")
        firefox.find("input[value='compare']").click()
        firefox.find("#old-file").send_keys(str(old))
        firefox.find("#new-file").send_keys(str(new))
        firefox.find("#run").click()
        firefox.done()
        firefox.shoot(f"{base}-compared.png")
        firefox.fits(width)


def main():
    program, binary, *rest = sys.argv[1:]
    program = Path(program).resolve()
    with tempfile.TemporaryDirectory() as folder:
        made = Program(program, folder)
        records, comparison = said_by_command_line(made)
        firefox = Firefox(binary)
        try:
            with Server(program) as server:
                for width in WIDTHS:
                    firefox.open(server.url, width)
                    reads(firefox, width, records)
                    compares(firefox, width, comparison)
                    assert firefox.said(server.url) == [], firefox.said(server.url)
                    print(f"ok: Firefox reads and compares at {width} pixels, console empty")
            if rest:
                Path(rest[0]).mkdir(parents=True, exist_ok=True)
                texts = rest[1:] or [made.folder / name for name in ("policy.md", "old text", "new text")]
                with Server(program, model=None if rest[1:] else MODEL) as server:
                    shoot(firefox, server, rest[0], *texts)
        finally:
            firefox.client.quit()


main()
