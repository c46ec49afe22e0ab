// The gallery: filtered, sorted and drawn from the data at the end of the page.
(() => {
  const form = document.getElementById("gallery-controls");
  if (!form) return;
  const { images, runs } = JSON.parse(document.getElementById("gallery-data").textContent);
  const BATCH = 12;
  const SVG = document.createRange().createContextualFragment("<svg/>").firstChild.namespaceURI;
  const fields = form.elements;
  const list = document.getElementById("gallery-cards");
  const status = document.getElementById("gallery-status");
  const choice = document.getElementById("gallery-choice");
  const more = document.getElementById("gallery-more");
  const dialog = document.getElementById("gallery-dialog");
  const dialogBody = document.getElementById("gallery-dialog-body");
  let found = [];
  let shown = 0;
  let opened = 0;

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const drawing = (name, attributes, ...children) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const run = () => runs[Number(fields.run.value) || 0];
  const method = () => Number(fields.method.value) || 0;
  const iou = (value) => value.toFixed(3);
  const kindOf = (made) => made.kinds[run().metrics.indexOf(document.documentElement.dataset.metric)];
  const textOf = (select) => (select.selectedOptions[0] ? select.selectedOptions[0].textContent : "");

  const options = (select, entries) => {
    select.replaceChildren(...entries.map(([value, text]) => element("option", { value }, text)));
  };

  const rectangle = ([x0, y0, x1, y1], kind) => drawing("rect", {
    x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0), class: kind,
  });

  const picture = (card, number) => {
    const [width, height] = card.size;
    const made = card.methods[number];
    const about = run();
    const title = about.methods[number].title;
    const margin = 0.012 * Math.max(width, height);
    const words = [
      `${card.label}, ${card.id}, under ${title}: IoU ${iou(made.iou)}, ${about.kinds[kindOf(made)]}.`,
      `Predicted box ${made.box.map((each) => Math.round(each)).join(" ")},`,
      `ground-truth boxes ${card.truth.length / 4}, image ${width} by ${height}.`,
    ].join(" ");
    const svg = drawing("svg", {
      viewBox: `${-margin} ${-margin} ${width + 2 * margin} ${height + 2 * margin}`,
      role: "img",
      "aria-label": words,
    });
    svg.append(drawing("image", { href: images[card.image], width, height, preserveAspectRatio: "none" }));
    if (made.map) {
      const [x0, y0, x1, y1] = made.window;
      svg.append(drawing("image", {
        href: made.map, x: x0, y: y0, width: x1 - x0, height: y1 - y0, preserveAspectRatio: "none", class: "overlay",
      }));
    }
    if (card.mask) {
      for (const kind of ["casing", "true-mask"]) {
        svg.append(drawing("g", { class: "truth" }, drawing("path", { d: card.mask, class: kind })));
      }
    }
    const corners = [];
    for (let at = 0; at < card.truth.length; at += 4) corners.push(card.truth.slice(at, at + 4));
    const group = (layer, boxes, kind) => svg.append(
      drawing("g", { class: layer }, ...boxes.map((box) => rectangle(box, kind))),
    );
    // Dashes last: where both boxes coincide, the predicted one shows between them.
    group("truth", corners, "casing");
    group("drawn", [made.box], "casing");
    group("drawn", [made.box], "drawn-box");
    group("truth", corners, "true-box");
    return svg;
  };

  const panel = (card, number) => {
    const about = run();
    const made = card.methods[number];
    const right = kindOf(made) === 0;
    const caption = element("figcaption", {}, element("b", {}, about.methods[number].title));
    caption.append(`IoU ${iou(made.iou)} `);
    caption.append(element("span", { class: right ? "ok" : "wrong" }, `${right ? "✓" : "✗"} ${about.kinds[kindOf(made)]}`));
    if (made.state !== "ok") caption.append(` (map: ${made.state})`);
    const figure = element("figure", {}, picture(card, number), caption);
    if (number === method()) figure.classList.add("picked");
    return figure;
  };

  // Several methods share one network, so its prediction is shown once for each network.
  const predictions = (card) => {
    const about = run();
    const networks = new Map();
    card.methods.forEach((made, number) => {
      const name = about.methods[number].network;
      if (!networks.has(name)) networks.set(name, made);
    });
    const parts = [...networks].map(([name, made]) => {
      const own = networks.size > 1 ? `${name} predicts` : "predicted";
      if (made.rank === 1) return `${own} ${made.class} ✓ (score before softmax ${made.score})`;
      const place = made.rank ? `label ranked ${made.rank}` : `label not among the top ${made.ranks}`;
      return `${own} ${made.class} ✗ (score before softmax ${made.score}; ${place})`;
    });
    return `${parts.join("; ")}${card.blacklisted ? "; blacklisted" : ""}`;
  };

  const cardOf = (card, position, level) => {
    const title = element(level, {}, card.label);
    const header = element("header", {}, title, element("p", {}, `${card.id}: ${predictions(card)}`));
    const made = element("article", { class: "card" }, header);
    if (level === "h3") {
      const button = element("button", { type: "button", "aria-label": `Enlarge ${card.label}, ${card.id}` }, "Enlarge");
      button.addEventListener("click", () => open(position));
      header.append(button);
    } else {
      title.id = "gallery-dialog-title";
    }
    const across = `--panels: ${Math.min(6, card.methods.length)}`;
    made.append(element("div", { class: "panels", style: across }, ...card.methods.map((_, number) => panel(card, number))));
    return made;
  };

  const open = (position) => {
    opened = Math.max(0, Math.min(found.length - 1, position));
    dialogBody.replaceChildren(cardOf(run().cards[found[opened]], opened, "h2"));
    // Not "disabled", which would take the keyboard focus away.
    dialog.querySelector('[data-step="-1"]').setAttribute("aria-disabled", opened === 0);
    dialog.querySelector('[data-step="1"]').setAttribute("aria-disabled", opened === found.length - 1);
    if (!dialog.open) dialog.showModal();
  };

  const spread = (card) => {
    const ious = card.methods.filter((_, number) => run().methods[number].maps).map((made) => made.iou);
    return ious.length ? Math.max(...ious) - Math.min(...ious) : 0;
  };

  const KEYS = {
    up: (card) => card.methods[method()].iou,
    down: (card) => -card.methods[method()].iou,
    class: (card) => card.label.toLowerCase(),
    spread: (card) => -spread(card),
  };

  const chosen = () => {
    const { cards, across, by_method: byMethod } = run();
    const name = fields.set.value;
    if (!name) return cards.map((_, number) => number);
    return [...(across[name] || byMethod[name][method()])];
  };

  const matches = (card) => {
    const made = card.methods[method()];
    const outcome = fields.outcome.value;
    const kind = kindOf(made);
    if (outcome === "wrong" && kind === 0) return false;
    if (outcome !== "" && outcome !== "wrong" && kind !== Number(outcome)) return false;
    // The limits as displayed: 0.500 is within "to 0.5".
    const value = Number(iou(made.iou));
    const low = fields.low.valueAsNumber;
    const high = fields.high.valueAsNumber;
    if (value < (Number.isNaN(low) ? 0 : low) || value > (Number.isNaN(high) ? 1 : high)) return false;
    const wanted = fields.search.value.trim().toLowerCase();
    return `${card.label} ${card.wnid} ${card.id}`.toLowerCase().includes(wanted);
  };

  // For print, which omits the controls.
  const describe = () => {
    const parts = [status.textContent, `images: ${textOf(fields.set)}`, `method: ${textOf(fields.method)}`];
    parts.push(`outcome (${document.getElementById("gallery-metric").textContent}): ${textOf(fields.outcome)}`);
    parts.push(`IoU ${fields.low.value} to ${fields.high.value}`, `order: ${textOf(fields.order)}`);
    if (fields.search.value.trim()) parts.push(`class or image: ${fields.search.value.trim()}`);
    if (runs.length > 1) parts.unshift(run().label);
    choice.textContent = `${parts.join("; ")}.`;
  };

  const append = (count = BATCH) => {
    const cards = run().cards;
    const until = Math.min(found.length, shown + count);
    for (; shown < until; shown += 1) list.append(cardOf(cards[found[shown]], shown, "h3"));
    status.textContent = found.length
      ? `${shown} of ${found.length} images shown${found.length < cards.length ? `; ${cards.length} in the gallery` : ""}`
      : `None of the ${cards.length} images in the gallery matches. Reset shows all.`;
    more.hidden = shown >= found.length;
    more.textContent = `Show ${Math.min(BATCH, found.length - shown)} more`;
    describe();
  };

  const update = (count = BATCH) => {
    const cards = run().cards;
    found = chosen().filter((number) => matches(cards[number]));
    const key = KEYS[fields.order.value];
    if (key) {
      const keys = new Map(found.map((number) => [number, key(cards[number])]));
      found.sort((a, b) => (keys.get(a) > keys.get(b)) - (keys.get(a) < keys.get(b)));
    }
    shown = 0;
    list.replaceChildren();
    append(count);
  };

  const toggle = () => {
    for (const place of [list, dialogBody]) {
      for (const name of ["maps", "drawn", "truth"]) place.classList.toggle(`no-${name}`, !fields[name].checked);
    }
  };

  // Another run has other methods; a selection is kept if that run has it too.
  const begin = (keep) => {
    const { methods, kinds, cards } = run();
    const before = new Map([fields.method, fields.outcome].map((select) => [select, textOf(select)]));
    options(fields.method, methods.map(({ title }, number) => [number, title]));
    options(fields.outcome, [["", "any"], ["wrong", "wrong, of any kind"], ...kinds.map((kind, code) => [code, kind])]);
    for (const [select, text] of keep ? before : []) {
      const same = [...select.options].find((option) => option.textContent === text);
      if (same) same.selected = true;
    }
    const names = [...new Set(cards.map((card) => card.label))].sort();
    document.getElementById("gallery-classes").replaceChildren(...names.map((value) => element("option", { value })));
    update();
  };

  options(fields.run, runs.map(({ label }, number) => [number, label]));
  document.getElementById("gallery-run-label").hidden = runs.length < 2;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    if (target.type === "checkbox") toggle();
    else if (target === fields.run) begin(true);
    else update();
  });
  form.addEventListener("reset", () => setTimeout(() => { begin(false); toggle(); }));
  document.addEventListener("metric", ({ detail }) => {
    document.getElementById("gallery-metric").textContent = detail.title;
    update(Math.max(BATCH, shown));
  });
  more.addEventListener("click", () => {
    const next = shown;
    append();
    list.children[next].querySelector("button").focus({ preventScroll: true });
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-close]")) dialog.close();
    const step = target.closest("[data-step]");
    if (step && step.getAttribute("aria-disabled") !== "true") open(opened + Number(step.dataset.step));
  });
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") open(opened - 1);
    if (key === "ArrowRight") open(opened + 1);
  });
  begin(true);
  toggle();
})();
