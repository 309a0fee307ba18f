/* The library as a grid: filter, sort, select. */
const grid = { body: document.querySelector("#table tbody"), tr: [], order: [], visible: [], columns: [], focus: 0 };
const textColumns = [{ key: "spec", title: "multiplier" }, { key: "family", title: "family" }, { key: "sign", title: "sign" },
  { key: "bits", title: "bits" }];

/* "scdm mae<100": words of the name, and limits; null and a message for what is neither. */
function parseFilter(text) {
  const words = [], limits = [];
  for (const term of text.toLowerCase().split(/\s+/).filter(Boolean)) {
    const m = /^([a-z0-9_]+)(<=|>=|<|>|=)(.*)$/.exec(term);
    if (!m) {
      words.push(term);
      continue;
    }
    const column = columnOf.get(m[1]), limit = Number(m[3]);
    if (!column)
      return { error: `no column ${m[1]}; there are ${columns.filter((c) => c.present).map((c) => c.key).join(", ")}` };
    if (m[3] === "" || Number.isNaN(limit))
      return { error: `${term}: expected a number after ${m[2]}` };
    limits.push((row) => {
      const v = value(row, column);
      return v !== null && (m[2] === "<" ? v < limit : m[2] === "<=" ? v <= limit : m[2] === ">" ? v > limit
        : m[2] === ">=" ? v >= limit : v === limit);
    });
  }
  return { test: (row) => words.every((w) => row.spec.toLowerCase().includes(w)) && limits.every((f) => f(row)) };
}

function cellText(row, c) {
  return c.from ? (c.from === "error" && !row.exhaustive && value(row, c) !== null ? "≈ " : "") + figure(value(row, c))
    : row[c.key];
}

const escaped = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/* All rows anew; a string is the fastest way to a thousand of them. */
function buildTable() {
  grid.columns = [...textColumns, ...columns.filter((c) => c.present && c.shown)];
  const head = element("tr");
  for (const c of grid.columns) {
    const b = element("button", { type: "button", tabindex: "0" }, c.title);
    b.addEventListener("click", () => sortBy(c.key));
    head.append(element("th", { scope: "col", "data-key": c.key, class: c.from ? null : "text", title: c.help || null }, b));
  }
  document.querySelector("#table thead").replaceChildren(head);
  grid.body.innerHTML = rows.map((row) => `<tr tabindex="-1" aria-selected="${row.index === state.selected}" data-i="${row.index}">`
    + grid.columns.map((c, i) => i === 0 ? `<th scope="row">${escaped(row.spec)}</th>`
      : c.from ? `<td>${cellText(row, c)}</td>` : `<td class="text">${escaped(cellText(row, c))}</td>`).join("") + "</tr>").join("");
  grid.tr = [...grid.body.children];
  sortRows();
}

function sortRows() {
  const key = state.sort, c = columnOf.get(key), sign = state.down ? -1 : 1;
  const by = c ? (a, b) => {
    const x = value(a, c), y = value(b, c);
    return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);   /* nothing stands last */
  } : key === "spec" ? (a, b) => sign * (a.index - b.index) : (a, b) => sign * a[key].localeCompare(b[key]);
  grid.order = [...rows].sort((a, b) => by(a, b) || a.index - b.index);
  const all = document.createDocumentFragment();
  for (const r of grid.order)
    all.append(grid.tr[r.index]);
  grid.body.append(all);
  for (const th of document.querySelectorAll("#table thead th"))
    th.setAttribute("aria-sort", th.dataset.key === key ? (state.down ? "descending" : "ascending") : "none");
  filterRows();
}

function sortBy(key) {
  state.down = state.sort === key ? !state.down : (columnOf.get(key) || {}).better === 1;
  state.sort = key;
  sortRows();
  $("live").textContent = `sorted by ${key}, ${state.down ? "descending" : "ascending"}`;
}

function filterRows() {
  const filter = parseFilter(state.text);
  $("filter").setAttribute("aria-invalid", String(Boolean(filter.error)));
  grid.visible = grid.order.filter((r) => (!filter.test || filter.test(r)) && (!state.sign || r.sign === state.sign)
    && !state.off.has(r.family));
  const shown = new Set(grid.visible);
  for (const r of rows)
    grid.tr[r.index].hidden = !shown.has(r);
  $("table").setAttribute("aria-rowcount", String(grid.visible.length + 1));
  $("count").textContent = filter.error || `${grid.visible.length} of ${rows.length} multipliers`;
  /* one row can be reached with Tab: the selected one, else the first */
  const at = grid.visible.findIndex((r) => r.index === state.selected);
  rove(at < 0 ? 0 : at, false);
  drawScatter();
}

