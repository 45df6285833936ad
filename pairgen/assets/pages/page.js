// Starts a page: its contents, charts, gallery, tables, and the enlarged image.
(() => {
  "use strict";
  const { drawCharts, startGallery, startTable, startViewer } = globalThis.pairgen;
  const data = JSON.parse(document.getElementById("data").textContent);

  const contents = document.getElementById("contents");
  document.querySelectorAll("main > section[id]").forEach((section) => {
    const [entry, link] = [document.createElement("li"), document.createElement("a")];
    link.href = `#${section.id}`;
    link.textContent = section.querySelector("h2").textContent;
    entry.append(link);
    contents.append(entry);
  });
  document.querySelectorAll("table.sorts").forEach(startTable);
  document.querySelectorAll(".copy").forEach((button) => {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        // A page that was opened as a file may not write to the clipboard.
        getSelection().selectAllChildren(button.parentElement.querySelector("code"));
        button.textContent = "Selected";
      }
    });
  });
  drawCharts(data.charts ?? []);
  startGallery(data);
  startViewer(data.cards ?? []);
})();
