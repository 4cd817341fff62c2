"""The page of `fineprint serve` in headless Chromium, clicked through at 360 and 1280 pixels.

Usage: page.py PROGRAM CHROMIUM [SCREENSHOTS [DOCUMENT OLD NEW]]

With a folder, screenshots are written to it, also of a document and a comparison of two editions
that are named; those are read with the program's own model.
"""

import json
import os
import subprocess
import sys
import time
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from documents import FRENCH, MODEL, POLICY, Program

WIDTHS = {360: 740, 1280: 900}
KEY = "a-key-for-this-test-only"
LATER = POLICY.replace("We never sell your data to anyone.", "We may sell your data to anyone.").replace(
    "We keep them for two years.", ""
)


class Server:
    """The program serving on a free port."""

    def __init__(self, program, *arguments, model=MODEL):
        environment = {**os.environ, **({"FINEPRINT_MODEL": str(model)} if model else {})}
        command = [program, "serve", "--listen", "127.0.0.1:0", *map(str, arguments)]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.url = None
        for line in self.process.stderr:
            record = json.loads(line)
            if record.get("message") == "listening":
                self.url = f"http://{record['address']}/"
            if record.get("message") == "ready":
                # Read on, for a full pipe would stop the server.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        raise SystemExit("the server did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)


class Page:
    """A page whose console must stay empty, but for answers that are asked for, and which must ask
    its server only."""

    def __init__(self, browser, server, width, scheme="light", refused=()):
        self.server, self.refused = server, refused
        self.context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(server.url)

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        if kind is None:
            # The browser itself writes a line for each answer with an error status.
            rest = [text for text in self.said if not any(f"status of {status}" in text for status in self.refused)]
            assert rest == [], rest
            others = [url for url in self.asked if not url.startswith(self.server.url)]
            assert others == [] and len(self.asked) >= 1, others
        self.context.close()


def fits(page, width):
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} pixels wide at {width}"


def until(page, condition, arg=None, seconds=30):
    """Asks again and again: `wait_for_function` needs eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition, arg):
        assert time.monotonic() < end, f"not within {seconds} s: {condition} ({arg})"
        page.wait_for_timeout(20)


def told(page, begin):
    until(page, "(begin) => document.getElementById('told').textContent.startsWith(begin)", begin)


def wrong(page):
    until(page, "document.getElementById('wrong').textContent !== ''")
    return page.locator("#wrong").inner_text()


def summary(page):
    """The summary's markup; attributes in one order, without empty ones."""
    return page.evaluate("""(() => {
        const all = [...document.querySelectorAll("article .summary, article .summary *")];
        return all.map((e) => [e.tagName, [...e.attributes].map((a) => `${a.name}=${a.value.trim()}`).sort().join(),
            e.childElementCount ? "" : e.textContent].join(" ")).join("\\n");
    })()""")


def reads_a_document(page, width, records, written):
    sentences = [r for r in records if r["record"] == "sentence"]
    found = [s for s in sentences if s["findings"]]
    findings = [f for s in found for f in s["findings"]]
    fits(page, width)
    assert page.locator("h1").inner_text() == "What does it say about your data?"
    assert not page.locator("#tools").is_visible() and not page.locator("#key-row").is_visible()
    unnamed = page.evaluate(
        """[...document.querySelectorAll("select, input, textarea, button")]
           .filter((e) => !e.labels?.length && !e.ariaLabel && !e.textContent.trim()).length"""
    )
    assert unnamed == 0
    page.click("#run")
    assert wrong(page) == "Paste a text or choose a file first."
    assert page.evaluate("document.activeElement.id") == "document-text"
    page.fill("#document-text", POLICY)
    # By keyboard: from the text over the file to the button.
    page.focus("#document-text")
    for _ in range(9):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "run":
            break
    page.keyboard.press("Enter")
    told(page, "Done")
    assert page.locator("#told").inner_text() == f"Done: {len(sentences)} sentences, {len(findings)} findings."
    assert page.locator("#wrong").inner_text() == ""
    for sentence in sentences:
        assert page.locator(f"#s{sentence['index']}").text_content() == sentence["text"]
    assert page.locator("article script, article b").count() == 0
    assert page.locator("article mark.s").count() == len(found)
    assert f"{len(findings)} findings" in page.locator("article .facts").inner_text()
    assert len(written) > 500 and summary(page) == written
    fits(page, width)
    category = findings[0]["category"]
    page.select_option("#category", category)
    of_category = [f for f in findings if f["category"] == category]
    assert page.locator(".note li:visible").count() == len(of_category)
    assert page.locator("#status").inner_text() == f"{len(of_category)} of {len(findings)} findings"
    page.select_option("#category", "")
    # Another document takes its place.
    page.fill("#document-text", "We sell your data to everyone.")
    page.keyboard.press("Control+Enter")
    told(page, "Done: 1 sentence")
    assert page.locator("article.document").count() == 1 and page.locator("#s0").is_visible()