function rove(at, focus) {
  if (grid.reachable)
    grid.reachable.tabIndex = -1;
  grid.focus = Math.max(0, Math.min(grid.visible.length - 1, at));
  const row = grid.visible[grid.focus];
  grid.reachable = row && grid.tr[row.index];
  if (!row)
    return;
  grid.reachable.tabIndex = 0;
  if (focus)
    grid.reachable.focus();
}

grid.body.addEventListener("click", (e) => {
  const tr = e.target.closest("tr");
  if (tr) {
    rove(grid.visible.findIndex((r) => r.index === Number(tr.dataset.i)), false);
    select(Number(tr.dataset.i), "table");
  }
});
grid.body.addEventListener("keydown", (e) => {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -1e9, End: 1e9 };
  if (e.key in steps)
    rove(grid.focus + steps[e.key], true);
  else if ((e.key === "Enter" || e.key === " ") && grid.visible.length)
    select(grid.visible[grid.focus].index, "table");
  else
    return;
  e.preventDefault();
});

listeners.push((index, from) => {
  const before = grid.body.querySelector("tr[aria-selected=true]");
  if (before)
    before.setAttribute("aria-selected", "false");
  if (index < 0)
    return;
  grid.tr[index].setAttribute("aria-selected", "true");
  if (from !== "table") {
    const at = grid.visible.findIndex((r) => r.index === index);
    if (at >= 0)
      rove(at, false);
    const box = $("table").parentElement, tr = grid.tr[index];   /* scrolls the box, not the page */
    box.scrollTop += tr.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
  }
});

function setUpFilters() {
  data.conditions.forEach((c, i) => $("condition").append(
    element("option", { value: i }, `${c.liberty}, ${c.mode}, ${c.stimulus} (${c.multipliers})`)));
  if (!data.conditions.length)
    $("condition").append(element("option", {}, "nothing measured yet"));
  networks.forEach((n, i) => $("network").append(element("option", { value: i }, n.name)));
  $("network-label").hidden = networks.length < 1;
  $("condition").addEventListener("change", () => { state.condition = Number($("condition").value); figuresChanged(); });
  $("network").addEventListener("change", () => { state.network = Number($("network").value); figuresChanged(); });
  $("filter").addEventListener("input", () => { state.text = $("filter").value; filterRows(); });
  $("sign").addEventListener("change", () => { state.sign = $("sign").value; filterRows(); });
  $("filters").addEventListener("submit", (e) => e.preventDefault());
  $("filters").addEventListener("reset", () => setTimeout(() => {
    Object.assign(state, { text: "", sign: "", off: new Set(), condition: 0, network: 0 });
    figuresChanged();
  }));
  families.forEach((f, i) => {
    const box = element("input", { type: "checkbox", checked: true, value: f });
    const key = element("canvas", { width: 28, height: 28, style: "width:14px;height:14px", "aria-hidden": "true" });
    const draw = () => {
      const ctx = key.getContext("2d"), path = new Path2D();
      ctx.clearRect(0, 0, 28, 28);
      mark(path, i, 14, 14, 8);
      ctx.fillStyle = colour(i);
      ctx.fill(path);
    };
    draw();
    redraws.push(draw);
    box.addEventListener("change", () => { state.off[box.checked ? "delete" : "add"](f); filterRows(); });
    $("families").append(element("label", {}, box, key, `${f} (${rows.filter((r) => r.family === f).length})`), " ");
  });
  for (const c of columns.filter((x) => x.present)) {
    const box = element("input", { type: "checkbox", checked: Boolean(c.shown), value: c.key });
    box.addEventListener("change", () => { c.shown = box.checked; buildTable(); });
    document.querySelector("#columns fieldset").append(element("label", {}, box, " ", c.title), " ");
    $("glossary").append(element("dt", {}, `${c.title} (${c.key})`), element("dd", {}, c.help));
  }
}

/* Another condition or network: all figures, wherever they stand. */
function figuresChanged() {
  buildTable();
  showSelected();
  showPublished();
}
