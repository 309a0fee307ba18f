/* Below the library: the paper's tables, information planes, searches. */
function addSection(id, title, ...children) {
  const s = element("section", { id, "aria-labelledby": `${id}-title` }, element("h2", { id: `${id}-title` }, title), ...children);
  $("more").append(s);
  $("sections").append(element("li", {}, element("a", { href: `#${id}` }, title)));
  return s;
}

const note = (text) => element("p", { class: "note" }, text);
const percent = (v, digits) => (v === null || v === undefined || Number.isNaN(v) ? "–" : v.toFixed(digits === undefined ? 1 : digits));
const signed = (v, digits) => (v === null || Number.isNaN(v) ? "–" : (v > 0 ? "+" : "") + v.toFixed(digits));
const columnValue = (spec, key) => (rowOf.has(spec) ? value(rowOf.get(spec), columnOf.get(key)) : null);

/* --- the tables of Shakibhamedan et al. 2024 --- */

function table4() {
  const c = data.conditions[state.condition], lines = data.published.map(([spec, printed, entropy]) => {
    const energy = columnValue(spec, "coef_energy"), p1 = columnValue(spec, "coef_p1"), h = columnValue(spec, "entropy_bits");
    return [spec, percent(printed, 2), percent(energy, 3), energy === null ? "–" : signed(energy - printed, 3), percent(p1, 3),
      p1 === null ? "–" : signed(p1 - printed, 3), percent(columnValue(spec, "area_um2"), 0), percent(entropy, 3), percent(h, 3)];
  });
  const parts = [plainTable("Table 4 beside ours", ["multiplier", "printed", "energy, rel.", "difference", "P1, rel.", "difference",
    "area µm²", "entropy, printed", "entropy, ours"], lines)];
  if (c && c.tracks.length)
    parts.push(note(c.tracks.map(([mean, max, rho], i) => `${i ? "P1 against an array multiplier" : "Energy against the same structure exact"}: `
      + `mean error ${mean.toFixed(3)}, max ${max.toFixed(3)}, Spearman ${rho.toFixed(3)} over the 20 rows. `).join("")));
  else
    parts.push(note("Not all rows are measured under these conditions: axmul coef --paper measures them."));
  parts.push(note("The printed entropy of SCDM8_84, 13.641, is an erratum: the authors' own table gives 13.554."));
  return parts;
}

function table6() {
  const top1 = networks.length ? (spec) => columnValue(spec, "top1_percent") : () => null;
  const parts = [plainTable("Table 6 beside ours", ["multiplier", "top-1 %, printed", "top-1 %, ours", "saving %, printed",
    "saving %, from the printed coefficient", "plain saving %", "saving %, from our energy"],
  data.published.map(([spec, coefficient, , accuracy, saving], i) => {
    const own = i ? columnValue(spec, "coef_energy") : 1;
    const ours = top1(spec) === null && !i ? top1("exact8s") : top1(spec);
    return [spec, percent(accuracy, 2), percent(ours, 2), percent(saving, 0), percent(100 * (1 / coefficient - 1)),
      percent(100 * (1 - coefficient)), own ? percent(100 * (1 / own - 1)) : "–"];
  }))];
  parts.push(note("One multiplier in all layers, MNIST. Savings by the paper's formula, E_exact/E_approx − 1, which can pass 100 %, "
    + "and plain, 1 − E_approx/E_exact. " + (networks.length ? `Ours: ${networks[state.network].name}.`
    : "Ours is empty: give axmul report the CSV of axmul infer --paper with --accuracy.")));
  return parts;
}

function table3() {
  return [plainTable("Table 3 beside ours", ["row", "multipliers of conv1–5, fc1–3", "top-1 %, printed", "saving %, printed",
    "saving %, from Table 4", "plain saving %"],
  data.assignments.map((a, i) => [i + 1, a.rows.map((r) => data.published[r][0].replace("scdm8s_", "")).join(" "),
    percent(a.printed[0], 2), percent(a.printed[1], 0), percent(a.ours[0]), percent(a.ours[1])])),
  note("The four published assignments of a multiplier to each layer; 3,305,600 multiplications.")];
}

function showPublished() {
  $("table4").replaceChildren(...table4());
  $("table6").replaceChildren(...table6());
}

/* --- plots of given files --- */