def reads_a_file(page, path):
    page.set_input_files("#document-file", path)
    assert not page.locator("#document-text").is_visible()
    page.click("#run")
    told(page, "Done")
    assert page.locator("article h2").inner_text() == Path(path).name
    page.click(".source[data-source=document] .remove")
    assert page.locator("#document-text").is_visible()
    assert page.evaluate("document.activeElement.id") == "document-text"
    # Dropped instead.
    page.evaluate("""() => {
        const carried = new DataTransfer();
        carried.items.add(new File(["We never sell your data."], "dropped.txt"));
        const at = document.getElementById("document-text");
        at.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
    }""")
    page.click("#run")
    until(page, "document.querySelector('article h2')?.textContent === 'dropped.txt'")
    told(page, "Done: 1 sentence")


def compares(page, width, record):
    page.get_by_label("Compare two editions").check()
    assert not page.locator("#document-text").is_visible()
    page.click("#run")
    assert wrong(page) == "Give both editions first."
    page.fill("#old-text", POLICY)
    page.fill("#new-text", LATER)
    page.click("#run")
    told(page, "Done")
    fits(page, width)
    changes = [change for category in record["categories"] for change in category["changes"]]
    assert len(changes) > 0 and page.locator(".change").count() == len(changes)
    assert page.locator("#told").inner_text().startswith(f"Done: {len(changes)} change")
    assert page.locator(".verdict").inner_text() == record["verdict"]
    shown = page.locator("[data-category] h3").all_inner_texts()
    assert [text.split("\n")[0].startswith(c["title"]) for text, c in zip(shown, record["categories"])]
    for change in changes:
        article = page.locator(f"[id='{change['fingerprint']}']")
        for edition, name in ("old", "del"), ("new", "ins"):
            quote = change[edition]
            if quote is None:
                continue
            text = quote["text"].encode()
            marked = [text[m["start"]:m["end"]].decode() for m in quote["marks"]]
            assert article.locator(f".{edition} {name}").all_text_contents() == marked
            assert quote["text"] in article.locator(f".{edition} p").text_content()
    assert not page.locator("#tools").is_visible()


def refuses(page, width):
    page.fill("#document-text", "We sell your data. " * 300)
    page.click("#run")
    text = wrong(page)
    assert text == "This is too large for the server: the body has more than 4096 bytes (--max-document).", text
    assert page.locator("#run").is_enabled() and not page.locator("#cancel").is_visible()
    fits(page, width)
    page.fill("#document-text", FRENCH)
    page.click("#run")
    told(page, "Done")
    assert page.locator("#wrong").inner_text() == ""
    assert page.locator("article .notice").is_visible() and page.locator("#s0").count() == 0
    page.get_by_label("Read other languages").check()
    page.click("#run")
    page.wait_for_selector("#s0")
    told(page, "Done")


def asks_for_a_key(page):
    page.fill("#document-text", "We sell your data.")
    page.click("#run")
    assert "asks for a key" in wrong(page)
    assert page.evaluate("document.activeElement.id") == "key"
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    told(page, "Done: 1 sentence")


