// The enlarged image of a card: zoom, a slider between two of its images, its strip, and its facts.
(() => {
  "use strict";
  const ZOOMS = [1, 2, 3, 4, 6, 8, 12, 16];

  function startViewer(cards) {
    const viewer = document.getElementById("viewer");
    const get = (selector) => viewer.querySelector(selector);
    const [stage, sheet, above, below, cut] = [".stage", ".sheet", "#above", "#below", "#cut"].map(get);
    const [left, right, slider, compare] = ["#left", "#right", "#slider", ".compare"].map(get);
    const { visible } = globalThis.pairgen;
    let item = null, pictures = [], zoom = 0, opener = null;

    // Cards that are shown, in the order of the page.
    const visibleCards = () => [...document.querySelectorAll("[data-card]")].filter((each) => !each.hidden);

    function place() {
      const [a, b] = [pictures[left.value], pictures[right.value]];
      const width = Math.max(...pictures.map((each) => each.width));
      const height = Math.max(...pictures.map((each) => each.height));
      const room = Math.min(stage.clientWidth / width, stage.clientHeight / height);
      // The images of a card are shown in one size, so that a slider compares the same places.
      const scale = zoom || room;
      sheet.style.width = `${Math.round(width * scale)}px`;
      sheet.style.height = `${Math.round(height * scale)}px`;
      for (const [image, picture] of [[above, a], [below, b]]) {
        image.src = picture.src;
        image.alt = picture.label;
        image.classList.toggle("pixels", (width * scale) / picture.width > 1.01);
      }
      const share = pictures.length > 1 ? Number(slider.value) : 100;
      above.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
      cut.style.left = `${share}%`;
      cut.hidden = pictures.length < 2;
      get("#zoom").textContent = zoom ? `${zoom}×` : "fit";
      get(".film").querySelectorAll("button").forEach((each, i) => {
        each.setAttribute("aria-pressed", String(i === Number(right.value)));
      });
    }

    function fill(select, chosen) {
      select.replaceChildren(...pictures.map((each, i) => new Option(visible(each.label), i)));
      select.value = chosen;
    }

    function show(next) {
      item = next;
      const card = cards[Number(item.dataset.card)];
      pictures = [...item.querySelectorAll("img")].map((each) => ({
        src: each.src, label: each.dataset.label, note: each.dataset.note ?? "",
        member: each.dataset.member ?? "",
        width: Number(each.getAttribute("width")), height: Number(each.getAttribute("height")) }));
      get("#viewer-title").textContent = visible(card.key);
      get(":scope > .text").textContent = visible(card.text);
      get(":scope > .facts").replaceChildren(...Object.entries(card.facts).map(([name, value]) => {
        const row = document.createElement("div");
        const [term, told] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = visible(name);
        told.textContent = visible(value);
        row.append(term, told);
        return row;
      }));
      fill(left, 0);
      fill(right, pictures.length - 1);
      compare.hidden = pictures.length < 2;
      get(".film").hidden = pictures.length < 2;
      get(".film").replaceChildren(...pictures.map((each, i) => {
        const [entry, button, image] = ["li", "button", "img"].map((tag) => document.createElement(tag));
        button.type = "button";
        button.title = visible(each.member);
        image.src = each.src;
        image.alt = "";
        const label = document.createElement("span");
        label.textContent = visible([each.label, each.note].filter(Boolean).join(", "));
        button.append(image, label);
        button.addEventListener("click", () => { right.value = i; slider.value = 0; place(); });
        entry.append(button);
        return entry;
      }));
      place();
    }

    function move(by) {
      const every = visibleCards();
      const at = every.indexOf(item) + by;
      if (at >= 0 && at < every.length) show(every[at]);
    }
    function step(by) {
      const last = ZOOMS.length;
      const at = zoom ? ZOOMS.indexOf(zoom) + 1 : 0;
      zoom = [0, ...ZOOMS][Math.min(last, Math.max(0, at + by))];
      place();
    }
    const actions = { previous: () => move(-1), next: () => move(1), out: () => step(-1),
      in: () => step(1), fit: () => { zoom = 0; place(); }, close: () => viewer.close() };
    viewer.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) actions[action]();
      else if (event.target === viewer) viewer.close();
    });
    viewer.addEventListener("keydown", (event) => {
      // In a field, arrows and letters are the field's own.
      if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
      const scrolls = event.target === stage && zoom;
      const keys = { "+": "in", "=": "in", "-": "out", 0: "fit",
        ...(scrolls ? {} : { ArrowLeft: "previous", ArrowRight: "next" }) };
      if (keys[event.key]) {
        event.preventDefault();
        actions[keys[event.key]]();
      }
    });
    slider.addEventListener("input", place);
    [left, right].forEach((each) => each.addEventListener("change", place));
    // Along the image itself, by mouse or finger.
    sheet.addEventListener("pointermove", (event) => {
      if (pictures.length < 2 || (event.pointerType === "touch" && zoom)) return;
      if (event.pointerType === "mouse" && !event.buttons) return;
      const box = sheet.getBoundingClientRect();
      slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      place();
    });
    globalThis.addEventListener("resize", () => { if (viewer.open) place(); });
    viewer.addEventListener("close", () => {
      (item?.querySelector(".open") ?? opener)?.focus();
    });
    document.querySelectorAll("[data-card] .open").forEach((button) => {
      button.addEventListener("click", () => {
        opener = button;
        zoom = 0;
        slider.value = 50;
        viewer.showModal();
        show(button.closest("[data-card]"));
      });
    });
  }
  globalThis.pairgen = { ...globalThis.pairgen, startViewer };
})();
