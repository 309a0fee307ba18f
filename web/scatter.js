/* Plots: axes by uPlot, points by us.  And the scatter of the library. */

/* Fits its box; draw(pos) gets a function from values to canvas pixels: pos(x, y) = [left, top]. */
function chart(box, o) {
  const range = (axis) => () => {
    const { lo, hi, log } = axis;
    if (log)
      return uPlot.rangeLog(lo, hi === lo ? hi * 1.01 : hi, 10, false);
    const pad = (hi - lo || Math.abs(hi) || 1) * 0.04;
    return [lo - pad, hi + pad];
  };
  const line = () => ({ stroke: gridLine(), width: 1 });
  const axis = (a, more) => ({ label: a.label, stroke: () => ink(), grid: line(), ticks: line(), font: "12px system-ui",
    labelFont: "12px system-ui", ...more });
  const width = Math.max(260, box.clientWidth || 600);
  const u = new uPlot({
    width, height: o.height || Math.round(Math.min(460, Math.max(280, width * 0.62))),
    legend: { show: false }, padding: [12, 16, 0, 0],
    cursor: { drag: { x: false, y: false, setScale: false }, points: { show: false } },
    scales: { x: { time: false, distr: o.x.log ? 3 : 1, auto: false, range: range(o.x) },
      y: { distr: o.y.log ? 3 : 1, auto: false, range: range(o.y) } },
    axes: [axis(o.x, {}), axis(o.y, { size: 64 })],
    series: [{}, { show: true, paths: () => null, points: { show: false } }],
    hooks: { draw: [(self) => {
      const ctx = self.ctx;
      ctx.save();
      ctx.beginPath();
      ctx.rect(self.bbox.left - 8, self.bbox.top - 8, self.bbox.width + 16, self.bbox.height + 16);
      ctx.clip();
      o.draw(ctx, (x, y) => [self.valToPos(x, "x", true), self.valToPos(y, "y", true)], devicePixelRatio || 1);
      ctx.restore();
    }] },
  }, [[o.x.lo, o.x.hi], [o.y.lo, o.y.hi]], box);
  u.root.querySelector("canvas").setAttribute("aria-hidden", "true");
  return u;
}

const extent = (values) => values.reduce(([lo, hi], v) => [Math.min(lo, v), Math.max(hi, v)], [Infinity, -Infinity]);

const scatter = { plot: null, points: [], front: [], at: -1 };

/* Points that no other is as good as in both columns and better in one. */
function paretoFront(points, betterX, betterY) {
  const order = [...points].sort((p, q) => betterX * (q.x - p.x) || betterY * (q.y - p.y));
  const front = [];
  let best = -Infinity;
  for (const p of order) {
    const last = front[front.length - 1];
    if (betterY * p.y > best || (last && last.x === p.x && last.y === p.y))
      front.push(p);
    best = Math.max(best, betterY * p.y);
  }
  return front;
}

function drawScatter() {
  const box = $("scatter"), cx = columnOf.get($("x").value), cy = columnOf.get($("y").value);
  if (!cx || !cy)
    return;
  const logX = $("x-log").checked, logY = $("y-log").checked;
  const all = grid.visible.map((row) => ({ row, x: value(row, cx), y: value(row, cy) }));
  const known = all.filter((p) => p.x !== null && p.y !== null);
  const points = known.filter((p) => !(logX && p.x <= 0) && !(logY && p.y <= 0));
  const front = cx.better && cy.better ? paretoFront(known, cx.better, cy.better) : [];
  const drawn = front.filter((p) => points.includes(p));
  if (scatter.plot)
    scatter.plot.destroy();
  Object.assign(scatter, { plot: null, points: [...points].sort((p, q) => p.x - q.x || p.y - q.y), front, at: -1 });
  const [x0, x1] = extent(points.map((p) => p.x)), [y0, y1] = extent(points.map((p) => p.y));
  if (points.length)
    scatter.plot = chart(box, {
      x: { label: cx.title, log: logX, lo: x0, hi: x1 }, y: { label: cy.title, log: logY, lo: y0, hi: y1 },
      draw: (ctx, pos, ratio) => {
        if (drawn.length > 1) {
          ctx.beginPath();
          drawn.forEach((p, i) => ctx[i ? "lineTo" : "moveTo"](...pos(p.x, p.y)));
          ctx.strokeStyle = ink();
          ctx.setLineDash([4 * ratio, 4 * ratio]);
          ctx.lineWidth = ratio;
          ctx.stroke();
          ctx.setLineDash([]);
        }
        families.forEach((f, i) => {
          const path = new Path2D();
          for (const p of points)
            if (p.row.family === f)
              mark(path, i, ...pos(p.x, p.y), 3.6 * ratio);
          ctx.fillStyle = colour(i);
          ctx.globalAlpha = 0.85;
          ctx.fill(path);
        });
        const s = points.find((p) => p.row.index === state.selected);
        if (s) {
          ctx.globalAlpha = 1;
          ctx.beginPath();
          ctx.arc(...pos(s.x, s.y), 9 * ratio, 0, 2 * Math.PI);
          ctx.strokeStyle = ink();
          ctx.lineWidth = 2.5 * ratio;
          ctx.stroke();
        }
      },
    });
  describeScatter(cx, cy, all.length - known.length, known.length - points.length);
}

