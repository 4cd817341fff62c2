"""The HTML report, comparison and history in headless Chromium, clicked through at 360 and 1280 pixels.

Usage: browser.py PROGRAM CHROMIUM [SCREENSHOTS [REPORT.html...]]

With a folder, screenshots are written to it, and also those of other reports that are named.
"""

import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from documents import LATER, POLICY, Program

WIDTHS = {360: 740, 1280: 900}


class Page:
    """A page whose console must stay empty and which must ask for nothing."""

    def __init__(self, browser, path, width, scheme="light", scripts=True):
        self.context = browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"] if scripts else [], reduced_motion="reduce",
        )
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(Path(path).as_uri())

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.said == [], self.said
            others = [url for url in self.asked if not url.startswith("file://")]
            assert others == [] and len(self.asked) >= 1, others
        self.context.close()


def fits(page, width):
    """Nothing but the table with its own scroll bar is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"the page is {wide} pixels wide at {width}"


def one_document(page, width, records):
    sentences = [r for r in records if r["record"] == "sentence"]
    found = [s for s in sentences if s["findings"]]
    findings = [f for s in found for f in s["findings"]]
    fits(page, width)
    assert page.title() == "What policy.md says"
    assert page.locator("h1").inner_text() == "What policy.md says"
    for text in ("Summary", "The text", "What is not said", "not legal advice"):
        assert page.get_by_text(text).first.is_visible(), text
    # Every sentence is there, as text.
    for sentence in sentences:
        assert page.locator(f"#s{sentence['index']}").text_content() == sentence["text"]
    assert page.locator("article script, article b").count() == 0
    assert page.locator("article mark.s").count() == len(found)
    assert page.locator("#status").inner_text() == f"{len(findings)} findings"
    # Landmarks and labels.
    for landmark in ("header", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1
    unnamed = page.evaluate(
        """[...document.querySelectorAll("select, input")].filter((e) => !e.labels.length && !e.ariaLabel).length"""
    )
    assert unnamed == 0

    # Focus order: skip link, theme, then the tools, in the order in which they are seen.
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert order[:2] == ["skip", "theme"], order
    assert order[2:9] == ["category", "stance", "least", "only", "previous", "next", order[8]], order

    # A filter's effect: on the notes, the marks and the spoken count.
    category = findings[0]["category"]
    page.select_option("#category", category)
    of_category = [f for f in findings if f["category"] == category]
    assert page.locator(".note li:visible").count() == len(of_category)
    assert page.locator("#status").inner_text() == f"{len(of_category)} of {len(findings)} findings"
    shown = [s for s in found if any(f["category"] == category for f in s["findings"])]
    assert page.locator("article mark.s:not(.off)").count() == len(shown)
    assert page.locator(f"#s{sentences[0]['index']}").is_visible()
    page.check("#only")
    assert page.locator(".block:visible").count() <= len(shown)
    assert page.locator(".block.kept:visible").count() == page.locator(".block:visible").count()
    page.uncheck("#only")
    page.select_option("#category", "")
    page.select_option("#stance", "denied")
    assert page.locator(".note li:visible").count() == sum(f["stance"] == "denied" for f in findings)
    page.select_option("#stance", "")
    middle = sorted(f["probability"] for f in findings)[len(findings) // 2]
    least = round(int(middle / 0.05) * 0.05, 2)
    page.locator("#least").fill(str(least))
    assert page.locator(".note li:visible").count() == sum(f["probability"] >= least for f in findings)
    assert page.locator("#least-shown").inner_text() == f"{least:.2f}"
    page.locator("#least").fill("0")

    # Jumps: by key and by button, around the end, and back.
    page.locator("h1").click()
    page.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
    page.keyboard.press("n")
    first = page.evaluate("document.activeElement.id")
    assert first == f"s{found[0]['index']}" and page.url.endswith(f"#{first}"), first
    assert page.locator("#status").inner_text() == f"Sentence 1 of {len(found)} with findings"
    page.click("#next")
    assert page.evaluate("document.activeElement.id") == f"s{found[1]['index']}"
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.id") == f"s{found[-1]['index']}"
    assert page.locator(f"#s{found[-1]['index']}").is_visible()

    # Copying a quote with its place.
    sentence = next(s for s in found if s.get("lead_in"))
    page.locator(f"#n{sentence['index']} .copy").click()
    lead_in = f"{sentence['lead_in']} […] " if sentence.get("lead_in") else ""
    place = ", ".join(filter(None, ["policy.md", " › ".join(sentence["section"]), f"line {sentence['line']}"]))
    expect(page.locator("#status")).to_have_text("Quote copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"“{lead_in}{sentence['text']}” ({place})"

    # A count filters and leads to the first.
    count = page.locator(".summary a.count").first
    category, stance = count.get_attribute("data-category"), count.get_attribute("data-stance")
    count.click()
    matching = [f for f in findings if (f["category"], f["stance"]) == (category, stance)]
    assert page.locator(".note li:visible").count() == len(matching)

    # The theme turns, and back.
    paper = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    before = paper()
    page.click("#theme")
    assert paper() != before
    page.click("#theme")
    assert paper() == before


def records_build_the_same_page(page, records):
    """What `fineprint.addRecord` makes is what the program wrote, but for the summary."""
    page.evaluate("document.querySelectorAll('article .summary').forEach((e) => e.remove())")
    page.evaluate("document.querySelectorAll('.kept').forEach((e) => e.classList.remove('kept'))")
    written = page.locator("#documents").inner_html()
    page.evaluate("""(records) => {
        document.getElementById("documents").replaceChildren();
        records.forEach(fineprint.addRecord);
        document.querySelectorAll(".kept").forEach((e) => e.classList.remove("kept"));
    }""", records)
    made = page.locator("#documents").inner_html()
    clean = lambda markup: markup.replace(' class="block "', ' class="block"').replace(' class="block"', "")
    assert clean(made) == clean(written), first_difference(clean(written), clean(made))


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return a[max(0, at - 200):at + 200] + "\n!=\n" + b[max(0, at - 200):at + 200]


def corpus(page, width):
    fits(page, width)
    assert page.locator("h1").inner_text() == "What 4 documents say"
    assert page.locator("#overview").is_visible()
    names = lambda: page.locator(".matrix tbody th a").all_inner_texts()
    order = names()
    assert order == ["policy.md", "terms of mail.md", "french.md", "gone.md"], order
    page.locator(".sort").first.click()
    assert names() == sorted(order), names()
    assert page.locator(".matrix thead th").first.get_attribute("aria-sort") == "ascending"
    assert "Sorted by Document" in page.locator("#status").inner_text()
    page.locator(".sort").nth(1).click()
    totals = [int(t or 0) for t in page.locator(".matrix tbody tr > td:nth-child(2)").all_inner_texts()]
    assert totals == sorted(totals, reverse=True) and totals[0] > 0, totals
    # A count leads into its document, which is the second here for its link to have a prefix.
    link = page.locator('.matrix a.count[href^="#d2-"]').first
    target = link.get_attribute("href")[1:]
    link.scroll_into_view_if_needed()
    link.click()
    assert page.locator(f"[id='{target}']").is_visible()
    assert page.evaluate("document.getElementById(location.hash.slice(1)).closest('article').id") == "d2"
    duplicates = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('[id]')].map((e) => e.id); return all.length - new Set(all).size; })()"
    )
    assert duplicates == 0
    assert page.get_by_text("Not read", exact=True).is_visible()


def changed(page, width, categories):
    """The changes of a comparison, or of a history's versions: filtered, jumped to, copied."""
    changes = [(c["category"], change) for c in categories for change in c["changes"]]
    found = lambda change: (change["new"] if change["new"] and change["new"]["stance"] else change["old"])
    articles = page.locator(".change")
    fits(page, width)
    assert len(changes) > 3 and articles.count() == len(changes)
    assert page.locator("#status").inner_text() == f"{len(changes)} changes"
    assert page.locator(".changed").count() == len(categories)
    for article, (_, change) in zip(articles.all(), changes):
        for edition, name in ("old", "del"), ("new", "ins"):
            quote = change[edition]
            if quote is None:
                assert article.locator(f".{edition}.absent").count() == 1
                continue
            text = quote["text"].encode()
            marked = [text[m["start"]:m["end"]].decode() for m in quote["marks"]]
            assert article.locator(f".{edition} {name}").all_text_contents() == marked
            assert quote["text"] in article.locator(f".{edition} p").text_content()
            assert f"line {quote['line']}" in article.locator(f".{edition} footer").text_content()
    doubled = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('[id]')].map((e) => e.id); return all.length - new Set(all).size; })()"
    )
    assert doubled == 0

    # Focus order: skip link, theme, links in what stands above, then the tools.
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert order[:2] == ["skip", "theme"], order
    tools = ["category", "kind", "stance", "least", "previous", "next"]
    assert [one for one in order if one in tools] == [one for one in tools if page.locator(f"#{one}").count()], order

    # Filters: what is not wanted goes, with the categories and versions that nothing is left of.
    visible = lambda: page.locator(".change:visible").count()
    category = changes[0][0]
    page.select_option("#category", category)
    of_category = [change for name, change in changes if name == category]
    assert visible() == len(of_category)
    assert page.locator(".changed:visible").count() == sum(c["category"] == category for c in categories)
    noun = f"{len(of_category)} of {len(changes)} changes"
    assert page.locator("#status").inner_text() == noun, page.locator("#status").inner_text()
    page.select_option("#category", "")
    kind = changes[-1][1]["kind"]
    page.select_option("#kind", kind)
    assert visible() == sum(change["kind"] == kind for _, change in changes)
    page.select_option("#kind", "")
    if page.locator("#stance").count():
        page.select_option("#stance", "denied")
        assert visible() == sum(found(change)["stance"] == "denied" for _, change in changes)
        page.select_option("#stance", "")
    page.locator("#least").fill("1")
    assert visible() == sum(found(change)["probability"] >= 1 for _, change in changes)
    page.locator("#least").fill("0")
    assert visible() == len(changes)

    # Jumps, and the permalink that they leave.
    page.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
    page.keyboard.press("n")
    first = page.evaluate("document.activeElement.id")
    assert first == articles.first.get_attribute("id") and page.url.endswith(f"#{first}"), first
    assert page.locator("#status").inner_text() == f"Change 1 of {len(changes)}"
    page.keyboard.press("p")
    last = page.evaluate("document.activeElement.id")
    assert last == articles.last.get_attribute("id") and page.locator(f"[id='{last}']").is_visible()

    # Quotes with their places, of both sides where there are two.
    at = next((i for i, (_, change) in enumerate(changes) if change["old"] and change["new"]), 0)
    articles.nth(at).locator(".copy").click()
    expect(page.locator("#status")).to_have_text("Quotes copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    for edition in "old", "new":
        if quote := changes[at][1][edition]:
            assert f"{edition.title()}, line {quote['line']}" in copied and f"{quote['text']}”" in copied, copied
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.click("#theme")


def comparison(page, width, record):
    assert page.locator("h1").inner_text() == "What changed"
    assert page.title() == "What changed: policy.md → later.md"
    assert page.locator(".verdict").inner_text() == record["verdict"]
    rows = page.locator(".turns tbody tr")
    assert rows.count() == len(record["categories"])
    changed(page, width, record["categories"])
    rows.last.locator("a").click()
    assert page.locator(f"#c-{record['categories'][-1]['category']}").is_visible()


def timeline(page, width, record):
    document = record["documents"][0]
    events = document["events"]
    assert page.locator("h1").inner_text() == "What changed in policy.md"
    assert len(events) > 1 and page.locator(".event").count() == len(events)
    assert page.locator(".event time").all_inner_texts() == [event["date"] for event in events]
    assert page.locator(".event .verdict").all_inner_texts() == [event["verdict"] for event in events]
    changed(page, width, [c for event in events for c in event["categories"]])
    # A line of the picture leads to its version.
    picture = page.locator(".timeline svg a")
    assert picture.count() == len(events)
    picture.last.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("decodeURIComponent(location.hash.slice(1))") == page.locator(".event").last.get_attribute("id")


def without_scripts(page, records):
    for sentence in (r for r in records if r["record"] == "sentence"):
        assert page.locator(f"#s{sentence['index']}").is_visible()
    assert page.locator(".note").first.is_visible()
    assert not page.locator("#tools").is_visible() and not page.locator("#theme").is_visible()
    assert page.locator(".copy:visible").count() == 0


def shoot(browser, folder, path, name):
    for width in WIDTHS:
        for scheme in "light", "dark":
            with Page(browser, path, width, scheme) as page:
                base = Path(folder) / f"{name}-{width}-{scheme}"
                page.screenshot(path=f"{base}-top.png")
                page.keyboard.press("n")
                page.keyboard.press("n")
                page.screenshot(path=f"{base}-text.png")
    with Page(browser, path, 1280) as page:
        page.pdf(path=Path(folder) / f"{name}-print.pdf", prefer_css_page_size=True)


def main():
    program, chromium, *rest = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = Program(program, folder)
        path = lambda name: made.folder / name
        files = ["policy.md", "terms of mail.md", "french.md", "gone.md"]
        made.run("classify", "policy.md", "--format", "html", "--explain", "-o", "one.html")
        made.run("classify", *files, "--format", "html", "-o", "all.html")
        lines = made.run("classify", "policy.md", "--format", "jsonl", "--all-sentences", "--explain")
        records = [json.loads(line) for line in lines.splitlines()]
        path("later.md").write_text(LATER)
        made.repository("versions", [POLICY, LATER, POLICY.replace("We never sell", "We now sell")])
        for verb, arguments in ("diff", ["policy.md", "later.md"]), ("history", ["versions"]):
            made.run(verb, *arguments, "--format", "html", "-o", f"{verb}.html")
        compared = json.loads(made.run("diff", "policy.md", "later.md", "--format", "json"))
        told = json.loads(made.run("history", "versions", "--format", "json"))
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in WIDTHS:
            with Page(browser, path("one.html"), width) as page:
                one_document(page, width, records)
            with Page(browser, path("all.html"), width) as page:
                corpus(page, width)
            with Page(browser, path("diff.html"), width) as page:
                comparison(page, width, compared)
            with Page(browser, path("history.html"), width) as page:
                timeline(page, width, told)
            print(f"ok: HTML at {width} pixels, console empty")
        with Page(browser, path("one.html"), 1280) as page:
            records_build_the_same_page(page, records)
        with Page(browser, path("one.html"), 1280, scripts=False) as page:
            without_scripts(page, records)
        for name in "diff", "history":
            with Page(browser, path(f"{name}.html"), 1280, scripts=False) as page:
                assert page.locator(".change:visible").count() == page.locator(".change").count() > 0
                assert not page.locator("#tools").is_visible() and page.locator(".copy:visible").count() == 0
        print("ok: HTML from records in the page, and without scripts")
        if rest:
            Path(rest[0]).mkdir(parents=True, exist_ok=True)
            for report in rest[1:] or map(path, ["one.html", "all.html", "diff.html", "history.html"]):
                shoot(browser, rest[0], Path(report).resolve(), Path(report).stem)
        browser.close()


main()
