"""Share of sentences that come out right of PDF and DOCX files by real producers.

Writes one invented policy as HTML, troff, LaTeX and Markdown, has the producers that are installed
(Chromium, LibreOffice, groff, pdfTeX, Ghostscript, pandoc) make PDFs in one and two columns and
DOCX files of it, classifies these and compares the sentences with those that were written.

    python3 tests/producers/measure.py target/release/fineprint

On Debian: apt-get install chromium libreoffice-writer-nogui groff ghostscript pandoc
texlive-latex-recommended lmodern. Exits with 1 when a file is below 95 %.
"""

import collections
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEAST = 0.95

# Sections of (title, [paragraph | list]): a paragraph is a list of sentences, a list is a tuple of
# its introduction and its items.
POLICY = [
    ("What we collect", [
        ["Larkpad collects the name, the e-mail address and the telephone number that you give us when you register.",
         "We also record how often you open a notebook, which templates you choose and how long you stay.",
         "If you link a calendar, we read the titles and times of its entries, but never their attachments."],
        ["Some information reaches us from other companies, such as payment providers and the operators of app stores.",
         "We combine it with what we already know about you, unless the law of your country forbids this."],
        ("We do not knowingly collect:", [
            "information about children under the age of thirteen;",
            "biometric identifiers, for example fingerprints or templates of faces;",
            "the content of messages that you exchange with other members of a workspace."]),
    ]),
    ("How we use information", [
        ["The information serves to provide, maintain and improve the service, and to protect it against abuse.",
         "With your permission we use excerpts of your notebooks to train the models behind our writing assistant.",
         "You can withdraw the permission at any time in the settings of your account, and we then stop within seven days."],
        ["We do not use the content of paid workspaces for training.",
         "Aggregated figures that identify nobody may be published in our yearly report on the state of note-taking.",
         "Advertisements inside the free edition are chosen by the subject of the page, not by your behaviour."],
        ("We process personal data on these grounds:", [
            "the performance of our contract with you;",
            "our legitimate interest in a secure and reliable service;",
            "your consent, where we have asked for it."]),
    ]),
    ("Sharing with others", [
        ["We never sell personal information to data brokers, and we do not rent out our mailing lists.",
         "Service providers who host our databases, send our letters or answer your questions see only what they need.",
         "Each of them is bound by a written agreement that obliges it to confidentiality."],
        ["We disclose information to authorities only where a valid order of a court compels us to do so.",
         "Before we comply, we inform the person concerned, unless the order prohibits that.",
         "In the event of a merger or an acquisition, the successor is bound by this policy until you accept another one."],
        ["Third-party plug-ins that you install can read the notebooks that you open while they are active.",
         "Their authors are responsible for what they do with them, and you should read their terms first."],
    ]),
    ("Storage and deletion", [
        ["Your data is stored in the European Economic Area and is encrypted both in transit and at rest.",
         "Backups are kept for ninety days and are then overwritten automatically.",
         "Access by our own employees is logged, and the logs are reviewed by an independent auditor twice a year."],
        ["When you close your account, we delete your notebooks within thirty days.",
         "Invoices and correspondence have to be retained for up to ten years because tax law requires it.",
         "Deleted material cannot be restored, so please export whatever you would like to keep."],
    ]),
    ("Your rights and choices", [
        ["You may ask us for a copy of the information that we hold about you, in a common machine-readable format.",
         "You may have incorrect information corrected and incomplete information completed.",
         "You may object to processing that rests on our legitimate interests, for reasons arising from your situation."],
        ["Requests are answered within one month, free of charge.",
         "If you are not satisfied with our answer, you can complain to the supervisory authority of your country.",
         "We will not discriminate against you because you have exercised a right under this policy."],
        ("You can reach the person responsible for privacy:", [
            "by letter to Larkpad Ltd., 12 Harbour Row, Galway;",
            "by telephone on any working day between nine and five;",
            "through the form on the help page."]),
    ]),
    ("Changes to this policy", [
        ["We will tell you about important changes at least thirty days before they take effect.",
         "Smaller corrections, for instance of spelling, are made without announcement and are listed in the changelog.",
         "Continued use of the service after the effective date means that you accept the revised policy.",
         "Earlier versions of this document remain available in our public archive."],
    ]),
]
TITLE = "Larkpad Privacy Policy"
# The whole is set twice over, with other words in front, to fill several pages.
PREFIXES = ["", "Moreover, "]