def is_cancelled(page):
    """A request that never ends is given up, and the page goes on."""
    held = []
    page.route("**/v1/documents*", lambda route: held.append(route))
    page.fill("#document-text", "We sell your data.")
    page.click("#run")
    assert page.locator("#cancel").is_visible() and page.locator("#run").is_disabled()
    for _ in range(500):
        if held:
            break
        page.wait_for_timeout(20)
    page.click("#cancel")
    told(page, "Cancelled.")
    assert page.locator("#run").is_enabled() and page.locator("#wrong").inner_text() == ""
    held[0].abort()
    page.unroute("**/v1/documents*")
    page.click("#run")
    told(page, "Done: 1 sentence")


def shoot(browser, server, folder, document, old, new):
    for width in WIDTHS:
        for scheme in "light", "dark":
            base = Path(folder) / f"page-{width}-{scheme}"
            with Page(browser, server, width, scheme) as page:
                page.screenshot(path=f"{base}-start.png")
                page.set_input_files("#document-file", document)
                page.click("#run")
                page.wait_for_selector("mark.s", timeout=120_000)
                page.screenshot(path=f"{base}-streaming.png")
                until(page, "document.getElementById('told').textContent.startsWith('Done')", seconds=300)
                page.screenshot(path=f"{base}-read.png")
                page.keyboard.press("n")
                page.keyboard.press("n")
                page.screenshot(path=f"{base}-text.png")
                page.evaluate("scrollTo(0, 0)")
                page.get_by_label("Compare two editions").check()
                page.set_input_files("#old-file", old)
                page.set_input_files("#new-file", new)
                page.screenshot(path=f"{base}-two.png")
                page.click("#run")
                page.wait_for_selector(".change", timeout=300_000)
                page.screenshot(path=f"{base}-compared.png")
                fits(page, width)


def said_by_command_line(made):
    """What the command line says of the texts as the page sends them: pasted, of no format."""
    for name, text in {"pasted": POLICY, "old text": POLICY, "new text": LATER}.items():
        (made.folder / name).write_text(text)
    lines = made.run("classify", "pasted", "--format", "jsonl", "--all-sentences")
    records = [json.loads(line) for line in lines.splitlines()]
    return records, json.loads(made.run("diff", "old text", "new text", "--format", "json"))


def main():
    program, chromium, *rest = sys.argv[1:]
    program = Path(program).resolve()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = Program(program, folder)
        records, comparison = said_by_command_line(made)
        (made.folder / "keys").write_text(f"{KEY}\n")
        # A warning that others can read it would stand in the log.
        (made.folder / "keys").chmod(0o600)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        made.run("classify", "pasted", "--format", "html", "-o", "pasted.html")
        report = browser.new_page()
        report.goto((made.folder / "pasted.html").as_uri())
        written = summary(report)
        with Server(program) as server:
            for width in WIDTHS:
                with Page(browser, server, width) as page:
                    reads_a_document(page, width, records, written)
                    reads_a_file(page, made.folder / "policy.md")
                    compares(page, width, comparison)
                print(f"ok: the page reads and compares at {width} pixels, console empty")
            with Page(browser, server, 1280) as page:
                is_cancelled(page)
        with Server(program, "--max-document", 4096) as server:
            for width in WIDTHS:
                with Page(browser, server, width, refused=[413]) as page:
                    refuses(page, width)
        with Server(program, "--keys", made.folder / "keys") as server:
            with Page(browser, server, 1280, refused=[401]) as page:
                asks_for_a_key(page)
        print("ok: the page says what went wrong, cancels, and asks for a key")
        if rest:
            Path(rest[0]).mkdir(parents=True, exist_ok=True)
            texts = rest[1:] or [made.folder / name for name in ("policy.md", "old text", "new text")]
            with Server(program, model=None if rest[1:] else MODEL) as server:
                shoot(browser, server, rest[0], *texts)
        browser.close()


if __name__ == "__main__":
    main()
