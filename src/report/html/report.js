// What a page can do beyond being read: filter, jump, copy, sort, and take records as they come. What is
// filtered are the notes of a report, or the changes of a comparison or history.
// Text only ever becomes text nodes and attributes, never markup.
"use strict";
const fineprint = (() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const byId = (id) => document.getElementById(id);
  const documents = byId("documents");
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  let current = null;

  // Theme: that of the system until the button is used.
  const theme = byId("theme");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  if (theme) {
    nameTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
    theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  }

  // Filters.
  const fields = {
    category: byId("category"), kind: byId("kind"), stance: byId("stance"), least: byId("least"), only: byId("only"),
  };
  const noun = document.querySelector("#documents .change") ? "change" : "finding";
  const say = (text) => { if (byId("status")) byId("status").textContent = text; };
  const wanted = () => ({
    category: fields.category ? fields.category.value : "",
    kind: fields.kind ? fields.kind.value : "",
    stance: fields.stance ? fields.stance.value : "",
    least: fields.least ? Number(fields.least.value) : 0,
  });
  const fits = (item, want) =>
    (!want.category || item.dataset.category === want.category) &&
    (!want.kind || item.dataset.kind === want.kind) &&
    (!want.stance || item.dataset.stance === want.stance) &&
    Number(item.dataset.probability || 0) >= want.least;

  // Shows the findings of one note that are wanted; returns how many of how many.
  const filterNote = (note, want) => {
    const items = note.querySelectorAll("li");
    let shown = 0;
    for (const item of items) {
      item.hidden = !fits(item, want);
      if (!item.hidden) shown += 1;
    }
    note.hidden = shown === 0;
    const mark = byId(note.dataset.for);
    if (mark) mark.classList.toggle("off", shown === 0);
    return [shown, items.length];
  };
  const filter = () => {
    const want = wanted();
    let shown = 0, all = 0;
    for (const note of documents.querySelectorAll(".note")) {
      const [some, total] = filterNote(note, want);
      shown += some;
      all += total;
    }
    for (const change of documents.querySelectorAll(".change")) {
      change.hidden = !fits(change, want);
      all += 1;
      if (!change.hidden) shown += 1;
    }
    // A category or a version without a change that is wanted, from the inside out.
    for (const part of [...documents.querySelectorAll(".changed"), ...documents.querySelectorAll(".event")]) {
      part.hidden = part.querySelector(".change:not([hidden])") === null;
    }
    for (const block of documents.querySelectorAll(".block")) {
      block.classList.toggle("kept", block.querySelector(".note:not([hidden])") !== null);
    }
    if (fields.least) byId("least-shown").textContent = want.least.toFixed(2);
    documents.classList.toggle("findings-only", Boolean(fields.only && fields.only.checked));
    current = null;
    say(shown === all ? count(all, noun) : `${shown} of ${count(all, noun)}`);
  };

  // Jumps between sentences with findings, or changes, that are shown.
  const stops = () => [...documents.querySelectorAll("mark.s:not(.off), .change:not([hidden])")];
  const show = (mark) => {
    mark.scrollIntoView({ block: mark.matches(".change") ? "start" : "center" });
    mark.focus({ preventScroll: true });
    try { history.replaceState(null, "", `#${mark.id}`); } catch { /* Some readers of files forbid it. */ }
  };
  const jump = (step) => {
    const all = stops();
    if (all.length === 0) return say(`No ${noun} is shown`);
    const here = current && all.includes(current) ? current : all.find((mark) => mark === document.activeElement);
    let next;
    if (here) {
      next = all[(all.indexOf(here) + step + all.length) % all.length];
    } else {
      const below = all.filter((mark) => mark.getBoundingClientRect().top > 0);
      next = step > 0 ? below[0] || all[0] : all[all.length - below.length - 1] || all[all.length - 1];
    }
    current = next;
    show(next);
    const place = `${all.indexOf(next) + 1} of ${all.length}`;
    say(noun === "change" ? `Change ${place}` : `Sentence ${place} with findings`);
  };

  // Copies a sentence with what introduces it, its document, section and line.
  const citation = (mark) => {
    const place = [mark.closest(".document").dataset.document];
    const section = mark.closest(".block").dataset.section;
    if (section) place.push(section);
    place.push(`line ${mark.dataset.line}`);
    const leadIn = mark.dataset.leadIn ? `${mark.dataset.leadIn} […] ` : "";
    return `“${leadIn}${mark.textContent}” (${place.join(", ")})`;
  };
  // Copies both sides of a change, each with its place.
  const citations = (change) =>
    [...change.querySelectorAll("blockquote:not(.absent)")]
      .map((quote) => `${quote.querySelector("footer").textContent}: “${quote.querySelector("p").textContent}”`)
      .join("\n");
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };

  // Sorting of the overview.
  const value = (row, column) => {
    const cell = row.children[column];
    return column === 0 ? cell.dataset.value : Number(cell.dataset.value);
  };
  const sort = (heading) => {
    const column = heading.cellIndex;
    const isAscending = heading.getAttribute("aria-sort") === (column === 0 ? "none" : "descending") ||
      (column === 0 && heading.getAttribute("aria-sort") === "descending");
    for (const other of heading.parentElement.children) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
    const body = heading.closest("table").tBodies[0];
    const sign = isAscending ? 1 : -1;
    const compare = (a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      const order = column === 0 ? x.localeCompare(y) : x - y;
      return sign * order || a.dataset.order - b.dataset.order;
    };
    body.append(...[...body.rows].sort(compare));
    say(`Sorted by ${heading.textContent.trim()}, ${isAscending ? "ascending" : "descending"}`);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.matches(".copy")) {
      const change = button.closest(".change");
      const text = change ? citations(change) : citation(byId(button.closest(".note").dataset.for));
      const copied = change ? "Quotes copied" : "Quote copied";
      copy(text).then((done) => say(done ? copied : "The browser does not allow copying"));
    } else if (button && button.matches(".sort")) {
      sort(button.closest("th"));
    } else if (button && button.id === "next") {
      jump(1);
    } else if (button && button.id === "previous") {
      jump(-1);
    }
    const link = event.target.closest("a.count");
    if (link && fields.category) {
      // A count leads to its first sentence with nothing else marked.
      fields.category.value = link.dataset.category;
      if (fields.stance) fields.stance.value = link.dataset.stance;
      if (fields.least) fields.least.value = 0;
      filter();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "n") jump(1);
    if (event.key === "p") jump(-1);
  });
  for (const field of Object.values(fields)) if (field) field.addEventListener("input", filter);

  // Records, as `report/html/article.rs` renders them.
  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [key, text] of Object.entries(attributes)) if (text !== null) made.setAttribute(key, text);
    made.append(...children);
    return made;
  };
  const titles = new Map([...document.querySelectorAll("#category option")].map((o) => [o.value, o.textContent]));
  const state = { number: 0, block: null, hasStance: true };
  const prefix = () => (state.number <= 1 ? "" : `d${state.number}-`);

  // The text cut where deciding words begin and end; their offsets are in bytes of UTF-8.
  const pieces = (sentence) => {
    const bytes = new TextEncoder().encode(sentence.text);
    const spans = sentence.findings.flatMap((f) => f.evidence || []).sort((a, b) => a.start - b.start || a.end - b.end);
    const cut = (start, end) => new TextDecoder().decode(bytes.slice(start, end));
    const nodes = [];
    let done = 0;
    for (const span of spans) {
      const start = Math.max(span.start, done);
      if (span.end <= start || span.end > bytes.length) continue;
      if (start > done) nodes.push(cut(done, start));
      nodes.push(element("strong", {}, cut(start, span.end)));
      done = span.end;
    }
    if (done < bytes.length) nodes.push(cut(done, bytes.length));
    return nodes;
  };
  const quoted = (sentence) => {
    const id = `${prefix()}s${sentence.index}`;
    if (sentence.findings.length === 0) {
      return [element("span", { class: "s", id, "data-line": sentence.line }, sentence.text)];
    }
    const stances = ["asserted", "denied"].filter((s) => sentence.findings.some((f) => f.stance === s));
    const mark = element("mark", {
      class: ["s", ...stances].join(" "), id, tabindex: "-1", "data-line": sentence.line,
      "data-lead-in": sentence.lead_in ?? null,
      "aria-describedby": `${prefix()}n${sentence.index}`,
    }, ...pieces(sentence));
    return [mark, element("a", { class: "ref", href: `#${id}`, "aria-label": `Sentence ${sentence.index}` }, String(sentence.index))];
  };
  const item = (finding) => {
    const made = element("li", {
      "data-category": finding.category, "data-stance": finding.stance, "data-probability": finding.probability,
    }, element("span", { class: "category" }, titles.get(finding.category) || finding.category), " ");
    if (state.hasStance) made.append(element("span", { class: `stance ${finding.stance}` }, finding.stance), " ");
    made.append(element("span", { class: "probability" }, finding.probability.toFixed(2)));
    return made;
  };
  const note = (sentence) => {
    const [id, n] = [`${prefix()}s${sentence.index}`, sentence.index];
    return element("div", { class: "note", id: `${prefix()}n${n}`, "data-for": id },
      element("a", { class: "ref", href: `#${id}`, "aria-label": `To sentence ${n}` }, String(n)),
      element("ul", {}, ...sentence.findings.map(item)),
      element("button", { class: "copy js", type: "button", "aria-label": `Copy quote of sentence ${n}` }, "Copy quote"));
  };
  const facts = (record) => ({
    classified: [record.format || "", record.language || "language unclear",
      count(record.sentence_count, "sentence"), count(record.finding_count, "finding")].join(" · "),
    "other-language": "Not classified",
    failed: "Not read",
  }[record.status]);
  const addDocument = (record) => {
    state.number += 1;
    state.block = null;
    const id = `d${state.number}`;
    const header = element("header", {}, element("h2", { id: `${id}-name` }, record.document),
      element("p", { class: "facts" }, facts(record)));
    if (record.notice) header.append(element("p", { class: "notice" }, record.notice));
    const made = element("article", {
      class: "document", id, "data-document": record.document, "aria-labelledby": `${id}-name`,
    }, header);
    if (record.status === "classified") {
      made.append(element("section", { class: "text", "aria-labelledby": `${id}-text` },
        element("h3", { id: `${id}-text` }, "The text"), element("div", { class: "blocks" })));
    }
    documents.append(made);
  };
  const addSentence = (sentence) => {
    const isNew = !state.block || sentence.block === undefined || state.block.number !== sentence.block;
    if (isNew) {
      const level = Math.min(4 + sentence.section.length, 6);
      const inside = element(sentence.kind === "heading" ? `h${level}` : "p", {});
      const made = element("div", { class: "block", "data-kind": sentence.kind, "data-section": sentence.section.join(" › ") }, inside);
      documents.lastElementChild.querySelector(".blocks").append(made);
      state.block = { number: sentence.block, made, inside, notes: null };
    }
    const { made, inside } = state.block;
    inside.append(...quoted(sentence), " ");
    if (sentence.findings.length === 0) return;
    if (!state.block.notes) {
      state.block.notes = element("div", { class: "notes" });
      made.append(state.block.notes);
    }
    const added = note(sentence);
    state.block.notes.append(added);
    const [shown] = filterNote(added, wanted());
    if (shown > 0) made.classList.add("kept");
  };

  // Appends a record (`fineprint/1`) to the page: the run, then each document and its sentences.
  const addRecord = (record) => {
    if (record.record === "run") state.hasStance = record.has_stance;
    if (record.record === "document") addDocument(record);
    if (record.record === "sentence") addSentence(record);
  };
  // Says of the last document what is known only behind its sentences.
  const complete = (record) => {
    documents.lastElementChild.querySelector(".facts").textContent = facts(record);
    filter();
  };
  // Takes all documents away.
  const clear = () => {
    documents.replaceChildren();
    state.number = 0;
    filter();
  };
  if (documents && fields.category) filter();
  return { addRecord, clear, complete, count, element, filter, jump };
})();