def sections():
    for prefix in PREFIXES:
        for title, blocks in POLICY:
            heading = title if not prefix else f"{title} by our subsidiaries"
            yield heading, [change(block, prefix) for block in blocks]


def change(block, prefix):
    def begin(sentence):
        return prefix + sentence[0].lower() + sentence[1:] if prefix else sentence
    if isinstance(block, tuple):
        return begin(block[0]), block[1]
    return [begin(sentence) for sentence in block]


def expected():
    found = [TITLE]
    for title, blocks in sections():
        found.append(title)
        for block in blocks:
            found += [block[0], *block[1]] if isinstance(block, tuple) else block
    return found


def as_html(columns):
    out = [f"<!doctype html><meta charset=utf-8><title>{TITLE}</title><style>body{{font:11pt serif;"
           f"text-align:justify;hyphens:auto;column-count:{columns};column-gap:2em}}h1{{column-span:all}}</style>"
           f"<html lang=en><h1>{TITLE}</h1>"]
    for title, blocks in sections():
        out.append(f"<h2>{html.escape(title)}</h2>")
        for block in blocks:
            if isinstance(block, tuple):
                items = "".join(f"<li>{html.escape(item)}</li>" for item in block[1])
                out.append(f"<p>{html.escape(block[0])}</p><ul>{items}</ul>")
            else:
                out.append(f"<p>{html.escape(' '.join(block))}</p>")
    return "\n".join(out)


def as_markdown():
    out = [f"# {TITLE}"]
    for title, blocks in sections():
        out.append(f"## {title}")
        for block in blocks:
            if isinstance(block, tuple):
                out += [block[0], "\n".join(f"- {item}" for item in block[1])]
            else:
                out.append(" ".join(block))
    return "\n\n".join(out) + "\n"


def as_troff(columns):
    out = [".nr PS 10", ".nr VS 12", ".ds CH Larkpad Terms", ".ds CF - % -", ".TL", TITLE]
    out.append(".2C" if columns == 2 else ".LP")
    for title, blocks in sections():
        out += [".SH", title]
        for block in blocks:
            if isinstance(block, tuple):
                out += [".LP", block[0]]
                for item in block[1]:
                    out += [".IP \\(bu 2", item]
            else:
                out += [".LP", *block]
    return "\n".join(out) + "\n"


def as_latex(columns):
    out = [r"\documentclass[10pt," + ("twocolumn" if columns == 2 else "onecolumn") + r"]{article}",
           r"\usepackage[utf8]{inputenc}", r"\begin{document}", r"\section*{\LARGE " + TITLE + "}"]
    for title, blocks in sections():
        out.append(r"\section*{" + title + "}")
        for block in blocks:
            if isinstance(block, tuple):
                items = "\n".join(r"\item " + item for item in block[1])
                out.append(block[0] + "\n\\begin{itemize}\n" + items + "\n\\end{itemize}\n")
            else:
                out.append(" ".join(block) + "\n")
    return "\n\n".join([*out, r"\end{document}"])


def run(command, folder, **more):
    return subprocess.run(command, cwd=folder, check=True, timeout=180, capture_output=True, **more)


