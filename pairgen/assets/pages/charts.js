// Draws the charts of the data with Observable Plot, again when the width of the page changes.
(() => {
  "use strict";
  const HEIGHT = 190;

  function marks(chart, Plot) {
    const ink = { fill: "var(--bar)" };
    const axes = { x: { label: chart.x ?? null, labelAnchor: "center", labelArrow: "none", ticks: 5, tickFormat: plain },
      y: { label: null, grid: true, nice: true, ticks: 4, tickFormat: counts(chart) ? whole : plain } };
    switch (chart.kind) {
      case "histogram":
        return { ...axes, marks: [
          Plot.rectY(chart.bins, { x1: "x1", x2: "x2", y: "y", inset: 0.5, ...ink }), Plot.ruleY([0])] };
      case "bars":
        return { marginLeft: 132, x: { label: null, grid: true, ticks: 4, tickFormat: whole }, y: { label: null, tickFormat: short },
          height: Math.max(90, 34 + 22 * chart.bars.length), marks: [
            Plot.barX(chart.bars, { x: "count", y: "name", inset: 0.5, ...ink }), Plot.ruleX([0])] };
      case "spread": {
        const names = [...new Set(chart.bins.map((each) => each.name))];
        return { ...axes, marginRight: 132, height: 40 + 64 * names.length, y: { axis: null },
          fy: { axis: "right", label: null, domain: names, tickFormat: short }, marks: [
            Plot.rectY(chart.bins, { x1: "x1", x2: "x2", y: "y", fy: "name", inset: 0.5, ...ink }),
            Plot.ruleY([0])] };
      }
      default:
        return { ...axes, marks: [
          Plot.line(chart.points, { stroke: "var(--bar)", strokeWidth: 1.75 }),
          ...(chart.points.length < 40 ? [Plot.dot(chart.points, { r: 2.5, ...ink })] : [])] };
    }
  }

  const plain = (value) => (value !== 0 && Math.abs(value) < 1e-3
    ? value.toExponential() : value.toLocaleString("en", { maximumSignificantDigits: 4 }));
  // There is no half of a sample.
  const counts = (chart) => chart.kind !== "line" && chart.bins?.every((each) => Number.isInteger(each.y));
  const whole = (value) => (Number.isInteger(value) ? plain(value) : "");
  const short = (name) => {
    const shown = globalThis.pairgen.visible(String(name));
    return shown.length > 17 ? `${shown.slice(0, 16)}…` : shown;
  };

  function describe(chart) {
    const rows = chart.bins ?? chart.bars ?? chart.points;
    if (chart.kind === "bars") return rows.map((each) => `${each.name} ${each.count}`).join(", ");
    if (chart.kind === "line") return `from ${rows[0]?.[1]} to ${rows.at(-1)?.[1]}`;
    return `between ${rows[0]?.x1} and ${rows.at(-1)?.x2}`;
  }

  function draw(figure, chart) {
    const { Plot, visible } = { ...globalThis, ...globalThis.pairgen };
    const title = document.createElement("figcaption");
    title.append(visible(chart.title));
    if (chart.about) {
      const about = document.createElement("span");
      about.textContent = visible(chart.about);
      title.append(" ", about);
    }
    const plot = Plot.plot({
      width: Math.max(220, figure.clientWidth), height: HEIGHT, marginLeft: 60, marginBottom: chart.x ? 42 : 28,
      ariaLabel: chart.title, ariaDescription: describe(chart),
      style: { background: "transparent", color: "inherit", fontSize: "12px" }, ...marks(chart, Plot),
    });
    // One image with a name of its own: its parts have none.
    plot.querySelectorAll("[aria-label]").forEach((each) => each.removeAttribute("aria-label"));
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", visible(`${chart.title}: ${describe(chart)}`));
    figure.replaceChildren(title, plot);
  }

  function drawAll(charts) {
    const figures = [...document.querySelectorAll("figure.chart")];
    if (!figures.length) return;
    let width = 0;
    const again = () => {
      const found = document.documentElement.clientWidth;
      if (found === width) return;
      width = found;
      figures.forEach((figure) => draw(figure, charts[Number(figure.dataset.chart)]));
    };
    again();
    globalThis.addEventListener("resize", again);
  }
  globalThis.pairgen = { ...globalThis.pairgen, drawCharts: drawAll };
})();
