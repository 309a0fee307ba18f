/* Begins. */
setUpFilters();
setUpScatter();
setUpSections();
buildTable();
showSelected();
{
  const measured = rows.filter((r) => r.at.size).length, mapped = rows.filter((r) => r.map).length;
  $("summary").textContent = `${rows.length} multipliers, ${measured} of them measured, heat maps of ${mapped}. `
    + (data.conditions_left_out ? `${data.conditions_left_out} further sets of conditions in the store are not shown. ` : "");
  $("made").textContent = `Made by axmul ${data.version} report from ${data.measurements} measurements`
    + (data.newest ? `, the newest of ${data.newest} UTC.` : ".");
}
darkScheme.addEventListener("change", () => redraws.forEach((f) => f()));
{
  let width = window.innerWidth, timer = 0;
  window.addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (window.innerWidth !== width)
        redraws.forEach((f) => f());
      width = window.innerWidth;
    }, 150);
  });
}
document.documentElement.dataset.ready = String(Math.round(performance.now()));
