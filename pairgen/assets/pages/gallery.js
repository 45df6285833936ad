// The filter and the order of a gallery; tables that sort.
(() => {
  "use strict";

  function order(a, b) {
    return globalThis.pairgen.where.order(a, b);
  }

  /** Sort rows by their values; those without one come last, equal ones keep their order. */
  function sorted(rows, values, descending) {
    const missing = (value) => value === null || value === undefined || value !== value;
    return rows.map((row, i) => [row, values[i]]).sort(([, a], [, b]) => {
      if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
      return descending ? order(b, a) : order(a, b);
    }).map(([row]) => row);
  }

  function startGallery(data) {
    const field = document.getElementById("where");
    if (!field) return;
    const { where } = globalThis.pairgen;
    const columns = where.decode(data.columns);
    const list = field.closest(".gallery").querySelector(".cards");
    const cards = [...list.children];
    const [found, sort, descending] = ["found", "sort", "order"].map((id) => document.getElementById(id));

    function filter() {
      const text = field.value.trim();
      field.removeAttribute("aria-invalid");
      try {
        const kept = text ? where.mask(text, columns, cards.length) : cards.map(() => true);
        cards.forEach((card, i) => { card.hidden = !kept[i]; });
        const num = kept.filter(Boolean).length;
        found.textContent = text
          ? `${num} of the ${cards.length} samples on this page meet the condition.`
          : `${cards.length} samples.`;
      } catch (error) {
        if (!(error instanceof where.WhereError)) throw error;
        field.setAttribute("aria-invalid", "true");
        found.textContent = globalThis.pairgen.visible(`The condition cannot be used: ${error.message}.`);
      }
    }
    function arrange() {
      const pressed = descending.getAttribute("aria-pressed") === "true";
      list.append(...sorted(cards, columns[sort.value].values, pressed));
    }
    field.form.addEventListener("submit", (event) => event.preventDefault());
    field.addEventListener("input", filter);
    sort.addEventListener("change", arrange);
    descending.addEventListener("click", () => {
      descending.setAttribute("aria-pressed", String(descending.getAttribute("aria-pressed") !== "true"));
      arrange();
    });
    filter();
  }

  function startTable(table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const valueOf = (row, i) => {
      const { value } = row.cells[i].dataset;
      if (value === undefined || value === "") return null;
      return Number.isNaN(Number(value)) ? value : Number(value);
    };
    heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      let values = rows.map((row) => valueOf(row, i));
      // Numbers and texts in one column have an order as texts alone.
      if (new Set(values.filter((each) => each !== null).map((each) => typeof each)).size > 1) {
        values = values.map((each) => (each === null ? each : String(each)));
      }
      body.append(...sorted(rows, values, descending));
    }));
  }
  globalThis.pairgen = { ...globalThis.pairgen, startGallery, startTable };
})();
