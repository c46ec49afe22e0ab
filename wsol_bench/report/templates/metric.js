// Which error the pairs, groups, failures and classes show.
(() => {
  const titles = {};
  const choose = (metric) => {
    document.documentElement.dataset.metric = metric;
    document.dispatchEvent(new CustomEvent("metric", { detail: { metric, title: titles[metric] } }));
  };
  const radios = [...document.querySelectorAll('input[name="metric"]')];
  for (const radio of radios) {
    titles[radio.value] = radio.parentElement.textContent.trim();
    radio.addEventListener("change", () => choose(radio.value));
  }
  // A browser may restore the choice of an earlier visit.
  addEventListener("pageshow", () => choose(radios.find((radio) => radio.checked).value));
})();