function describeScatter(cx, cy, unknown, notPositive) {
  const n = scatter.points.length, parts = [`${n} multipliers, ${cy.title} over ${cx.title}.`];
  if (n) {
    const [x0, x1] = extent(scatter.points.map((p) => p.x)), [y0, y1] = extent(scatter.points.map((p) => p.y));
    parts.push(`${cx.title} from ${figure(x0)} to ${figure(x1)}, ${cy.title} from ${figure(y0)} to ${figure(y1)}.`);
  }
  if (unknown)
    parts.push(`${unknown} have no such figure.`);
  if (notPositive)
    parts.push(`${notPositive} with 0 or less cannot stand on a logarithmic axis.`);
  $("scatter").setAttribute("aria-label", `Scatter plot: ${cy.title} over ${cx.title}, ${n} points`);
  const text = $("scatter-text");
  text.replaceChildren(element("p", {}, parts.join(" ")));
  if (!scatter.front.length)
    text.append(element("p", {}, "No Pareto front: one of the columns is neither better small nor large."));
  else
    text.append(plainTable("Pareto front", ["on the front", cx.title, cy.title],
                           scatter.front.map((p) => [p.row.spec, p.x, p.y])));
  const details = $("scatter-details"), left = notPositive ? `, ${notPositive} not on the logarithmic axes` : "";
  details.querySelector("summary").textContent = `The plot as text (${n} points${left}, ${scatter.front.length} on the front)`;
}

/* In CSS pixels from the corner of the plotting area. */
const placeOf = (p) => [scatter.plot.valToPos(p.x, "x"), scatter.plot.valToPos(p.y, "y")];

function nearest(left, top) {
  let best = -1, least = 14 * 14;
  scatter.points.forEach((p, i) => {
    const [x, y] = placeOf(p), d = (x - left) ** 2 + (y - top) ** 2;
    if (d < least) {
      least = d;
      best = i;
    }
  });
  return best;
}

function showTip(i) {
  const box = $("scatter");
  box.querySelectorAll(".tip").forEach((t) => t.remove());
  scatter.at = i;
  if (i < 0)
    return;
  const p = scatter.points[i], [x, y] = placeOf(p), over = scatter.plot.over;
  const tip = element("div", { class: "tip" }, `${p.row.spec}: ${figure(p.x)}, ${figure(p.y)}`);
  box.append(tip);
  const left = over.getBoundingClientRect().left - box.getBoundingClientRect().left + x;
  const top = over.getBoundingClientRect().top - box.getBoundingClientRect().top + y;
  tip.style.left = `${Math.max(0, Math.min(left + 10, box.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${Math.max(0, top - 30)}px`;
}

function placeIn(e) {
  const r = scatter.plot.over.getBoundingClientRect();
  return [e.clientX - r.left, e.clientY - r.top];
}

function setUpScatter() {
  const box = $("scatter"), offered = columns.filter((c) => c.present);
  for (const [id, first] of [["x", ["area_um2", "mae"]], ["y", ["mae", "mre_percent"]]]) {
    for (const c of offered)
      $(id).append(element("option", { value: c.key }, c.title));
    $(id).value = (offered.find((c) => c.key === first[0]) && rows.some((r) => r.at.size) ? first[0] : first[1]);
    $(id).addEventListener("change", drawScatter);
    $(`${id}-log`).addEventListener("change", drawScatter);
  }
  $("y-log").checked = true;
  box.addEventListener("click", (e) => {
    const i = scatter.plot ? nearest(...placeIn(e)) : -1;
    if (i >= 0)
      select(scatter.points[i].row.index, "plot");
  });
  box.addEventListener("mousemove", (e) => { if (scatter.plot) showTip(nearest(...placeIn(e))); });
  box.addEventListener("mouseleave", () => showTip(-1));
  box.addEventListener("blur", () => showTip(-1));
  box.addEventListener("keydown", (e) => {
    const n = scatter.points.length;
    if (!n)
      return;
    if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
      showTip(Math.max(0, Math.min(n - 1, scatter.at + (e.key === "ArrowRight" ? 1 : -1))));
    } else if (e.key === "ArrowUp" || e.key === "ArrowDown") {
      const on = scatter.front.map((p) => scatter.points.indexOf(p)).filter((i) => i >= 0).sort((a, b) => a - b);
      const k = on.indexOf(scatter.at) + (e.key === "ArrowUp" ? 1 : -1);
      showTip(on.length ? on[Math.max(0, Math.min(on.length - 1, k))] : -1);
    } else if ((e.key === "Enter" || e.key === " ") && scatter.at >= 0) {
      select(scatter.points[scatter.at].row.index, "plot");
      e.preventDefault();
      return;
    } else {
      return;
    }
    e.preventDefault();
    if (scatter.at >= 0) {
      const p = scatter.points[scatter.at];
      $("live").textContent = `${p.row.spec}: ${figure(p.x)}, ${figure(p.y)}`;
    }
  });
  listeners.push(() => { if (scatter.plot) scatter.plot.redraw(); });
  redraws.push(drawScatter);
}
