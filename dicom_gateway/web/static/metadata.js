// Finds attributes in the header of an image: what does not fit is hidden, what fits inside a sequence is opened.
(() => {
  "use strict";
  const input = document.querySelector("[data-find]");
  if (!input) return;
  const state = document.getElementById(input.getAttribute("aria-describedby"));
  const rows = [...document.getElementById(input.dataset.find).querySelectorAll("tr[data-row]")];
  // The words of a row itself, without those of the entries inside it.
  const words = rows.map((row) => {
    const copy = row.cloneNode(true);
    for (const inner of copy.querySelectorAll("table")) inner.remove();
    return copy.textContent.toLowerCase();
  });
  const find = () => {
    const wanted = input.value.trim().toLowerCase();
    const shown = new Set();
    let hits = 0;
    rows.forEach((row, index) => {
      const fits = wanted !== "" && words[index].includes(wanted);
      row.classList.toggle("hit", fits);
      if (!fits) return;
      hits += 1;
      for (let at = row; at; at = at.parentElement.closest("tr[data-row]")) {
        shown.add(at);
        const fold = at.parentElement.closest("details");
        if (fold) fold.open = true;
      }
      for (const inner of row.querySelectorAll("tr[data-row]")) shown.add(inner);
    });
    for (const row of rows) row.hidden = wanted !== "" && !shown.has(row);
    state.textContent = wanted === "" ? "" : hits ? String(hits) : state.dataset.none;
  };
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, 120);
  });
})();
