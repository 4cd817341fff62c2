// The summary of a document on a live page, as `report/html/summary.rs` renders it, from the
// sentences' records; a browser test compares the two.
"use strict";
fineprint.summary = (() => {
  const { element } = fineprint;
  const QUOTE_CHARS = 240;
  const ROLES = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", td: "cell" };
  // A part of a table; roles are said because the style lays tables out as blocks on narrow screens.
  const part = (tag, attributes, ...children) => {
    const role = ROLES[tag] || (attributes.scope === "col" ? "columnheader" : "rowheader");
    return element(tag, { ...attributes, role }, ...children);
  };
  const hasStance = document.getElementById("stance") !== null;
  const stances = hasStance ? ["asserted", "denied"] : ["asserted"];
  const groups = [...document.querySelectorAll("#category optgroup")].map((group) => ({
    title: group.label === "Other" ? "" : group.label,
    categories: [...group.children].map((option) => ({ id: option.value, title: option.textContent })),
  }));

  // The findings by category and stance: how many, the first, and the most probable one.
  const tally = (sentences) => {
    const cells = new Map();
    for (const sentence of sentences) {
      for (const finding of sentence.findings) {
        const key = `${finding.category} ${finding.stance}`;
        const cell = cells.get(key) || { count: 0, first: sentence.index, best: sentence, probability: finding.probability };
        if (finding.probability > cell.probability) Object.assign(cell, { best: sentence, probability: finding.probability });
        cell.count += 1;
        cells.set(key, cell);
      }
    }
    return (category, stance) => cells.get(`${category} ${stance}`) || null;
  };
  const shortened = (text) => {
    const characters = [...text];
    if (characters.length <= QUOTE_CHARS) return text;
    const kept = characters.slice(0, QUOTE_CHARS).join("");
    const at = kept.lastIndexOf(" ");
    return `${kept.slice(0, at > kept.length / 2 ? at : kept.length).trimEnd()}…`;
  };
  const quote = (sentence) => (sentence.lead_in ? `${sentence.lead_in} […] ` : "") + shortened(sentence.text);

  const count = (category, stance, cell) => {
    if (!cell) return element("span", { class: "none" }, "–");
    return element("a", {
      class: `count ${stance}`, href: `#s${cell.first}`, "data-category": category.id, "data-stance": stance,
      "aria-label": `${category.title}, ${hasStance ? stance : "found"}: ${cell.count}, to the first`,
    }, String(cell.count));
  };
  const row = (category, cellOf) => {
    const quotes = part("td", { class: "quote" });
    for (const stance of stances) {
      const cell = cellOf(category.id, stance);
      if (!cell) continue;
      const line = element("p", {});
      if (hasStance) line.append(element("span", { class: `stance ${stance}` }, stance), " ");
      const { index } = cell.best;
      line.append(element("q", {}, quote(cell.best)), " ",
        element("a", { class: "ref", href: `#s${index}`, "aria-label": `To sentence ${index}` }, String(index)));
      quotes.append(line);
    }
    return part("tr", { "data-category": category.id }, part("th", { scope: "row" }, category.title),
      ...stances.map((stance) => part("td", { class: "number" }, count(category, stance, cellOf(category.id, stance)))),
      quotes);
  };

  // The table of what is said, and the list of what is not, of the page's first document.
  return (sentences) => {
    const cellOf = tally(sentences);
    const isSaid = (category) => stances.some((stance) => cellOf(category.id, stance));
    const made = element("section", { class: "summary", "aria-labelledby": "d1-summary" },
      element("h3", { id: "d1-summary" }, "Summary"));
    const said = groups.map((group) => ({ ...group, categories: group.categories.filter(isSaid) }))
      .filter((group) => group.categories.length > 0);
    if (said.length > 0) {
      const head = part("tr", {}, part("th", { scope: "col" }, "Category"),
        ...stances.map((stance) => part("th", { class: "number", scope: "col" }, hasStance ? stance : "found")),
        part("th", { scope: "col" }, "Most telling sentence"));
      const table = part("table", {}, part("thead", {}, head));
      for (const group of said) {
        const body = part("tbody", {});
        if (group.title) {
          body.append(part("tr", { class: "group" },
            part("th", { colspan: stances.length + 2, scope: "rowgroup" }, group.title)));
        }
        body.append(...group.categories.map((category) => row(category, cellOf)));
        table.append(body);
      }
      made.append(table);
    }
    const silent = groups.flatMap((group) => group.categories).filter((category) => !isSaid(category));
    if (silent.length > 0) {
      const list = element("p", {}, "No statement was found on: ");
      silent.forEach((category, i) => list.append(i > 0 ? ", " : "", element("span", {}, category.title)));
      list.append(".");
      made.append(element("div", { class: "silent" }, element("h4", {}, "What is not said"), list));
    }
    return made;
  };
})();
