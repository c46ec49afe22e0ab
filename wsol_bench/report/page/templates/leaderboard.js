// Filters the leaderboard; the filters are kept in the address, so that a view can be linked.
(() => {
  const table = document.getElementById("board");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const form = document.getElementById("filters");
  const selects = [...form.querySelectorAll("select")];
  const status = document.getElementById("status");

  const filter = () => {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !selects.every((select) => !select.value || row.dataset[select.name] === select.value);
      shown += !row.hidden;
    }
    status.textContent = `${shown} of ${rows.length} rows`;
    const chosen = selects.filter((select) => select.value).map((select) => [select.name, select.value]);
    history.replaceState(null, "", `?${new URLSearchParams(chosen)}${location.hash}`);
  };

  const wanted = new URLSearchParams(location.search);
  for (const select of selects) {
    const value = wanted.get(select.name);
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
})();
