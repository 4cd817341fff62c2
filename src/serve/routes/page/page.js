// The page that asks: takes a document or two, sends them to this server, and shows what comes.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const report = byId("report");
  const sources = new Map([...document.querySelectorAll(".source")].map((made) => [made.dataset.source, made]));
  const mode = () => document.querySelector('input[name="mode"]:checked').value;
  const tell = (text) => { byId("told").textContent = text; };
  let running = null;

  // Sources: a text, or a file in its stead.
  const file = (source) => source.querySelector('input[type="file"]').files[0] || null;
  const text = (source) => source.querySelector("textarea").value;
  const isEmpty = (source) => !file(source) && !text(source).trim();
  const filed = (source) => {
    const has = file(source) !== null;
    source.classList.toggle("filed", has);
    source.querySelector(".remove").hidden = !has;
  };
  for (const source of sources.values()) {
    const input = source.querySelector('input[type="file"]');
    input.addEventListener("change", () => filed(source));
    source.querySelector(".remove").addEventListener("click", () => {
      input.value = "";
      filed(source);
      source.querySelector("textarea").focus();
    });
    source.addEventListener("dragover", (event) => {
      event.preventDefault();
      source.classList.add("over");
    });
    source.addEventListener("dragleave", () => source.classList.remove("over"));
    source.addEventListener("drop", (event) => {
      source.classList.remove("over");
      if (event.dataTransfer.files.length === 0) return;
      event.preventDefault();
      input.files = event.dataTransfer.files;
      filed(source);
    });
  }
  // A file that misses its place must not replace the page.
  for (const name of ["dragover", "drop"]) {
    addEventListener(name, (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
  }

  // Each mode shows its own result, if there is one.
  const turn = () => {
    const isRead = mode() === "read";
    for (const source of sources.values()) source.hidden = source.dataset.mode !== mode();
    byId("run").textContent = isRead ? "Read" : "Compare";
    byId("wrong").textContent = "";
    if (!running) tell("");
    const result = byId(isRead ? "documents" : "comparison");
    report.dataset.view = result.childElementCount === 0 ? "" : isRead ? "report" : "comparison";
  };
  for (const choice of document.querySelectorAll('input[name="mode"]')) choice.addEventListener("change", turn);
  turn();

  // What went wrong, in words.
  class Wrong extends Error {}
  const wrong = async (answer) => {
    let said = "";
    try { said = (await answer.json()).error.message; } catch { /* Something else than the server answered. */ }
    const after = answer.headers.get("Retry-After");
    const again = after ? ` Try again in ${fineprint.count(Number(after), "second")}.` : "";
    const begin = {
      401: "This server asks for a key: enter it above and try again.",
      408: "Sending took too long",
      413: "This is too large for the server",
      422: "The server cannot work on this",
      429: "The server has too much to do",
      500: "The server failed",
      503: "The server is not available",
    }[answer.status] || `The server answered ${answer.status}`;
    if (answer.status === 401) {
      byId("key-row").hidden = false;
      byId("key").focus();
      return new Wrong(begin);
    }
    return new Wrong(`${begin}${said ? `: ${said}` : ""}.${again}`.replace("..", "."));
  };
  const ask = async (path, options, body, signal) => {
    const query = new URLSearchParams(options);
    if (byId("any-language").checked) query.set("any_language", "true");
    const headers = { Accept: "application/x-ndjson, application/json" };
    if (!(body instanceof FormData)) headers["Content-Type"] = "application/octet-stream";
    if (byId("key").value) headers.Authorization = `Bearer ${byId("key").value}`;
    const answer = await fetch(`${path}?${query}`, { method: "POST", headers, body, signal });
    if (!answer.ok) throw await wrong(answer);
    byId("key-row").hidden = true;
    return answer;
  };

  // The records of a streamed answer, each as soon as its line is there.
  async function* records(answer) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line) yield JSON.parse(line);
    }
  }

  const progress = (done, all) => {
    const bar = byId("bar");
    bar.hidden = false;
    if (all) { bar.max = all; bar.value = done; } else { bar.removeAttribute("value"); }
  };

  const read = async (signal) => {
    const source = sources.get("document");
    const chosen = file(source);
    tell("Sending…");
    progress(0, 0);
    const name = chosen ? chosen.name : "Pasted text";
    const answer = await ask("v1/documents", { name, all_sentences: "true" }, chosen || text(source), signal);
    fineprint.clear();
    report.dataset.view = "report";
    const sentences = [];
    let opened = null, findings = 0;
    for await (const record of records(answer)) {
      if (record.record === "error") throw new Wrong(`The server stopped: ${record.message}.`);
      if (record.record === "document" && opened) {
        fineprint.complete(record);
        const text = byId("documents").querySelector(".text");
        if (text) text.before(fineprint.summary(sentences));
        continue;
      }
      if (record.record === "document") {
        opened = record;
        byId("running").scrollIntoView({ block: "start" });
      }
      if (record.record === "sentence") {
        sentences.push(record);
        findings += record.findings.length;
        progress(sentences.length, opened.sentence_count);
        tell(`${sentences.length} of ${fineprint.count(opened.sentence_count, "sentence")}, ${fineprint.count(findings, "finding")}`);
      }
      fineprint.addRecord(record);
    }
    tell(`Done: ${fineprint.count(sentences.length, "sentence")}, ${fineprint.count(findings, "finding")}.`);
  };

  const compare = async (signal) => {
    const form = new FormData();
    for (const name of ["old", "new"]) {
      const source = sources.get(name);
      const chosen = file(source);
      form.append(name, chosen || new Blob([text(source)]), chosen ? chosen.name : `${name} text`);
    }
    tell("Comparing…");
    progress(0, 0);
    const record = await (await ask("v1/diff", {}, form, signal)).json();
    byId("comparison").replaceChildren(...fineprint.comparison(record));
    report.dataset.view = "comparison";
    const changes = record.categories.reduce((sum, category) => sum + category.changes.length, 0);
    tell(`Done: ${fineprint.count(changes, "change")}.`);
    byId("running").scrollIntoView({ block: "start" });
  };

  const run = async () => {
    if (running) return;
    byId("wrong").textContent = "";
    const asked = [...sources.values()].filter((source) => !source.hidden);
    const missing = asked.find(isEmpty);
    if (missing) {
      tell("");
      byId("wrong").textContent = mode() === "read" ? "Paste a text or choose a file first." : "Give both editions first.";
      missing.querySelector("textarea").focus();
      return;
    }
    running = new AbortController();
    byId("run").disabled = true;
    document.querySelector(".modes").disabled = true;
    byId("cancel").hidden = false;
    try {
      await (mode() === "read" ? read : compare)(running.signal);
    } catch (error) {
      tell(running.signal.aborted ? "Cancelled." : "");
      if (!running.signal.aborted) {
        byId("wrong").textContent = error instanceof Wrong ? error.message :
          "The server cannot be reached, or its answer broke off.";
      }
    } finally {
      running = null;
      byId("run").disabled = false;
      document.querySelector(".modes").disabled = false;
      byId("cancel").hidden = true;
      byId("bar").hidden = true;
    }
  };
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("cancel").addEventListener("click", () => {
    if (running) running.abort();
    byId("run").disabled = false;
    byId("run").focus();
  });
  byId("ask").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
})();
