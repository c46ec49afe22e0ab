// How the site's search ranks: guides first, then reference, then the API's objects and the changelog.
// Sphinx passes each result as [page, title, anchor, description, score, file, kind].
const WEIGHTS = [
  [/^(how-to\/|tutorial|notebooks\/|index$)/, 2.0],
  [/^(commands|protocol|data|bad-input|stability)$/, 1.2],
  [/^(api|changelog|decisions)/, 0.5],
];
var Scorer = { // searchtools.js declares it with var where it is absent
  score: (result) => {
    const [page, title, , , score] = result;
    const found = WEIGHTS.find(([pattern]) => pattern.test(page));
    const words = (document.querySelector('input[name="q"]')?.value ?? "").toLowerCase().split(/\W+/).filter(Boolean);
    const whole = words.length && words.every((word) => title.toLowerCase().includes(word));
    return score * (found ? found[1] : 1) + (whole ? 25 : 0);
  },
  objNameMatch: 6,
  objPartialMatch: 2,
  objPrio: { 0: 5, 1: 2, 2: -5 },
  objPrioDefault: 0,
  title: 20,
  partialTitle: 10,
  term: 5,
  partialTerm: 2,
};
