// Tables that are sorted by their heads and filtered above them; without a script they are plain.
"use strict";

(() => {
  const NUMBER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  function keyOf(cell) {
    const key = cell.dataset.key ?? cell.textContent.trim();
    if (!cell.classList.contains("number")) return key;
    return key === "" || key === "–" ? NaN : Number(key);
  }

  // What is missing stands last whichever way the rest is sorted.
  function compare(a, b, down) {
    if (typeof a === "number") {
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return down ? b - a : a - b;
    }
    return down ? NUMBER.compare(b, a) : NUMBER.compare(a, b);
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = before === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", order);
        const rows = [...table.tBodies[0].rows];
        const keys = new Map(rows.map((row) => [row, keyOf(row.cells[place])]));
        rows.sort((a, b) => compare(keys.get(a), keys.get(b), order === "descending"));
        table.tBodies[0].append(...rows);
      });
    });
  }

  function filterable(box, table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 5) return;
    const heads = [...table.tHead.rows[0].cells];
    const tools = document.createElement("div");
    tools.className = "table-tools";
    tools.setAttribute("role", "search");
    tools.setAttribute("aria-label", `Filter: ${table.caption?.textContent ?? "table"}`);
    const count = document.createElement("output");

    const text = document.createElement("input");
    text.type = "search";
    text.placeholder = "Filter rows";
    text.setAttribute("aria-label", "Filter rows");
    tools.append(text);

    const choices = heads.flatMap((head, place) => {
      if (!("facet" in head.dataset)) return [];
      const values = [...new Set(rows.map((row) => row.cells[place].textContent))];
      if (values.length < 2) return [];
      const select = document.createElement("select");
      select.setAttribute("aria-label", head.textContent);
      select.append(new Option(`any ${head.textContent}`, ""));
      values.sort(NUMBER.compare).forEach((value) => select.append(new Option(value, value)));
      tools.append(select);
      return [{ place, select }];
    });

    function apply() {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row) => {
        const line = row.textContent.toLowerCase();
        const kept =
          words.every((word) => line.includes(word)) &&
          choices.every((c) => !c.select.value || row.cells[c.place].textContent === c.select.value);
        row.hidden = !kept;
        shown += kept;
      });
      count.textContent = `${shown} of ${rows.length} rows`;
    }

    tools.addEventListener("input", apply);
    tools.append(count);
    box.prepend(tools);
    apply();
  }

  document.querySelectorAll(".results").forEach((box) => {
    const table = box.querySelector("table.sortable");
    if (!table) return;
    filterable(box, table);
    sortable(table);
  });
})();
