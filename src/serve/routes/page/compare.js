// The record of a comparison (`fineprint-diff/1`) as markup, as `compare/html.rs` shows it.
// Text only ever becomes text nodes and attributes, never markup.
"use strict";
fineprint.comparison = (() => {
  const { element, count } = fineprint;

  // The text cut where its marked words begin and end; their offsets are in bytes of UTF-8.
  const pieces = (quote, name) => {
    const bytes = new TextEncoder().encode(quote.text);
    const cut = (start, end) => new TextDecoder().decode(bytes.slice(start, end));
    const nodes = [];
    let done = 0;
    for (const { start, end } of quote.marks) {
      nodes.push(cut(done, start), element(name, {}, cut(start, end)));
      done = end;
    }
    nodes.push(cut(done, bytes.length));
    return nodes;
  };
  const quoted = (quote, edition) => {
    const title = edition === "old" ? "Old" : "New";
    if (!quote) {
      const nothing = edition === "old" ? "Not in the old edition." : "Not in the new edition.";
      return element("blockquote", { class: `${edition} absent` }, element("p", {}, nothing));
    }
    const text = element("p", {}, ...pieces(quote, edition === "old" ? "del" : "ins"));
    if (quote.lead_in) text.prepend(element("span", { class: "standing" }, `${quote.lead_in} `));
    const section = quote.section.length ? `, ${quote.section[quote.section.length - 1]}` : "";
    return element("blockquote", { class: edition }, text,
      element("footer", {}, `${title}, line ${quote.line}${section}`));
  };
  const change = (category) => (record) => {
    const head = element("p", {}, element("strong", {}, record.kind.replaceAll("-", " ")));
    const found = [record.new, record.old].find((quote) => quote && quote.stance);
    if (found) {
      head.append(" ", element("span", { class: `stance ${found.stance}` }, found.stance), ` ${found.probability.toFixed(2)}`);
    }
    if (record.moved) head.append(" · moved");
    head.append(" ", element("a", { class: "ref", href: `#${record.fingerprint}`, "aria-label": "Link to this change" }, "link"),
      " ", element("button", { class: "copy js", type: "button" }, "Copy quotes"));
    return element("article", {
      class: "change", id: record.fingerprint, tabindex: "-1", "data-category": category.category, "data-kind": record.kind,
      "data-stance": found ? found.stance : null, "data-probability": found ? found.probability : null,
    }, head,
      element("div", { class: "pair" }, quoted(record.old, "old"), quoted(record.new, "new")));
  };
  const category = (record) => {
    const standing = record.before === record.after ? record.after : `${record.before} → ${record.after}`;
    const made = element("section", { class: "changed", id: `c-${record.category}`, "data-category": record.category },
      element("h3", {}, record.title, " ", element("span", { class: "standing" }, standing)),
      element("p", {}, record.verdict));
    if (record.choice) made.append(element("p", { class: "facts" }, `Choice nearby: “${record.choice}”`));
    made.append(...record.changes.map(change(record)));
    return made;
  };

  // The nodes of a comparison.
  return (record) => {
    const { unchanged, moved, reworded, added, removed } = record.sentences;
    return [
      element("h2", { tabindex: "-1" }, "What changed"),
      element("p", { class: "facts" }, `${record.old.document} → ${record.new.document}`),
      element("p", { class: "verdict" }, record.verdict),
      element("p", { class: "facts" },
        `${count(unchanged, "sentence")} unchanged (${moved} moved), ${reworded} reworded, ${added} added, ${removed} removed.`),
      ...record.categories.map(category),
    ];
  };
})();
