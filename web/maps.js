/* The selected multiplier: its figures, and heat maps of product and error. */

/* Products and errors of all operands [a][b], ascending; the inverse of report_pack_map() (explore/report.h). */
async function loadMap(row) {
  const packed = Uint8Array.from(atob(row.map), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [bitsA, bitsB] = row.width, w = bitsA + bitsB, na = 1 << bitsA, nb = 1 << bitsB, n = na * nb;
  const m = { na, nb, lowA: row.signed ? -na / 2 : 0, lowB: row.signed ? -nb / 2 : 0, product: new Int32Array(n),
    error: new Int32Array(n) };
  const above = new Int32Array(nb), range = 2 ** w;
  for (let i = 0; i < na; i++)
    for (let k = 0, left = 0; k < nb; k++) {
      const at = i * nb + k, exact = (m.lowA + i) * (m.lowB + k);
      above[k] = (above[k] + (bytes[at] | bytes[n + at] << 8)) & 0xffff;
      left = (left + above[k]) & 0xffff;
      let p = (exact + left) & (range - 1);
      if (row.signed && p >= range / 2)
        p -= range;
      m.product[at] = p;
      m.error[at] = p - exact;
    }
  return m;
}

/* Below 0 blue, above red, 0 the page's colour; t in -1..1. */
function heat(t) {
  const dark = darkScheme.matches, zero = dark ? [30, 34, 38] : [255, 255, 255];
  const end = t < 0 ? (dark ? [90, 175, 255] : [5, 60, 150]) : (dark ? [255, 120, 95] : [165, 15, 25]);
  const s = Math.min(1, Math.abs(t));
  return zero.map((z, i) => Math.round(z + (end[i] - z) * s));
}

function drawMap(canvas, m, values, top) {
  canvas.width = m.na;
  canvas.height = m.nb;
  const ctx = canvas.getContext("2d"), image = ctx.createImageData(m.na, m.nb);
  for (let i = 0; i < m.na; i++)
    for (let k = 0; k < m.nb; k++) {
      const v = values[i * m.nb + k], to = 4 * ((m.nb - 1 - k) * m.na + i);
      const [r, g, b] = heat(top ? Math.sign(v) * Math.sqrt(Math.abs(v) / top) : 0);
      image.data[to] = r;
      image.data[to + 1] = g;
      image.data[to + 2] = b;
      image.data[to + 3] = 255;
    }
  ctx.putImageData(image, 0, 0);
}

function mapFigure(row, m, name, values) {
  let top = 0;
  for (const v of values)
    top = Math.max(top, Math.abs(v));
  const canvas = element("canvas", { role: "img", tabindex: "0" });
  const [low, high] = extent([...values]);
  canvas.setAttribute("aria-label", `Heat map of the ${name} of ${row.spec}, ${figure(low)} to ${figure(high)}; `
    + "arrow keys read single operands");
  const out = element("output", { class: "note" }, "point, or use the arrow keys");
  const redraw = () => drawMap(canvas, m, values, top);
  const read = (a, b) => {
    canvas.at = [a, b];
    const at = (a - m.lowA) * m.nb + b - m.lowB;
    out.textContent = `${a} × ${b} = ${m.product[at]} (exact ${a * b}, error ${m.error[at]})`;
  };
  redraw();
  canvas.redraw = redraw;
  canvas.addEventListener("mousemove", (e) => {
    const r = canvas.getBoundingClientRect();
    const a = Math.floor((e.clientX - r.left) / r.width * m.na), b = Math.floor((r.bottom - e.clientY) / r.height * m.nb);
    read(m.lowA + Math.max(0, Math.min(m.na - 1, a)), m.lowB + Math.max(0, Math.min(m.nb - 1, b)));
  });
  canvas.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[e.key];
    if (!step)
      return;
    e.preventDefault();
    const [a, b] = canvas.at || [0, 0], by = e.shiftKey ? 16 : 1;
    read(Math.max(m.lowA, Math.min(m.lowA + m.na - 1, a + by * step[0])),
         Math.max(m.lowB, Math.min(m.lowB + m.nb - 1, b + by * step[1])));
    $("live").textContent = out.textContent;
  });
  const css = (t) => `rgb(${heat(t).join(" ")})`;
  const scale = element("div", { class: "scale", "aria-hidden": "true" });
  scale.style.background = `linear-gradient(to right, ${css(-1)}, ${css(0)}, ${css(1)})`;
  return element("figure", {}, canvas, scale,
                 element("div", { class: "ends" }, element("span", {}, figure(-top)), element("span", {}, "0"),
                         element("span", {}, figure(top))),
                 element("figcaption", {}, `${name[0].toUpperCase()}${name.slice(1)}: a across, b up; colour by the square root. `,
                         out));
}

function showSelected() {
  const row = rows[state.selected], title = $("selected-title"), box = $("figures"), maps = $("maps");
  if (!row) {
    title.textContent = "Selected: none";
    box.replaceChildren(element("p", { class: "note" }, "Select a multiplier in the plot or the table."));
    maps.replaceChildren();
    return;
  }
  title.textContent = `Selected: ${row.spec}`;
  const list = element("dl");
  for (const c of columns.filter((x) => x.present && value(row, x) !== null))
    list.append(element("div", {}, element("dt", {}, c.title), element("dd", {}, cellText(row, c))));
  box.replaceChildren(element("p", {}, [row.family, row.bits, row.sign].filter(Boolean).join(", ")), list);
  if (!row.error)
    box.append(element("p", { class: "note" }, "A foreign circuit: its products are not known here."));
  else if (!row.exhaustive)
    box.append(element("p", { class: "note" }, `≈: from ${data.samples} random operand pairs.`));
  if (maps.row === row)
    return;
  maps.row = row;
  maps.replaceChildren();
  if (!row.map) {
    if (row.error)
      maps.append(element("p", { class: "note" }, row.width[0] > 8 || row.width[1] > 8 ? "No heat maps above 8 × 8 bits."
        : `Its heat maps are not in this page, which has those of ${rows.filter((r) => r.map).length} multipliers; `
          + `name it, or give more room: axmul report ${row.spec} --maps KIB.`));
    return;
  }
  loadMap(row).then((m) => {
    if (rows[state.selected] !== row)
      return;
    maps.replaceChildren(element("div", { class: "maps" }, mapFigure(row, m, "product", m.product),
                                 mapFigure(row, m, "error", m.error)));
  }).catch(() => maps.replaceChildren(element("p", {}, "This browser cannot unpack the heat maps (DecompressionStream).")));
}

redraws.push(() => document.querySelectorAll("#maps canvas").forEach((c) => c.redraw()));
listeners.push(showSelected);
