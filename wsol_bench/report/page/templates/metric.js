// Which error the pairs, groups, failures and classes show.
(() => {
  const titles = {};
  const nav = document.querySelector("nav");
  const sections = [...document.querySelectorAll("main > section")];
  // The part that is read stays where it is, whatever height the parts above it come to have.
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
  // A browser may restore the choice of an earlier visit.
  addEventListener("pageshow", () => choose(radios.find((radio) => radio.checked).value));
})();
