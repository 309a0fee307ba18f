"use strict";
/* What the page knows, and the columns that show it. */
const data = JSON.parse(document.getElementById("data").textContent);

/* from: where a figure stands ("at": by condition); better: -1 small, 1 large, 0 neither. */
const columns = [
  { key: "area_um2", title: "area µm²", from: "at", at: 1, better: -1, shown: true, help: "Cell area of the mapped netlist." },
  { key: "cells", title: "cells", from: "at", at: 2, better: -1, help: "Cells of the mapped netlist." },
  { key: "delay_ns", title: "delay ns", from: "at", at: 3, better: -1, shown: true, help: "Critical path." },
  { key: "p0_mw", title: "P0 mW", from: "at", at: 4, better: -1,
    help: `Power at ${data.mhz} MHz without glitches, leakage included.` },
  { key: "p1_mw", title: "P1 mW", from: "at", at: 5, better: -1, shown: true,
    help: `Power at ${data.mhz} MHz with unit delays, leakage included.` },
  { key: "p2_mw", title: "P2 mW", from: "at", at: 6, better: -1,
    help: `Power at ${data.mhz} MHz with the library's delays, leakage included.` },
  { key: "energy_mw_ns", title: "energy mW ns", from: "at", at: 7, better: -1, shown: true,
    help: "P1 × delay: an operation as long as the circuit's own critical path." },
  { key: "coef_energy", title: "energy, rel.", from: "at", at: 8, better: -1, shown: true,
    help: "That energy relative to the same structure exact; families without one: to an array multiplier." },
  { key: "coef_p1", title: "P1, rel.", from: "at", at: 9, better: -1, help: "P1 relative to an array multiplier." },
  { key: "mae", title: "MAE", from: "error", at: 0, better: -1, shown: true, help: "Mean absolute error." },
  { key: "mae_percent", title: "MAE %", from: "error", at: 1, better: -1, help: "MAE of the product's range 2^w." },
  { key: "wce", title: "WCE", from: "error", at: 2, better: -1, shown: true, help: "Worst-case absolute error." },
  { key: "mre_percent", title: "MRE %", from: "error", at: 3, better: -1, shown: true,
    help: "Mean relative error over pairs whose exact product is not 0." },
  { key: "wcre_percent", title: "WCRE %", from: "error", at: 4, better: -1, help: "Worst-case relative error." },
  { key: "ep_percent", title: "EP %", from: "error", at: 5, better: -1, shown: true, help: "Share of wrong products." },
  { key: "mse", title: "MSE", from: "error", at: 6, better: -1, help: "Mean squared error." },
  { key: "nmed", title: "NMED", from: "error", at: 7, better: -1, help: "MAE over the largest exact product." },
  { key: "bias", title: "bias", from: "error", at: 8, better: 0, help: "Mean error, approximate − exact." },
  { key: "entropy_bits", title: "entropy bits", from: "error", at: 9, better: 0, shown: true,
    help: "Entropy of the product over all operand pairs." },
  { key: "top1_percent", title: "top-1 %", from: "network", better: 1, shown: true,
    help: "Accuracy of the chosen network with this multiplier in all layers." },
];

/* Sets of accuracies: those given, and the homogeneous assignments that searches scored. */
const networks = data.accuracy.map((a) => ({ name: a.name, of: a.of }));
for (const s of data.searches)
  if (Object.keys(s.homogeneous).length)
    networks.push({ name: `${s.network}, ${s.images} images of ${s.file}`, of: s.homogeneous });

const state = { condition: 0, network: 0, selected: -1, sort: "spec", down: false, text: "", sign: "", off: new Set() };

const rows = data.multipliers.map((m, index) => ({
  index, spec: m.spec, family: m.family || "foreign", map: m.map,
  sign: m.signed === undefined ? "" : m.signed ? "signed" : "unsigned",
  bits: m.bits ? `${m.bits[0]}×${m.bits[1]}` : "", width: m.bits, signed: m.signed, exhaustive: m.exhaustive !== false,
  error: m.error, at: new Map(m.at.map((v) => [v[0], v])),
}));
const rowOf = new Map(rows.map((r) => [r.spec, r]));
const families = [...new Set(rows.map((r) => r.family))];

