// Sorts a table by the column whose heading is pressed; cells may give their number as data-value.
const makeSortable = (table) => {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const valueOf = (cell, text) => {
    if (text) return cell.textContent.trim().toLowerCase();
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  };
  heads.forEach((head, column) => {
    const text = head.dataset.kind === "text";
    const first = head.dataset.better === "high" ? -1 : 1;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const sign = before === "none" ? first : before === "ascending" ? -1 : 1;
      for (const each of heads) each.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const keyed = [...body.rows].map((row) => [valueOf(row.cells[column], text), row]);
      // Rows without a figure stay last in either order.
      keyed.sort(([a], [b]) => (a === null) - (b === null) || sign * ((a > b) - (a < b)));
      body.append(...keyed.map(([, row]) => row));
    });
  });
};
for (const id of ["ranking-table", "board"]) {
  const table = document.getElementById(id);
  if (table) makeSortable(table);
}
