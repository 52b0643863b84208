"use strict";
// The page is complete without this: texts and tables are HTML. Here are charts, filters, sorting, and raw samples.
(() => {
  const find = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const facts = JSON.parse(find("#facts").textContent);
  const form = find("#controls"), dialog = find("#dialog");
  const selects = ["run", "workload", "tier", "threads", "device"];
  const kinds = [...selects, "contender"];
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const say = (text) => { find("#said").textContent = text; };

  // ------------------------------------------------------------ state: what is shown, kept in the URL's fragment
  const state = { reference: "", contender: null, run: "", workload: "", tier: "", threads: "", device: "", theme: "", at: "", sort: [], open: [] };

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
    for (const kind of selects) state[kind] = known(kind, facts.choices[kind]);
    state.theme = known("theme", ["light", "dark"]);
    state.at = given.get("at") || "";
    state.sort = given.getAll("sort");
    state.open = given.getAll("open");
  }

  function fragment() {
    const kept = new URLSearchParams();
    for (const name of ["reference", ...selects, "theme", "at"]) if (state[name]) kept.set(name, state[name]);
    if (state.contender) for (const name of state.contender.length ? state.contender.map((number) => facts.choices.contender[number]) : [""]) kept.append("contender", name);
    for (const name of ["sort", "open"]) state[name].forEach((each) => kept.append(name, each));
    return kept.toString();
  }

  const keep = () => history.replaceState(null, "", "#" + fragment());

  function fillForm() {
    for (const name of ["reference", ...selects, "theme"]) {
      if (form.elements[name]) form.elements[name].value = state[name] || (name === "reference" ? facts.references[0] : "");
    }
    all("input[name=contender]", form).forEach((box, number) => { box.checked = !state.contender || state.contender.includes(number); });
  }

  form.addEventListener("change", () => {
    for (const name of ["reference", ...selects, "theme"]) {
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
    Object.assign(state, { reference: "", contender: null, run: "", workload: "", tier: "", threads: "", device: "", sort: [] });
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
      if (kind !== "contender" && state[kind]) rules.push(`[data-${kind}]:not([data-${kind}~="${facts.choices[kind].indexOf(state[kind])}"])`);
      else rules.push(...hidden.map((number) => `[data-${kind}~="${number}"]`));
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
    foldAsKept();
    all(".numbers[open]").forEach(fill);
    sortAsKept();
    all(".chart.drawn").forEach(redraw);
  }

  // ------------------------------------------------------------ what is folded: as the link's sender had it
  const key = (within) => within.closest("[data-key]").dataset.key + (within.classList.contains("numbers") ? ".numbers" : "");

  function foldAsKept() {
    all("main details").forEach((each) => { each.open = state.open.includes(key(each)); });
  }

  document.addEventListener("toggle", (event) => {
    const each = event.target;
    if (paper || !each.matches?.("main details")) return;
    if (each.open && each.classList.contains("numbers")) fill(each);
    state.open = state.open.filter((name) => name !== key(each));
    if (each.open) state.open.push(key(each));
    keep();
  }, true);

  // ------------------------------------------------------------ charts: drawn when they come into view
  function decodedBytes(base64) {
    const letters = atob(base64), bytes = new Uint8Array(letters.length);
    for (let place = 0; place < letters.length; place++) bytes[place] = letters.charCodeAt(place);  // Uint8Array.from takes ten times as long
    return bytes;
  }

  async function unpacked(id) {
    return new Response(new Blob([decodedBytes(find(`#${id}`).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  let library, reading, contents = null;
  const drawings = () => (reading ??= unpacked("charts").then((text) => { contents = JSON.parse(text); }));
  const plotly = () => (library ??= Promise.all([unpacked("library"), drawings()]).then(([text]) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
    return Plotly;
  }));

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const names = facts.choices.contender.map(escaped);
  const workloads = facts.choices.workload.map(escaped);

  const lists = ["x", "y", "text", "customdata"];

  // A trace's contenders and workload decide whether it is shown, those of its points which of them are.
  function narrowed(trace) {
    const meta = trace.meta || {};
    const owners = (meta.contenders || [trace.legendgroup, trace.name]).map((name) => names.indexOf(name)).filter((number) => number >= 0);
    const hidden = owners.some((number) => !isShown("contender", number)) || (meta.workload !== undefined && !isShown("workload", workloads.indexOf(meta.workload)));
    if (hidden) return { ...trace, visible: false };
    if (meta.points === "fastest") return map(trace, meta.names);
    if (!Array.isArray(trace.customdata)) return trace;
    const [kind, known] = meta.points === "contender" ? ["contender", names] : ["workload", workloads];
    const kept = trace.customdata.flatMap((name, place) => (isShown(kind, known.indexOf(name)) ? [place] : []));
    const cut = (values) => kept.map((place) => values[place]);
    const error = trace.error_x && { ...trace.error_x, array: cut(trace.error_x.array), arrayminus: cut(trace.error_x.arrayminus) };
    return { ...trace, ...Object.fromEntries(lists.filter((name) => Array.isArray(trace[name])).map((name) => [name, cut(trace[name])])), ...(error && { error_x: error }) };
  }

  // Of a map, who of the contenders that are shown is among the fastest: nobody else comes first by hiding those.
  function map(trace, contenders) {
    const shown = trace.customdata.map((row) => row.map((point) => (point && isShown("workload", workloads.indexOf(point.workload))
      ? point.fastest.map((name, place) => ({ name, told: (place ? "= " : "") + name })).filter(({ name }) => isShown("contender", names.indexOf(name))) : [])));
    const number = (found) => (!found.length ? null : found.length === 1 ? contenders.indexOf(found[0].name) : contenders.length);
    return { ...trace, z: shown.map((row) => row.map(number)), text: shown.map((row) => row.map((found) => found.map(({ told }) => told).join("<br>"))) };
  }

  function parts(chart, exported) {
    const content = structuredClone(contents[chart.dataset.chart]);  // Plotly writes into what it is given
    const data = content.data.map(narrowed);
    // a line stands in the legend for its group: where it is hidden, the next one does
    const told = new Set(data.filter((trace) => trace.visible !== false && trace.showlegend !== false).map((trace) => trace.legendgroup));
    data.forEach((trace, place) => {
      if (!trace.legendgroup || trace.visible === false || trace.hoverinfo === "skip" || told.has(trace.legendgroup)) return;
      told.add(trace.legendgroup);
      data[place] = { ...trace, showlegend: true };
    });
    const ink = { color: colour(exported ? "--ink" : "--quiet"), size: 13 };
    const layout = { ...content.layout, font: ink, ...(paper && { width: PAPER_WIDTH }), ...(exported && { title: { text: content.title }, margin: { ...content.layout.margin, t: 90 }, paper_bgcolor: colour("--ground") }) };
    return { data, layout };
  }

  async function draw(chart) {
    if (chart.classList.contains("drawn")) return;
    chart.classList.add("drawn");
    await redraw(chart);
  }

  // Charts wait for each other, so that the first is seen before the last is drawn.
  const turn = () => new Promise((done) => { setTimeout(done); });

  async function redraw(chart) {
    if (chart.classList.contains("failed")) return;
    try {
      await plotly();
      await turn();
      await put(chart);
    } catch (error) {
      chart.classList.add("failed");
      chart.style.minHeight = "";
      chart.textContent = `This chart could not be drawn here (${error.message}); the tables have its numbers.`;
    }
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
  // A chart has its place before it is drawn: what is below it must not move away from who is about to click.
  const prepare = () => all(".chart:not(.watched)").forEach((chart) => {
    chart.classList.add("watched");
    chart.style.minHeight = `${chart.dataset.height}px`;
    watcher.observe(chart);
  });

  // ------------------------------------------------------------ numbers of a chart: a table made when it is asked for
  const unescaped = (text) => text.replaceAll("<br>", " ").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

  function points(trace) {
    const { x = [], y = [], text = [], meta = {} } = trace, name = meta.series || trace.name || "";
    if (trace.type === "heatmap") return y.flatMap((row, down) => x.map((column, along) => ["", column, row, "", "", String(text[down][along] ?? "")]));
    if (meta.band) {  // to and fro: first the highest values, then the lowest from last to first
      const half = x.length / 2;
      return x.slice(0, half).map((place, number) => [name, place, "", y[x.length - 1 - number], y[number], ""]);
    }
    const { array = [], arrayminus = [] } = trace.error_x || {};
    return x.map((place, number) => [name, place, y[number], array.length ? place - arrayminus[number] : "", array.length ? place + array[number] : "", String(text[number] ?? "")]);
  }

  async function fill(details) {
    await drawings();
    const figure = details.closest("figure"), { data, layout } = parts(find(".chart", figure));
    const drawn = data.filter((trace) => trace.visible !== false);
    const title = (axis) => layout[axis]?.title?.text || layout.meta?.[axis];
    const heads = ["series", title("xaxis"), title("yaxis"), "low", "high", "what"];
    const rows = drawn.flatMap(points).map((row) => row.map((value) => (value ?? "") === "" ? "" : unescaped(String(value))));
    const used = heads.map((_, place) => rows.some((row) => row[place] !== ""));
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody();
    heads.forEach((text, place) => {
      if (!used[place]) return;
      const button = Object.assign(document.createElement("button"), { type: "button", className: "sort", textContent: unescaped(text) });
      head.append(Object.assign(document.createElement("th"), { scope: "col" }));
      head.lastChild.append(button);
    });
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((text, place) => { if (used[place]) line.insertCell().textContent = text; });
    }
    find(".table", details).replaceChildren(table);
    sortAsKept();
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(".chart.drawn").forEach(redraw));

  // ------------------------------------------------------------ printing: light, all charts, everything unfolded
  const PAPER_WIDTH = 680;  // what fits between the margins of A4 and of Letter
  let paper = null;  // while printing, what was folded

  function toPaper() {
    if (paper) return;
    paper = all("main details:not([open]):not(.numbers)");
    paper.forEach((each) => { each.open = true; });
    document.documentElement.dataset.theme = "light";
    const charts = all("main .chart:not(.failed)");
    charts.forEach((chart) => chart.classList.add("drawn"));
    if (window.Plotly) charts.forEach(put);
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

  const size = (text) => (text === "inf" ? Infinity : text === "nan" ? NaN : Number(text));

  // What a cell is sorted by: the numbers that it was made with, else the one that its text begins with.
  const order = (cell) => cell?.dataset.order?.split(" ").map(size) ?? [value(cell?.textContent.trim() ?? "")];

  const unsorted = new WeakMap();  // a table's rows as they were before it was sorted

  // Ties stay as they were before any sorting, so that a link, which keeps only the last, shows the same.
  function sort(table, column, direction) {
    const body = table.tBodies[0], sign = direction === "descending" ? -1 : 1;
    if (!unsorted.has(table)) unsorted.set(table, [...body.rows]);
    const keys = new Map(unsorted.get(table).map((row) => [row, { text: row.cells[column]?.textContent.trim() ?? "", order: order(row.cells[column]) }]));
    const compare = (a, b) => {
      const one = keys.get(a), other = keys.get(b), none = (found) => found.order.some(Number.isNaN);
      if (none(one) !== none(other)) return none(one) ? 1 : -1;  // what has no number comes last
      if (none(one)) return sign * one.text.localeCompare(other.text);
      const first = one.order.findIndex((number, place) => number !== other.order[place]);
      return first < 0 ? 0 : one.order[first] < other.order[first] ? -sign : sign;
    };
    body.append(...[...keys.keys()].sort(compare));
    all("thead th", table).forEach((head, place) => head[place === column ? "setAttribute" : "removeAttribute"]("aria-sort", direction));
  }

  function unsort(table) {
    table.tBodies[0].append(...unsorted.get(table));
    all("[aria-sort]", table).forEach((head) => head.removeAttribute("aria-sort"));
  }

  // A kept order is the table's key, the way and the column's name, so that it outlives other tables and columns.
  const heading = (head) => find(".sort", head).textContent.trim();
  const tableKey = (table) => key(table.closest("details.numbers") || table);

  function sortAsKept() {
    if (!state.sort.length && !find("main [aria-sort]")) return;
    const kept = new Map(state.sort.map((each) => [each.split(" ")[0], each.split(" ").slice(1)]));
    for (const table of all("main table")) {
      const [way, ...name] = kept.get(tableKey(table)) ?? [];
      const column = [...table.tHead.rows[0].cells].findIndex((head) => way && head.matches("th") && heading(head) === name.join(" "));
      if (column >= 0) sort(table, column, way === "down" ? "descending" : "ascending");
      else if (find("[aria-sort]", table)) unsort(table);
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
    const text = (cell) => (find(":scope > span", cell) ? cell.innerText : cell.textContent).trim();  // without parts that are hidden
    const shown = (cells) => [...cells].filter((cell) => cell.offsetParent !== null && !find(".raw", cell) && !cell.classList.contains("rawhead"));
    const lines = [...table.rows].filter((row) => row.offsetParent !== null).map((row) => shown(row.cells).map((cell) => quoted(text(cell))).join(","));
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
      const blob = new Blob([decodedBytes(url.slice(url.indexOf(",") + 1))], { type: "image/png" });
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
    const same = ["run", "element"].filter((kind) => row.dataset[kind] !== undefined).map((kind) => `[data-${kind}="${row.dataset[kind]}"]`).join("");
    const rows = all(`tbody tr${same}[data-contender="${cell.dataset.contender}"]`, table);
    const cells = (each) => [...each.cells].map((one) => one.textContent.trim());
    const heads = cells(table.tHead.rows[0]);
    const lists = rows.map((each) => {
      const list = document.createElement("table");
      cells(each).forEach((text, place) => {
        if (!heads[place] || ["run", "contender", "element"].includes(heads[place])) return;
        const line = list.insertRow();
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = heads[place];
        line.append(head);
        line.insertCell().textContent = text;
      });
      return list;
    });
    const element = cells(row)[cells(row.closest("table").tHead.rows[0]).indexOf("element")];
    show(`${element}, ${facts.choices.contender[cell.dataset.contender]}`, ...lists.flatMap((list) => [list, paragraph("")]));
  }

  let records, sources;
  const tracks = (threads) => ({ null: "default", 1: "single" })[threads] ?? `${threads}-threads`;
  const most = 200;  // records in one dialog

  // One file of records, folded: what it holds is written when it is opened.
  function folded(name, content, open) {
    const details = document.createElement("details");
    details.append(Object.assign(document.createElement("summary"), { textContent: name }));
    details.addEventListener("toggle", () => {
      if (details.children.length === 1) details.append(Object.assign(document.createElement("pre"), { tabIndex: 0, textContent: JSON.stringify(content, null, 1) }));
    });
    details.open = open;
    return details;
  }

  async function source(kind) {
    sources ??= unpacked("raw-sources").then(JSON.parse);
    const found = (await sources)[kind];
    show(kind === "manifest" ? "Manifest" : "Raw samples of the self-check", ...found.map((each) => folded(`${kind}, run ${each.of}`, each.content, found.length === 1)));
  }

  // Records stand in the order of the runs.
  function runOf(place) {
    let before = 0;
    return facts.runs.findIndex((run) => (before += run.records) > place);
  }

  async function raw(link) {
    if (link.dataset.source) return source(link.dataset.source);
    records ??= unpacked("raw-records").then((text) => JSON.parse(text).map((record, place) => ({ record, run: runOf(place) })));
    const around = [link, link.closest("tr"), link.closest(".block")].filter(Boolean);
    const wanted = (kind) => around.map((each) => each.dataset[kind]).find((numbers) => numbers !== undefined);
    const among = (kind, name) => wanted(kind)?.split(" ").some((number) => facts.choices[kind][number] === name) ?? true;
    const measures = link.dataset.measures.split(" ");
    const told = ({ record: { case: given }, run }) => ({ run: facts.choices.run[run], workload: given.workload, contender: given.contender, threads: tracks(given.threads), device: given.device, experiment: given.experiment });
    const found = (await records).filter((each) => measures.includes(each.record.case.measure)
      && Object.entries(told(each)).every(([kind, name]) => among(kind, name)));
    const shown = found.slice(0, most).map(({ record, run }) => {
      const { workload, measure, contender, device, threads } = record.case;
      const id = [workload, measure, contender, device, tracks(threads)].join(".");
      return folded(`${facts.runs.length > 1 ? `${facts.runs[run].folder}/` : ""}records/${id}.json`, record, found.length === 1);
    });
    const rest = facts.held < facts.total || !found.length ? [paragraph(`This file holds ${facts.held} of ${facts.total} records; for others look into records/ of ${facts.runs.map((run) => run.folder).join(", ")}.`)] : [];
    if (found.length > most) rest.push(paragraph(`The first ${most} are here; a row's own link leads to its samples only.`));
    show(`Raw samples of ${found.length} ${found.length === 1 ? "record" : "records"}`, ...shown, ...rest);
  }

  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    let target;
    if ((target = hit("a.raw"))) { event.preventDefault(); raw(target); }
    else if ((target = hit("nav a, a.skip"))) { event.preventDefault(); state.at = target.hash.slice(1); keep(); go(); }
    else if ((target = hit(".sort"))) {
      const head = target.closest("th"), table = target.closest("table");
      const down = head.getAttribute("aria-sort") === "ascending", name = tableKey(table);
      sort(table, head.cellIndex, down ? "descending" : "ascending");
      state.sort = [...state.sort.filter((each) => each.split(" ")[0] !== name), `${name} ${down ? "down" : "up"} ${heading(head)}`];
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