function value(row, column) {
  if (column.from === "error")
    return row.error ? row.error[column.at] : null;
  if (column.from === "at") {
    const v = row.at.get(state.condition);
    return v ? v[column.at] : null;
  }
  const set = networks[state.network];
  return set && set.of[row.spec] ? set.of[row.spec][0] : null;
}

const columnOf = new Map(columns.map((c) => [c.key, c]));
/* A column that nothing in this page has, under any condition, is not offered. */
for (const c of columns)
  c.present = c.from === "network" ? networks.length > 0
    : rows.some((r) => (c.from === "error" ? r.error && r.error[c.at] !== null : r.at.size > 0));

/* --- small things --- */

const $ = (id) => document.getElementById(id);

function element(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {}))
    if (v !== null && v !== undefined && v !== false)
      e.setAttribute(k, v === true ? "" : v);
  e.append(...children);
  return e;
}

function figure(v) {
  if (v === null || v === undefined)
    return "–";
  if (v === 0)
    return "0";
  const a = Math.abs(v);
  if (a >= 1e7 || a < 1e-4)
    return v.toExponential(2);
  return String(a >= 1000 ? Math.round(v * 10) / 10 : Number(v.toPrecision(4)));
}

/* Table in a scrolling box: heads are texts, cells texts or numbers. */
function plainTable(caption, heads, lines) {
  const table = element("table", {}, element("caption", { class: "hidden" }, caption));
  const head = element("tr");
  heads.forEach((h, i) => head.append(element("th", { scope: "col", class: i ? null : "text" }, h)));
  table.append(element("thead", {}, head));
  const body = element("tbody");
  for (const line of lines) {
    const tr = element("tr");
    line.forEach((c, i) => tr.append(i ? element("td", typeof c === "string" && isNaN(parseFloat(c)) && c !== "–"
      ? { class: "text" } : {}, typeof c === "number" || c === null || c === undefined ? figure(c) : c)
      : element("th", { scope: "row" }, String(c))));
    body.append(tr);
  }
  table.append(body);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
}

/* Colours that keep apart for most eyes, with a mark each; dark: on a dark page. */
const palette = [
  ["#0072b2", "#56b4e9"], ["#d55e00", "#ff8a3d"], ["#00805f", "#2fd6a8"], ["#a8527f", "#f29ac8"], ["#8a6d00", "#f0c43c"],
  ["#444444", "#cfcfcf"], ["#6a3db8", "#b79cff"], ["#007d8a", "#4fd0de"], ["#a3242c", "#ff8087"], ["#4d7a00", "#a5d84b"],
];
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const gridLine = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
const colour = (i) => palette[i % palette.length][darkScheme.matches ? 1 : 0];
const redraws = [];   /* called when the colour scheme changes */

/* Traces mark number k with "radius" r around x, y. */
function mark(path, k, x, y, r) {
  const shape = (points) => points.forEach(([dx, dy], i) => path[i ? "lineTo" : "moveTo"](x + dx * r, y + dy * r));
  switch (k % 5) {
  case 0: path.moveTo(x + r, y); path.arc(x, y, r, 0, 2 * Math.PI); break;
  case 1: shape([[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]]); path.closePath(); break;
  case 2: shape([[0, -1.2], [1.1, .8], [-1.1, .8]]); path.closePath(); break;
  case 3: shape([[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]]); path.closePath(); break;
  default: shape([[0, 1.2], [1.1, -.8], [-1.1, -.8]]); path.closePath();
  }
}

const listeners = [];   /* of the selection */
function select(index, from) {
  state.selected = index;
  for (const f of listeners)
    f(index, from);
  $("live").textContent = index < 0 ? "" : `selected ${rows[index].spec}`;
}
