// Draws the charts of the data with Observable Plot, again when the width of the page changes.
(() => {
  "use strict";
  const HEIGHT = 190;

  function marks(chart, Plot) {
    const ink = { fill: "var(--bar)" };
    const named = { labelArrow: "none" };
    const y = { ...named, label: chart.y ?? null, labelAnchor: "top", grid: true, nice: true, ...numbered(heights(chart)) };
    const axes = { y, x: { ...named, label: chart.x ?? null, labelAnchor: "center", ...numbered(widths(chart)) } };
    switch (chart.kind) {
      case "histogram":
        return { ...axes, marks: [
          Plot.rectY(chart.bins, { x1: "x1", x2: "x2", y: "y", inset: 0.5, ...ink }), Plot.ruleY([0])] };
      case "values":
        return { y, x: { label: null, domain: chart.bars.map((each) => each.name) }, marks: [
          Plot.barY(chart.bars, { x: "name", y: "count", inset: 0.5, ...ink }), Plot.ruleY([0])] };
      case "bars": {
        const longest = Math.max(...chart.bars.map((each) => short(each.name).length));
        return { marginLeft: Math.max(60, 16 + 6.6 * longest), marginTop: 8, height: 52 + 22 * chart.bars.length,
          x: { ...named, label: chart.y ?? null, labelAnchor: "right", grid: true, ...numbered(heights(chart)) },
          y: { label: null, domain: chart.bars.map((each) => each.name), tickFormat: (name) => short(name) }, marks: [
            Plot.barX(chart.bars, { x: "count", y: "name", inset: 0.5, ...ink }), Plot.ruleX([0])] };
      }
      case "spread": {
        const names = [...new Set(chart.bins.map((each) => each.name))];
        return { ...axes, marginRight: 132, height: 54 + 64 * names.length, y: { ...y, ticks: 2, labelAnchor: "center" },
          fy: { axis: "right", label: null, domain: names, padding: 0.25, tickFormat: (name) => short(name, 17) }, marks: [
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
    ? value.toExponential() : value.toLocaleString("en", { maximumSignificantDigits: 4,
      notation: Math.abs(value) < 1e6 ? "standard" : "compact" }));
  const short = (name, most = 31) => {
    const shown = globalThis.pairgen.visible(String(name));
    return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
  };

  // The numbers along an axis, and whether they are whole: there is no half of a sample or a step.
  function heights(chart) {
    const values = (chart.bars ?? chart.bins ?? []).map((each) => each.count ?? each.y);
    const whole = chart.kind !== "line" && values.every(Number.isInteger);
    return { whole, low: 0, high: Math.max(0, ...values) };
  }
  function widths(chart) {
    const values = chart.points?.map(([x]) => x) ?? (chart.bins ?? []).flatMap((each) => [each.x1, each.x2]);
    const whole = chart.whole ?? (chart.kind === "line" && values.every(Number.isInteger));
    return { whole, low: Math.min(...values), high: Math.max(...values) };
  }
  function numbered({ whole, low, high }, num = 4) {
    if (!whole) return { ticks: num, tickFormat: plain };
    return { ticks: globalThis.d3.ticks(low, high, num).filter(Number.isInteger), tickFormat: plain };
  }

  function describe(chart) {
    const rows = chart.bins ?? chart.bars ?? chart.points;
    if (chart.bars) return rows.map((each) => `${each.name} ${each.count}`).join(", ");
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
    if (chart.column) {
      const column = document.createElement("code");
      column.textContent = visible(chart.column);
      title.append(column);
    }
    const plot = Plot.plot({
      width: Math.max(220, figure.clientWidth), height: HEIGHT, marginLeft: 60, marginTop: chart.y ? 26 : 14,
      marginBottom: chart.x || chart.kind === "bars" ? 42 : 28,
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
      // What is folded up is drawn when it is opened.
      figures.filter((figure) => !figure.closest("details:not([open])")).forEach(drawOne);
    };
    const drawOne = (figure) => draw(figure, charts[Number(figure.dataset.chart)]);
    again();
    document.querySelectorAll("details").forEach((group) => group.addEventListener("toggle", () => {
      if (group.open) group.querySelectorAll("figure.chart").forEach(drawOne);
    }));
    globalThis.addEventListener("resize", again);
  }
  globalThis.pairgen = { ...globalThis.pairgen, drawCharts: drawAll };
})();
