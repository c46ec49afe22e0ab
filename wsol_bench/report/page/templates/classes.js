// The tables of classes: sortable by any column, searchable by name, collapsed at first.
(() => {
  const FEW = 25;
  const metrics = [...document.querySelectorAll('input[name="metric"]')].map((radio) => radio.value);

  const valueOf = (cell, kind) => {
    const text = cell.textContent.trim();
    if (kind === "text") return text.toLowerCase();
    return text === "–" ? Number.POSITIVE_INFINITY : Number(text);
  };

  for (const place of document.querySelectorAll(".class-table")) {
    const body = place.querySelector("tbody");
    const rows = [...body.rows];
    const search = place.querySelector("[data-search]");
    const status = place.querySelector("[data-status]");
    const more = place.querySelector("[data-all-rows]");
    let all = rows.length <= FEW;
    let sorted = null;

    const show = () => {
      const wanted = search.value.trim().toLowerCase();
      const found = [...body.rows].filter((row) => {
        const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
        row.hidden = !text.includes(wanted);
        return !row.hidden;
      });
      const short = !all && !wanted;
      if (short) found.slice(FEW).forEach((row) => { row.hidden = true; });
      const shown = short ? Math.min(FEW, found.length) : found.length;
      status.textContent = `${shown} of ${rows.length} classes shown`;
      more.hidden = !short || found.length <= FEW;
      more.textContent = `Show all ${rows.length} classes`;
    };

    const sort = () => {
      if (!sorted) return;
      const { column, kind, sign } = sorted;
      const keyed = rows.map((row) => [valueOf(row.cells[column], kind), row]);
      keyed.sort(([a], [b]) => {
        // Rows without a figure stay last in either order.
        if (a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY) return (a > b) - (a < b);
        return sign * ((a > b) - (a < b));
      });
      body.append(...keyed.map(([, row]) => row));
    };

    const heads = [...place.querySelectorAll("thead th")];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
      const kind = head.dataset.kind || "number";
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        // Names are sorted from A first, figures from the maximum first.
        const first = kind === "text" ? "ascending" : "descending";
        const second = kind === "text" ? "descending" : "ascending";
        const now = before === first ? second : first;
        heads.forEach((each) => each.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", now);
        sorted = { column, kind, sign: now === "ascending" ? 1 : -1 };
        sort();
        show();
      });
    });
    // A narrow screen shows the column of one method; a class hides the others.
    const method = place.querySelector("[data-method]");
    const pick = () => {
      const first = heads.length - method.options.length;
      for (const row of place.querySelectorAll("thead tr, tbody tr")) {
        for (let at = first; at < heads.length; at += 1) {
          row.cells[at].classList.toggle("other", at - first !== Number(method.value));
        }
      }
    };
    method.addEventListener("input", pick);
    pick();
    search.addEventListener("input", show);
    more.addEventListener("click", () => { all = true; show(); search.focus(); });
    document.addEventListener("metric", ({ detail }) => {
      place.querySelector("[data-metric-title]").textContent = detail.title;
      const at = metrics.indexOf(detail.metric);
      for (const cell of body.querySelectorAll("[data-all]")) {
        cell.textContent = cell.dataset.all.split(" ")[at];
      }
      sort();
      show();
    });
    show();
  }
})();
