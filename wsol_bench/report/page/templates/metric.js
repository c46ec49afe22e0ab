// Selects the metric of the pairs, groups, outcomes and classes.
(() => {
  const titles = {};
  const nav = document.querySelector("nav");
  const sections = [...document.querySelectorAll("main > section")];
  // Keeps the visible section in place when sections above it change their height.
  const choose = (metric) => {
    const top = Math.max(0, nav.getBoundingClientRect().bottom);
    const read = scrollY ? sections.find((each) => each.getBoundingClientRect().bottom > top) : null;
    const before = read ? read.getBoundingClientRect().top : 0;
    document.documentElement.dataset.metric = metric;
    document.dispatchEvent(new CustomEvent("metric", { detail: { metric, title: titles[metric] } }));
    if (read) scrollBy({ top: read.getBoundingClientRect().top - before, behavior: "instant" });
  };
  const radios = [...document.querySelectorAll('input[name="metric"]')];
  for (const radio of radios) {
    titles[radio.value] = radio.parentElement.textContent.trim();
    radio.addEventListener("change", () => choose(radio.value));
  }
  // A browser may restore the selection of an earlier visit.
  addEventListener("pageshow", () => choose(radios.find((radio) => radio.checked).value));
})();