/* groups: [{ name, points: [[x, y], ...], line }]; a legend, the plot, a table of all points. */
function plotOf(title, x, y, groups, table) {
  const box = element("div", { role: "img", "aria-label": `${title}: ${y} over ${x}; the same as a table follows` });
  const legend = element("p", {});
  groups.forEach((g, i) => {
    const key = element("span", { "aria-hidden": "true" }, "●■▲◆▼"[i % 5]);
    key.style.color = colour(i);
    redraws.push(() => { key.style.color = colour(i); });
    legend.append(element("label", {}, key, ` ${g.name}`), " ");
  });
  const all = groups.flatMap((g) => g.points);
  let plot = null;
  const draw = () => {
    if (plot)
      plot.destroy();
    const [x0, x1] = extent(all.map((p) => p[0])), [y0, y1] = extent(all.map((p) => p[1]));
    plot = chart(box, { height: 340, x: { label: x, lo: x0, hi: x1 }, y: { label: y, lo: y0, hi: y1 },
      draw: (ctx, pos, ratio) => groups.forEach((g, i) => {
        const path = new Path2D();
        for (const p of g.points)
          mark(path, i, ...pos(p[0], p[1]), 3.2 * ratio);
        ctx.fillStyle = ctx.strokeStyle = colour(i);
        ctx.fill(path);
        if (g.line) {
          ctx.beginPath();
          g.points.forEach((p, k) => ctx[k ? "lineTo" : "moveTo"](...pos(p[0], p[1])));
          ctx.lineWidth = ratio;
          ctx.stroke();
        }
      }) });
  };
  const figureBox = element("figure", { style: "margin:0;max-width:52rem" }, box, legend);
  const details = element("details", {}, element("summary", {}, `${title} as a table`));
  details.addEventListener("toggle", () => {   /* thousands of rows only when asked for */
    if (details.open && details.children.length === 1)
      details.append(plainTable(title, table.heads, table.lines));
  });
  if (all.length) {
    redraws.push(draw);
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((e) => e.isIntersecting)) {
        seen.disconnect();
        draw();
      }
    });
    seen.observe(figureBox);
    box.style.minHeight = "340px";
  }
  return [figureBox, details];
}

function showPlanes() {
  if (!data.planes.length)
    return;
  const s = addSection("planes", "Information plane", note("I(X;T) = H(T) and I(T;Y) of each layer, X the image, "
    + "T the layer's output, Y the label; exact for the images named."));
  for (const file of data.planes) {
    const by = new Map();
    for (const [, layer, ix, iy] of file.rows)
      if (typeof ix === "number" && typeof iy === "number")
        by.set(layer, [...(by.get(layer) || []), [ix, iy]]);
    const epochs = file.rows.some((r) => typeof r[4] === "number" && r[4] >= 0);
    s.append(element("h3", {}, file.file), ...plotOf(`Information plane, ${file.file}`, "I(X;T) bits", "I(T;Y) bits",
      [...by].map(([name, points]) => ({ name, points, line: epochs })),
      { heads: ["row", "layer", "I(X;T) bits", "I(T;Y) bits", "epoch"], lines: file.rows.map((r) => r.slice(0, 5).map((v) => (v === null ? "–" : v))) }));
  }
}

function showSearches() {
  if (!data.searches.length && !data.history.length)
    return;
  const s = addSection("searches", "Searches");
  for (const h of data.history) {
    const points = h.rows.filter((r) => r[2] !== null && r[3]).map((r) => [r[0], 100 * r[2] / r[3]]);
    s.append(element("h3", {}, `Progress, ${h.file}`), ...plotOf(`Progress, ${h.file}`, "generation", "best top-1 % so far",
      [{ name: "best so far", points, line: true }],
      { heads: ["generation", "evaluations", "best correct", "images", "remembered", "run", "seconds", "cost"], lines: h.rows }));
  }
  for (const x of data.searches) {
    s.append(element("h3", {}, `${x.network}, ${x.images} images (${x.file})`));
    s.append(element("p", {}, `${x.evaluated} assignments of ${x.multipliers} multipliers to ${x.layers.split(",").length} layers scored; `
      + `best ${percent(100 * x.best_correct / x.images, 2)} %: ${x.best.join(", ")}.`));
    s.append(note("Scored on the images that were searched on: an accuracy picked as the best of many is too good."));
    const costed = x.points.filter((p) => p[2] !== null);
    if (costed.length) {
      const front = paretoFront(costed.map((p) => ({ x: p[2], y: p[0] })), 1, 1);
      s.append(...plotOf(`Assignments, ${x.file}`, "plain energy saving % (Table 4)", "top-1 %",
        [{ name: `scored (${costed.length < x.evaluated ? `${costed.length} of ${x.evaluated}` : costed.length})`, points: costed.map((p) => [p[2], p[0]]) },
          { name: "front", points: front.map((p) => [p.x, p.y]), line: true }],
        { heads: ["front: plain saving %", "top-1 %"], lines: front.map((p) => [figure(p.x), p.y]) }));
    }
  }
}

function setUpSections() {
  $("sections").append(element("li", {}, element("a", { href: "#library" }, "Multipliers")));
  addSection("published", "The paper's tables beside ours",
             note("Shakibhamedan et al. 2024, doi:10.1109/TCSI.2024.3369230. Ours under the conditions and for the network chosen above."),
             element("h3", {}, "Table 4: power coefficients"), element("div", { id: "table4" }),
             element("h3", {}, "Table 6: one multiplier in all layers"), element("div", { id: "table6" }),
             element("h3", {}, "Table 3: a multiplier for each layer"), ...table3());
  showPublished();
  showPlanes();
  showSearches();
}