def produce(folder):
    has = shutil.which
    for columns in (1, 2):
        (folder / f"source{columns}.html").write_text(as_html(columns))
        (folder / f"source{columns}.ms").write_text(as_troff(columns))
        (folder / f"source{columns}.tex").write_text(as_latex(columns))
    (folder / "source.md").write_text(as_markdown())
    jobs = []
    for columns in (1, 2):
        if has("chromium"):
            for kind, flags in (("", []), ("-plain", ["--no-pdf-header-footer"])):
                jobs.append((f"chromium{kind}-{columns}.pdf", [
                    "chromium", "--headless", "--no-sandbox", "--disable-gpu", *flags,
                    f"--print-to-pdf=chromium{kind}-{columns}.pdf", f"source{columns}.html"]))
        if has("groff"):
            jobs.append((f"groff-{columns}.pdf", ["sh", "-c", f"groff -k -ms -Tpdf source{columns}.ms > groff-{columns}.pdf"]))
            if has("ps2pdf"):
                jobs.append((f"ghostscript-{columns}.pdf", ["sh", "-c",
                    f"groff -k -ms -Tps source{columns}.ms | ps2pdf - ghostscript-{columns}.pdf"]))
        if has("pdflatex"):
            jobs.append((f"tex-{columns}.pdf", ["pdflatex", "-interaction=batchmode", f"-jobname=tex-{columns}", f"source{columns}.tex"]))
            jobs.append((f"tex-t1-{columns}.pdf", ["sh", "-c",
                rf"sed 's/\\usepackage\[utf8\]/\\usepackage[T1]{{fontenc}}\\usepackage{{lmodern}}\\usepackage[utf8]/' source{columns}.tex > t1.tex && "
                f"pdflatex -interaction=batchmode -jobname=tex-t1-{columns} t1.tex"]))
    if has("pandoc"):
        jobs.append(("pandoc.docx", ["pandoc", "source.md", "-o", "pandoc.docx"]))
    if has("soffice"):
        office = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to"]
        writer = ["--infilter=HTML (StarWriter)"]
        jobs.append(("office.docx", ["sh", "-c", "cp source1.html office.html && " + " ".join(
            [*office, "'docx:MS Word 2007 XML'", "'--infilter=HTML (StarWriter)'", "office.html"])]))
        jobs.append(("office.pdf", [*office, "pdf:writer_pdf_Export", *writer, "office.html"]))
        if has("pandoc"):
            jobs.append(("office-two.docx", [sys.executable, str(pathlib.Path(__file__).resolve()), "--in-two-columns"]))
            jobs.append(("office-two.pdf", [*office, "pdf:writer_pdf_Export", "office-two.docx"]))
            jobs.append(("office-pandoc.pdf", ["sh", "-c", "cp pandoc.docx office-pandoc.docx && " + " ".join(
                [*office, "pdf:writer_pdf_Export", "office-pandoc.docx"])]))
    for name, command in jobs:
        try:
            run(command, folder)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{name}: not made: {str(error)[:200]}", file=sys.stderr)
        if (folder / name).exists():
            yield name


def in_two_columns():
    """Sets pandoc's file in two columns."""
    section = ('<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" '
               'w:left="1134"/><w:cols w:num="2" w:space="500"/></w:sectPr>').encode()
    with zipfile.ZipFile("pandoc.docx") as old, zipfile.ZipFile("office-two.docx", "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "word/document.xml":
                part = re.sub(rb"<w:sectPr\s*/>|<w:sectPr.*?</w:sectPr>", section, part, flags=re.S)
            new.writestr(name, part)


def plain(text):
    """Without item marks and typographic variants, which producers choose."""
    text = text.replace("’", "'").replace("\u00ad", "")
    return re.sub(r"^[•·–\-*◦▪] ?", "", text).strip()


def measure(program, path):
    command = [program, "classify", str(path), "--format", "jsonl", "--all-sentences", "--any-language"]
    environment = dict(os.environ, FINEPRINT_MODEL=str(ROOT / "tests/data/fixture-model"))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = [plain(r["text"]) for r in records if r["record"] == "sentence"]
    wanted = [plain(text) for text in expected()]
    missed = collections.Counter(wanted) - collections.Counter(found)
    extra = collections.Counter(found) - collections.Counter(wanted)
    return len(wanted), list(missed.elements()), list(extra.elements()), done.stderr


def main():
    if sys.argv[1:] == ["--in-two-columns"]:
        in_two_columns()
        return
    program = str(pathlib.Path(sys.argv[1]).resolve())
    keep = len(sys.argv) > 2
    folder = pathlib.Path(sys.argv[2] if keep else tempfile.mkdtemp(prefix="producers"))
    folder.mkdir(exist_ok=True)
    worst = 1.0
    names = list(produce(folder)) if not (keep and os.environ.get("REUSE")) else sorted(
        p.name for p in folder.iterdir() if p.suffix in (".pdf", ".docx"))
    for name in names:
        total, missed, extra, errors = measure(program, folder / name)
        share = 1 - len(missed) / total
        worst = min(worst, share)
        print(f"{name:24} {total - len(missed):4} of {total} right ({share:.1%}), {len(extra)} others {errors.strip()}")
        if os.environ.get("SHOW"):
            for text in missed[:12]:
                print("   -", text)
            for text in extra[:12]:
                print("   +", text)
    if not keep:
        shutil.rmtree(folder)
    sys.exit(worst < LEAST)


if __name__ == "__main__":
    main()
