"use strict";
// The page is complete without this: texts and tables are HTML. Here are charts, filters, sorting, and raw samples.
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const facts = JSON.parse(find("#facts").textContent);
  const form = find("#controls"), dialog = find("#dialog");
  const kinds = ["workload", "contender", "tier", "threads", "device"];
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const say = (text) => { find("#said").textContent = text; };

  // ------------------------------------------------------------ state: what is shown, kept in the URL's fragment
  const state = { reference: "", contender: null, workload: "", tier: "", threads: "", device: "", theme: "", at: "", sort: [] };

  function decoded(text) {
    try { return decodeURIComponent(text); } catch { return ""; } // a % that stands for itself
  }

  function read() {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) { state.at = decoded(text); return; }
    const given = new URLSearchParams(text);
    const known = (kind, names) => (names.includes(given.get(kind)) ? given.get(kind) : "");
    state.reference = known("reference", facts.references);
    const numbers = given.getAll("contender").map((name) => facts.choices.contender.indexOf(name)).filter((number) => number >= 0);
    state.contender = numbers.length || given.get("contender") === "" ? numbers : null;
    for (const kind of kinds.filter((each) => each !== "contender")) state[kind] = known(kind, facts.choices[kind]);
    state.theme = known("theme", ["light", "dark"]);
    state.at = given.get("at") || "";
    state.sort = (given.get("sort") || "").split(" ").filter(Boolean);
  }

  function fragment() {
    const kept = new URLSearchParams();
    for (const name of ["reference", "workload", "tier", "threads", "device", "theme", "at"]) if (state[name]) kept.set(name, state[name]);
    if (state.contender) for (const name of state.contender.length ? state.contender.map((number) => facts.choices.contender[number]) : [""]) kept.append("contender", name);
    if (state.sort.length) kept.set("sort", state.sort.join(" "));
    return kept.toString();
  }

  const keep = () => history.replaceState(null, "", "#" + fragment());

  function fillForm() {
    for (const name of ["reference", "workload", "tier", "threads", "device", "theme"]) {
      if (form.elements[name]) form.elements[name].value = state[name] || (name === "reference" ? facts.references[0] : "");
    }
    all("input[name=contender]", form).forEach((box, number) => { box.checked = !state.contender || state.contender.includes(number); });
  }

  form.addEventListener("change", () => {
    for (const name of ["reference", "workload", "tier", "threads", "device", "theme"]) {
      if (form.elements[name]) state[name] = form.elements[name].value;
    }
    if (state.reference === facts.references[0]) state.reference = "";
    const boxes = all("input[name=contender]", form).map((box) => box.checked);
    state.contender = boxes.every(Boolean) ? null : boxes.flatMap((checked, number) => (checked ? [number] : []));
    keep();
    apply();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    Object.assign(state, { reference: "", contender: null, workload: "", tier: "", threads: "", device: "", sort: [] });
    keep();
    fillForm();
    apply();
  });
  addEventListener("hashchange", () => { read(); fillForm(); apply(); go(); });

  function go() {
    const target = state.at && document.getElementById(state.at);
    if (!target) return;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }

  // ------------------------------------------------------------ filters: one style sheet, whatever the size of the page
  const hiding = document.head.appendChild(document.createElement("style"));
  const isShown = (kind, number) => (kind === "contender" ? !state.contender || state.contender.includes(number)
    : !state[kind] || facts.choices[kind][number] === state[kind]);
  let reference = 0;
  const first = new Map();  // what is shown for the first reference, which no template repeats

  function apply() {
    document.documentElement.dataset.theme = state.theme;
    const rules = [];
    for (const kind of kinds) {
      const hidden = facts.choices[kind].flatMap((_, number) => (isShown(kind, number) ? [] : [number]));
      if (kind !== "contender" && state[kind]) rules.push(`[data-${kind}]:not([data-${kind}="${facts.choices[kind].indexOf(state[kind])}"])`);
      else rules.push(...hidden.map((number) => `[data-${kind}="${number}"]`));
    }
    hiding.textContent = rules.length ? `${rules.join(",")}{display:none!important}` : "";
    const wanted = Math.max(0, facts.references.indexOf(state.reference));
    if (wanted !== reference) {
      for (const view of all(".view")) {
        if (reference === 0) first.set(view, [...view.childNodes]);
        if (wanted === 0) { view.replaceChildren(...first.get(view)); continue; }
        const template = all(":scope > template", view.parentElement).find((each) => Number(each.dataset.reference) === wanted);
        if (template) view.replaceChildren(template.content.cloneNode(true));
      }
      reference = wanted;
      prepare();
    }
    sortAsKept();
    all(".chart.drawn").forEach(redraw);
  }

  // ------------------------------------------------------------ charts: drawn when they come into view
  async function unpacked(id) {
    const bytes = Uint8Array.from(atob(find(`#${id}`).textContent), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  let library, contents = null;
  const plotly = () => (library ??= Promise.all(["library", "charts"].map(unpacked)).then(([text, numbers]) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    contents = JSON.parse(numbers);
    return Plotly;
  }));

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const names = facts.choices.contender.map(escaped);
  const workloads = facts.choices.workload.map(escaped);

  function parts(chart, exported) {
    const content = structuredClone(contents[chart.dataset.chart]);  // Plotly writes into what it is given
    const lists = ["x", "y", "text", "customdata"];
    const data = content.data.map((trace) => {
      const owners = (trace.meta || [trace.legendgroup, trace.name]).map((name) => names.indexOf(name)).filter((number) => number >= 0);
      if (owners.some((number) => !isShown("contender", number))) return { ...trace, visible: false };
      if (!Array.isArray(trace.customdata) || !state.workload) return trace;
      const kept = trace.customdata.flatMap((name, place) => (isShown("workload", workloads.indexOf(name)) ? [place] : []));
      const cut = (values) => kept.map((place) => values[place]);
      const error = trace.error_x && { ...trace.error_x, array: cut(trace.error_x.array), arrayminus: cut(trace.error_x.arrayminus) };
      return { ...trace, ...Object.fromEntries(lists.filter((name) => Array.isArray(trace[name])).map((name) => [name, cut(trace[name])])), ...(error && { error_x: error }) };
    });
    const ink = { color: colour(exported ? "--ink" : "--quiet"), size: 13 };
    const layout = { ...content.layout, font: ink, ...(paper && { width: PAPER_WIDTH }), ...(exported && { title: { text: content.title }, margin: { ...content.layout.margin, t: 90 }, paper_bgcolor: colour("--ground") }) };
    return { data, layout };
  }

  async function draw(chart) {
    if (chart.classList.contains("drawn")) return;
    chart.classList.add("drawn");
    try {
      await plotly();
      await put(chart);
    } catch (error) {
      chart.classList.add("failed");
      chart.textContent = `This chart could not be drawn here (${error.message}); the tables have its numbers.`;
    }
  }

  async function redraw(chart) {
    await plotly();
    if (!chart.classList.contains("failed")) await put(chart);
  }

  // Draws or draws again, at once: a print does not wait.
  function put(chart) {
    const { data, layout } = parts(chart);
    return Plotly.react(chart, data, layout, { responsive: true, displayModeBar: false });
  }

  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    watcher.unobserve(entry.target);
    draw(entry.target);
  }), { rootMargin: "300px" });
  const prepare = () => all(".chart:not(.watched)").forEach((chart) => { chart.classList.add("watched"); watcher.observe(chart); });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(".chart.drawn").forEach(redraw));

  // ------------------------------------------------------------ printing: light, all charts, everything unfolded
  const PAPER_WIDTH = 680;  // what fits between the margins of A4 and of Letter
  let paper = null;  // while printing, what was folded

  function toPaper() {
    if (paper) return;
    paper = all("main details:not([open])");
    paper.forEach((each) => { each.open = true; });
    document.documentElement.dataset.theme = "light";
    const charts = all("main .chart:not(.failed)");
    charts.forEach((chart) => chart.classList.add("drawn"));
    if (contents) charts.forEach(put);
    else charts.forEach(redraw);
  }

  function fromPaper() {
    if (!paper) return;
    paper.forEach((each) => { each.open = false; });
    paper = null;
    document.documentElement.dataset.theme = state.theme;
    all(".chart.drawn").forEach(redraw);
  }

  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", fromPaper);
  matchMedia("print").addEventListener("change", (media) => (media.matches ? toPaper() : fromPaper()));

  // ------------------------------------------------------------ sorting
  const sizes = { n: 1e-9, "µ": 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

  function value(text) {
    if (text === "never") return Infinity;
    const found = /^[×]?(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?:\s*([nµmkMGT]?)(?:s|B|FLOP|B\/s|FLOP\/s)\b)?/.exec(text);
    return found ? Number(found[1].replaceAll(",", "")) * (sizes[found[2]] || 1) : NaN;
  }

  function sort(table, column, direction) {
    const body = table.tBodies[0], sign = direction === "descending" ? -1 : 1;
    const keys = new Map([...body.rows].map((row) => [row, row.cells[column]?.textContent.trim() ?? ""]));
    const compare = (a, b) => {
      const one = value(keys.get(a)), other = value(keys.get(b));
      if (Number.isNaN(one) !== Number.isNaN(other)) return Number.isNaN(one) ? 1 : -1;  // what has no number comes last
      return sign * (Number.isNaN(one) ? keys.get(a).localeCompare(keys.get(b)) : one === other ? 0 : one - other);
    };
    body.append(...[...body.rows].sort(compare));
    all("thead th", table).forEach((head, place) => head[place === column ? "setAttribute" : "removeAttribute"]("aria-sort", direction));
  }

  const tables = () => all("main table");

  function sortAsKept() {
    for (const each of state.sort) {
      const [table, column, way] = each.split(".");
      if (tables()[table]) sort(tables()[table], Number(column), way === "d" ? "descending" : "ascending");
    }
  }

  // ------------------------------------------------------------ copies
  async function copy(items, text, name, blob) {
    try {
      await (text === null ? navigator.clipboard.write([new ClipboardItem(items)]) : navigator.clipboard.writeText(text));
      say(`${name} copied.`);
    } catch {  // the browser refuses the clipboard to this page
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
      link.click();
      URL.revokeObjectURL(link.href);
      say(`${name} saved.`);
    }
  }

  // A spreadsheet would run what begins like a formula; report/data.py says what does.
  const formula = new RegExp(facts.formula);
  const quoted = (text) => `"${(formula.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;

  function csv(table) {
    const shown = (cells) => [...cells].filter((cell) => cell.offsetParent !== null && !find(".raw", cell) && !cell.classList.contains("rawhead"));
    const lines = [...table.rows].filter((row) => row.offsetParent !== null).map((row) => shown(row.cells).map((cell) => quoted(cell.textContent.trim())).join(","));
    return lines.join("\r\n") + "\r\n";
  }

  async function picture(figure, format) {
    const chart = find(".chart", figure);
    await draw(chart);
    const { data, layout } = parts(chart, true);
    const url = await (await plotly()).toImage({ data, layout }, { format, width: 1000, height: Math.max(520, chart.offsetHeight), scale: format === "png" ? 2 : 1 });
    const title = find("figcaption", figure).textContent.replace(/[^\w-]+/g, "-").slice(0, 60);
    if (format === "svg") {
      const text = decodeURIComponent(url.slice(url.indexOf(",") + 1));
      await copy(null, text, `${title}.svg`, new Blob([text], { type: "image/svg+xml" }));
    } else {
      const blob = new Blob([Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (letter) => letter.charCodeAt(0))], { type: "image/png" });
      await copy({ "image/png": blob }, null, `${title}.png`, blob);
    }
  }

  // ------------------------------------------------------------ details: worst inputs and raw samples
  function show(title, ...content) {
    find("#dialog-title").textContent = title;
    find("#dialog-body").replaceChildren(...content);
    if (!dialog.open) dialog.showModal();
  }

  function paragraph(text) {
    return Object.assign(document.createElement("p"), { textContent: text });
  }

  function worst(button) {
    const cell = button.closest("td, th"), row = button.closest("tr");
    const table = find('[data-kind="elements"] table');
    const rows = all(`tbody tr[data-element="${row.dataset.element}"][data-contender="${cell.dataset.contender}"]`, table);
    const cells = (each) => [...each.cells].map((one) => one.textContent.trim());
    const heads = cells(table.tHead.rows[0]);
    const lists = rows.map((each) => {
      const list = document.createElement("table");
      cells(each).forEach((text, place) => {
        if (!heads[place] || ["contender", "element"].includes(heads[place])) return;
        const line = list.insertRow();
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = heads[place];
        line.append(head);
        line.insertCell().textContent = text;
      });
      return list;
    });
    show(`${row.cells[1].textContent.trim()}, ${facts.choices.contender[cell.dataset.contender]}`, ...lists.flatMap((list) => [list, paragraph("")]));
  }

  let records;
  const tracks = (threads) => ({ null: "default", 1: "single" })[threads] ?? `${threads}-threads`;

  async function raw(link) {
    records ??= unpacked("raw-records").then(JSON.parse);
    const row = link.closest("tr"), block = link.closest(".block");
    const wanted = (kind) => row.dataset[kind] ?? block.dataset[kind];
    const measures = link.dataset.measures.split(" ");
    const told = (given) => ({ workload: given.workload, contender: given.contender, threads: tracks(given.threads), device: given.device });
    const found = (await records).filter((record) => measures.includes(record.case.measure)
      && Object.entries(told(record.case)).every(([kind, name]) => wanted(kind) === undefined || facts.choices[kind][wanted(kind)] === name));
    const shown = found.map((record) => {
      const details = document.createElement("details");
      const { workload, measure, contender, device, threads } = record.case;
      const id = [workload, measure, contender, device, tracks(threads)].join(".");
      details.append(Object.assign(document.createElement("summary"), { textContent: `records/${id}.json` }));
      details.addEventListener("toggle", () => {
        if (details.children.length === 1) details.append(Object.assign(document.createElement("pre"), { tabIndex: 0, textContent: JSON.stringify(record, null, 1) }));
      });
      details.open = found.length === 1;
      return details;
    });
    const rest = facts.held < facts.total || !found.length ? [paragraph(`This file holds ${facts.held} of ${facts.total} records; for others look into records/ of ${facts.folders.join(", ")}.`)] : [];
    show(`Raw samples of ${found.length} ${found.length === 1 ? "record" : "records"}`, ...shown, ...rest);
  }

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    let target;
    if ((target = hit("a.raw"))) { event.preventDefault(); raw(target); }
    else if ((target = hit("nav a, a.skip"))) { event.preventDefault(); state.at = target.hash.slice(1); keep(); go(); }
    else if ((target = hit(".sort"))) {
      const head = target.closest("th"), table = target.closest("table");
      const down = head.getAttribute("aria-sort") === "ascending", number = tables().indexOf(table);
      sort(table, head.cellIndex, down ? "descending" : "ascending");
      state.sort = [...state.sort.filter((each) => !each.startsWith(`${number}.`)), `${number}.${head.cellIndex}.${down ? "d" : "a"}`];
      keep();
    }
    else if ((target = hit(".worst"))) worst(target);
    else if ((target = hit(".csv"))) { const text = csv(find("table", target.closest(".block"))); copy(null, text, "table.csv", new Blob([text], { type: "text/csv" })); }
    else if ((target = hit(".svg"))) picture(target.closest("figure"), "svg");
    else if ((target = hit(".png"))) picture(target.closest("figure"), "png");
    else if (hit("#close")) dialog.close();
    else if (hit("#link")) { keep(); copy(null, location.href, "Link", new Blob([location.href], { type: "text/plain" })); }
  });

  read();
  fillForm();
  apply();
  prepare();
  go();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
  // A print cannot wait for what it has to unpack first.
  (window.requestIdleCallback ?? setTimeout)(() => plotly().catch(() => {}));
})();
