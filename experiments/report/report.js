"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const summary = data.summary || {};
  const tasks = new Map((summary.tasks || []).map((task) => [task.name, task]));
  const rows = data.transfers || [];
  const cells = data.cells || [];
  const main = document.getElementById("main");
  const sections = [];

  // ---- Elements. Everything that comes from data becomes text nodes or attribute values here: nothing is ever parsed as markup.

  function make(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }
  function draw(tag, attributes, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  }
  function fill(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : String(value));
    }
    for (const child of children.flat(3)) {
      if (child !== null && child !== undefined && child !== false) element.append(child);
    }
    return element;
  }
  // New contents, with the keyboard's focus kept on the element of the same data-key.
  function replace(holder, ...children) {
    const active = document.activeElement;
    const key = active && holder.contains(active) ? active.dataset.key : null;
    holder.replaceChildren(...children.flat(3).filter((child) => child));
    if (key) {
      const again = [...holder.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
      if (again) again.focus({ preventScroll: true });
    }
  }
  function section(id, name, short_name, ...children) {
    sections.push([id, short_name]);
    main.append(make("section", { id }, make("h2", {}, name), children));
  }
  const key_of = (paint, text, dash) => make("span", { class: "key" },
    dash ? draw("svg", { width: 26, height: 8, "aria-hidden": "true" }, draw("line", { x1: 1, x2: 25, y1: 4, y2: 4, stroke: paint, "stroke-width": 2.5, "stroke-dasharray": dash })) : make("i", { style: "background: " + paint }), text);
  const table_of = (heads, body, attributes) => make("div", { class: "scroll" }, make("table", attributes || {},
    make("thead", {}, make("tr", {}, heads.map(([name, kind]) => make("th", { class: kind, scope: "col" }, name)))), make("tbody", {}, body)));

  // ---- Numbers and names as text.

  const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
  const at = (object, key) => (object && Object.hasOwn(object, key) ? object[key] : undefined);
  const fixed = (value, digits) => (known(value) ? Number(value).toFixed(digits) : "–");
  const percent = (value) => (known(value) ? (100 * value).toFixed(0) + "%" : "–");
  const short = (value) => {
    if (!known(value)) return "–";
    const size = Math.abs(value);
    return size !== 0 && (size < 0.001 || size >= 10000) ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  };
  const three = (value) => (known(value) && Math.abs(value) >= 0.001 && Math.abs(value) < 1000 ? value.toPrecision(3) : short(value));
  const duration = (seconds) => {
    if (!known(seconds)) return "–";
    const whole = Math.round(seconds);
    if (whole < 60) return whole + " s";
    if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
    return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
  };
  const many = (count, word) => count + " " + word + (count === 1 ? "" : "s");
  const title = (name) => (tasks.has(name) ? tasks.get(name).display_name || name : name === "self" ? "own network" : name);
  const set_title = (sources) => sources.map(title).join(" + ");
  const list_of = (names) => (names.length < 2 ? names.join("") : names.length > 12 ? names.slice(0, 10).join(", ") + " and " + (names.length - 10) + " others"
    : names.slice(0, -1).join(", ") + " and " + names[names.length - 1]);
  const mean = (values) => {
    const all = values.filter(known);
    return all.length ? all.reduce((a, b) => a + b, 0) / all.length : null;
  };
  const transfer_key = (sources, target) => JSON.stringify([[...sources].sort(), target]);
  const is_own = (sources) => sources.length === 1 && sources[0] === "self";

  const families = ["2d", "3d", "semantic", "geometric", "other"];
  const family_of = (name) => {
    const family = tasks.has(name) ? tasks.get(name).family : null;
    return families.includes(family) ? family : "other";
  };
  const has_families = [...tasks.keys()].some((name) => family_of(name) !== "other");
  const by_family = (names) => [...new Set(names)].sort((a, b) => families.indexOf(family_of(a)) - families.indexOf(family_of(b)) || (title(a) < title(b) ? -1 : 1));
  const family_colour = (name) => "var(--family-" + family_of(name) + ")";

  // ---- What the data holds.

  const targets = by_family([...rows.map((row) => row.target), ...[...tasks.values()].filter((task) => task.target).map((task) => task.name)]);
  const sources_seen = by_family([...rows.flatMap((row) => row.sources), ...[...tasks.values()].filter((task) => task.source).map((task) => task.name)].filter((name) => name !== "self"));
  const all_tasks = by_family([...targets, ...sources_seen]);
  const by_key = new Map(rows.map((row) => [transfer_key(row.sources, row.target), row]));
  const row_of = (sources, target) => by_key.get(transfer_key(sources, target));
  const budgets = [...new Set(cells.map((cell) => cell.budget))].sort((a, b) => a - b);
  const orders = [...new Set(cells.map((cell) => cell.max_order))].sort((a, b) => a - b);
  const objective = (cells.length && cells[0].objective) || "affinity";
  const cell_of = (budget, order) => cells.find((cell) => cell.budget === budget && cell.max_order === order);
  const is_served = (cell) => Boolean(cell && cell.choices.length);
  const state = { order: orders.length ? orders[orders.length - 1] : null, budget: null, pick: null, matrix: "affinity", sort: null };
  const served = budgets.filter((budget) => is_served(cell_of(budget, state.order)));
  state.budget = served.length ? served[Math.floor((served.length - 1) / 3)] : budgets.length ? budgets[0] : null;
  const listeners = [];
  const changed = () => listeners.forEach((listener) => listener());

  function download(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  const quote = (value) => (/[",\n\r]/.test(value) ? '"' + value.replace(/"/g, '""') + '"' : value);
  const csv = (table) => table.map((line) => line.map((value) => quote(known(value) ? String(value) : "")).join(",")).join("\n") + "\n";

  // ---- Sections.

  function head() {
    const top = document.getElementById("top");
    const counts = new Map();
    rows.filter((row) => !is_own(row.sources)).forEach((row) => counts.set(row.sources.length, (counts.get(row.sources.length) || 0) + 1));
    const transfers = [...counts.values()].reduce((a, b) => a + b, 0);
    const facts = [];
    const fact = (value, what) => facts.push(make("div", { class: "fact" }, make("b", {}, value), make("span", {}, what)));
    if (all_tasks.length) fact(String(all_tasks.length), "tasks, " + targets.length + " of them targets, " + sources_seen.length + " sources");
    if (transfers) fact(String(transfers), "transfers: " + [...counts].sort((a, b) => a[0] - b[0]).map(([order, count]) => count + " of order " + order).join(", "));
    const images = (summary.tournaments || []).map((tournament) => tournament.images).filter(known);
    if (images.length) fact(String(Math.max(...images)), "test images in each tournament");
    const judged = [...tasks.values()].filter((task) => known(task.beats_constant));
    if (judged.length) fact(judged.filter((task) => task.beats_constant > 0.8).length + " of " + judged.length, "networks beat the best constant guess on more than 80% of test images");
    if (known(summary.seconds)) fact(duration(summary.seconds), "of computing, over all workers");
    else if (cells.length) fact(String(cells.filter(is_served).length), "taxonomies, " + cells.filter((cell) => cell.proven).length + " proven optimal");
    fill(top, {}, [make("h1", {}, "Task transfer: " + (summary.name || data.name || "taxonomy")),
      make("p", { class: "lead" }, summary.description || "Which tasks help which, and which few are worth labelling.")]);
    if (summary.finished === false) {
      top.append(make("p", { class: "say bad" }, "This run is not complete: " + ((summary.failures || []).length ? "some jobs failed (see Failures)" : "some jobs have not finished") + ". What follows is computed from what did finish."));
    }
    const cell = cell_of(state.budget, state.order);
    if (is_served(cell)) {
      const rates = [known(cell.mean_gain) ? "wins against training from scratch on " + percent(cell.mean_gain) + " of test images" : "",
        known(cell.mean_quality) ? "wins against full supervision on " + percent(cell.mean_quality) + " (50% would be a draw)" : ""].filter(Boolean);
      top.append(make("p", { class: "say", id: "finding" }, "With labels for " + cell.sources.length + " of " + all_tasks.length + " tasks (" + list_of(cell.sources.map(title)) + ") the best taxonomy serves all " +
        many(cell.choices.length, "target") + (rates.length ? "; averaged over targets it " + list_of(rates) : "") + "."));
    }
    top.append(make("div", { class: "facts" }, facts));
  }

  function graph() {
    if (!cells.length) {
      if (data.no_taxonomy) section("taxonomy", "The taxonomy", "Taxonomy", make("p", { class: "say" }, "There is no taxonomy to show: " + data.no_taxonomy));
      return;
    }
    const says = make("p", { class: "say", id: "graph-says", "aria-live": "polite" });
    const slider = make("input", { type: "range", id: "budget", min: 0, max: budgets.length - 1, step: 1, value: budgets.indexOf(state.budget), "aria-label": "Supervision budget" });
    const shown = make("output", { id: "budget-shown", for: "budget" });
    const chooser = make("select", { id: "order" }, orders.map((order) => make("option", { value: order, selected: order === state.order }, String(order))));
    slider.addEventListener("input", () => { state.budget = budgets[Number(slider.value)]; changed(); });
    chooser.addEventListener("change", () => { state.order = Number(chooser.value); changed(); });
    const canvas = make("div", { id: "graph" });
    const side = make("div", { class: "panel beside", id: "alternatives" });
    const seen = has_families ? families.filter((family) => all_tasks.some((name) => family_of(name) === family)) : [];
    const beside = make("span", {});
    section("taxonomy", "The taxonomy", "Taxonomy", says,
      make("div", { class: "controls" }, make("label", {}, "Supervision budget", slider, shown), make("label", {}, "Sources per target, at most", chooser)),
      make("div", { class: "columns" }, make("div", {}, canvas,
        make("div", { class: "keys" }, seen.map((family) => key_of("var(--family-" + family + ")", family)),
          key_of("var(--soft)", "learnt by transfer; thicker: higher quality", "none"), key_of("var(--soft)", "learnt from its own labels", "2 5"),
          make("span", { class: "key" }, draw("svg", { width: 12, height: 12, "aria-hidden": "true" }, draw("circle", { class: "junction", cx: 6, cy: 6, r: 4 })), "several sources together")),
        make("p", { class: "note" }, "Left: tasks that are labelled. Right: tasks that are learnt. Choose a box to see what is behind it. ", beside)), side));
    const light = (pick) => {
      for (const element of canvas.querySelectorAll("[data-choice]")) {
        const choice = cell_of(state.budget, state.order).choices[Number(element.dataset.choice)];
        element.classList.toggle("faint", Boolean(pick) && !is_lit(choice, pick));
      }
    };
    const pick = (kind, name) => {
      state.pick = state.pick && state.pick.kind === kind && state.pick.name === name ? null : { kind, name };
      changed();
      if (side.getBoundingClientRect().top > window.innerHeight - 120) side.scrollIntoView({ block: "nearest" });
    };
    listeners.push(() => {
      shown.textContent = String(state.budget);
      slider.setAttribute("aria-valuetext", "budget " + state.budget);
      const cell = cell_of(state.budget, state.order);
      canvas.hidden = side.hidden = !is_served(cell);
      beside.textContent = is_served(cell) ? "The same graph is in graphs/taxonomy-b" + state.budget + "-o" + state.order + ".graphml and .dot beside this file." : "";
      if (!is_served(cell)) {
        says.textContent = "No taxonomy serves every target here: " + (cell && cell.infeasible ? cell.infeasible : "choose a larger budget or order") + (cell && /[.!]$/.test(cell.infeasible || "") ? "" : ".");
        replace(canvas);
        replace(side);
        return;
      }
      if (state.pick && !(state.pick.kind === "source" ? cell.sources : cell.choices.map((choice) => choice.target)).includes(state.pick.name)) state.pick = null;
      const own = cell.choices.filter((choice) => is_own(choice.sources)).length;
      says.textContent = "With a budget of " + state.budget + ", " + many(cell.sources.length, "task") + (cell.sources.length === 1 ? " is" : " are") + " labelled: " + list_of(cell.sources.map(title)) + ". " +
        own + " of " + many(cell.choices.length, "target") + (own === 1 ? " is" : " are") + " learnt from their own labels, " + (cell.choices.length - own) + " by transfer. Total " + objective + " " + short(cell.value) +
        (cell.proven ? ", proven optimal" : known(cell.bound) ? ", not proven: at most " + short(cell.bound) + " is possible" : "") +
        (known(cell.mean_gain) ? "; mean gain " + fixed(cell.mean_gain, 2) : "") + (known(cell.mean_quality) ? "; mean quality " + fixed(cell.mean_quality, 2) : "") + ".";
      replace(canvas, draw_graph(cell, Math.max(280, canvas.clientWidth), pick, light));
      light(state.pick);
      replace(side, state.pick && state.pick.kind === "source" ? uses(cell, state.pick.name) : alternatives(cell));
    });
  }

  const source_names = (choice) => (is_own(choice.sources) ? [choice.target] : choice.sources);
  const is_lit = (choice, pick) => (pick.kind === "target" ? choice.target === pick.name : source_names(choice).includes(pick.name));

  // Both columns in the order with the fewest crossings that sweeps of barycentres find.
  function untangle(sources, choices) {
    let left = [...sources];
    let right = choices.map((choice) => choice.target);
    const links = choices.flatMap((choice) => source_names(choice).filter((name) => sources.includes(name)).map((name) => [name, choice.target]));
    const places = (names) => new Map(names.map((name, i) => [name, (i + 0.5) / names.length]));
    const crossings = () => {
      const [l, r] = [places(left), places(right)];
      let count = 0;
      for (let i = 0; i < links.length; ++i) {
        for (let j = 0; j < i; ++j) count += (l.get(links[i][0]) - l.get(links[j][0])) * (r.get(links[i][1]) - r.get(links[j][1])) < 0;
      }
      return count;
    };
    const by_centre = (names, others, side) => {
      const own = places(names);
      const centres = new Map(names.map((name) => [name, mean(links.filter((link) => link[side] === name).map((link) => others.get(link[1 - side]))) ?? own.get(name)]));
      return [...names].sort((a, b) => centres.get(a) - centres.get(b) || own.get(a) - own.get(b));
    };
    let best = [crossings(), left, right];
    for (let sweep = 0; sweep < 16; ++sweep) {
      right = by_centre(right, places(left), 1);
      left = by_centre(left, places(right), 0);
      const count = crossings();
      if (count < best[0]) best = [count, left, right];
    }
    return [best[1], best[2]];
  }

  const ruler = document.createElement("canvas").getContext("2d");
  function fit(text, width, size) {
    ruler.font = size + "px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";
    if (ruler.measureText(text).width <= width) return text;
    let length = text.length;
    while (length > 1 && ruler.measureText(text.slice(0, length) + "…").width > width) --length;
    return text.slice(0, length) + "…";
  }

  function draw_graph(cell, width, pick, light) {
    const [left_names, right_names] = untangle(cell.sources, cell.choices);
    const count = Math.max(left_names.length, right_names.length);
    const narrow = width < 520;
    const box = { w: Math.max(104, Math.min(190, width * 0.36)), h: count > 14 ? 25 : 30, gap: count > 14 ? 7 : 11 };
    const margin = narrow ? 2 : 52;
    const size = narrow ? 12 : 13;
    const height = count * (box.h + box.gap) + 34;
    const column = (names, x) => {
      const step = (height - 34) / names.length;
      return new Map(names.map((name, i) => [name, { x, y: 30 + step * (i + 0.5) - (box.h + box.gap) / 2 }]));
    };
    const left = column(left_names, 2);
    const right = column(right_names, width - box.w - margin);
    const colour = (name) => (has_families ? family_colour(name) : "var(--hue-" + left_names.indexOf(name) % 8 + ")");
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "group", "aria-label": "taxonomy at budget " + cell.budget + " and order " + cell.max_order });
    svg.append(draw("text", { x: 2, y: 16, class: "dim" }, narrow ? "labelled" : "labelled (sources)"), draw("text", { x: width - box.w - margin, y: 16, class: "dim" }, narrow ? "learnt" : "learnt (targets)"));
    if (!narrow) svg.append(draw("text", { x: width, y: 16, class: "dim", "text-anchor": "end" }, "quality"));
    const edges = draw("g", {});
    const joints = draw("g", {});
    svg.append(edges, joints);
    cell.choices.forEach((choice, index) => {
      const place = right.get(choice.target);
      const end = { x: place.x, y: place.y + box.h / 2 };
      const ends = source_names(choice).map((name) => [name, left.get(name)]).filter(([, from]) => from);
      const strength = 1.4 + 4 * Math.max(0, Math.min(1, known(choice.quality) ? choice.quality : 0.2));
      const label = set_title(choice.sources) + " to " + title(choice.target) + ": affinity " + short(choice.affinity) + ", gain " + fixed(choice.gain, 2) + ", quality " + fixed(choice.quality, 2);
      const joint = ends.length > 1 ? { x: width - box.w - margin - Math.min(54, width * 0.1), y: end.y } : null;
      const line = (from, until, paint) => {
        const bend = (until.x - from.x) * 0.5;
        edges.append(draw("path", { class: "edge" + (is_own(choice.sources) ? " own" : ""), "data-choice": index, stroke: paint, "stroke-width": strength.toFixed(2),
          d: "M" + from.x + "," + from.y + " C" + (from.x + bend) + "," + from.y + " " + (until.x - bend) + "," + until.y + " " + until.x + "," + until.y }, draw("title", {}, label)));
      };
      for (const [name, from] of ends) line({ x: from.x + box.w, y: from.y + box.h / 2 }, joint || end, colour(name));
      if (joint) {
        line(joint, end, "var(--ink)");
        joints.append(draw("circle", { class: "junction", "data-choice": index, cx: joint.x, cy: joint.y, r: 4 }, draw("title", {}, label)));
      }
      if (!narrow) svg.append(draw("text", { class: "dim", "data-choice": index, x: width, y: end.y + 4.5, "text-anchor": "end" }, fixed(choice.quality, 2)));
    });
    const node = (name, place, kind) => {
      const paint = kind === "source" || has_families ? colour(name) : "var(--soft)";
      const selected = Boolean(state.pick) && state.pick.kind === kind && state.pick.name === name;
      svg.append(draw("g", { class: "node " + kind + (selected ? " selected" : ""), tabindex: 0, role: "button", "aria-pressed": String(selected), "aria-label": title(name) + (kind === "source" ? ", labelled" : ", learnt"),
        "data-task": name, "data-key": kind + ":" + name, onclick: () => pick(kind, name), onmouseenter: () => light({ kind, name }), onmouseleave: () => light(state.pick),
        onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(kind, name); } } },
        kind === "source" ? draw("rect", { x: place.x, y: place.y, width: box.w, height: box.h, rx: box.h / 2, style: "fill: var(--paper)" }) : null,
        draw("rect", { class: "box", x: place.x, y: place.y, width: box.w, height: box.h, rx: kind === "source" ? box.h / 2 : 5, style: kind === "source" ? "fill: " + paint + "; stroke: " + paint : null }),
        kind === "target" ? draw("rect", { x: place.x + 1, y: place.y + 4, width: 4, height: box.h - 8, rx: 2, style: "fill: " + paint }) : null,
        draw("text", { x: place.x + (kind === "source" ? 14 : 13), y: place.y + box.h / 2 + 4.5, style: "font-size: " + size + "px" }, fit(title(name), box.w - 24, size)), draw("title", {}, title(name))));
    };
    left.forEach((place, name) => node(name, place, "source"));
    right.forEach((place, name) => node(name, place, "target"));
    return svg;
  }

  const score_cells = (row) => [make("td", {}, three(row.affinity)), make("td", {}, fixed(row.gain, 2)), make("td", {}, fixed(row.quality, 2))];
  const score_heads = [["affinity"], ["gain"], ["quality"]];

  function alternatives(cell) {
    const chosen = cell.choices.find((choice) => choice.target === (state.pick || {}).name) || cell.choices.find((choice) => !is_own(choice.sources)) || cell.choices[0];
    const target = chosen.target;
    const labelled = new Set(cell.sources);
    const usable = (row) => (is_own(row.sources) ? labelled.has(target) : row.sources.every((source) => labelled.has(source)));
    const chosen_key = transfer_key(chosen.sources, target);
    const is_chosen = (row) => transfer_key(row.sources, target) === chosen_key;
    const ranked = rows.filter((row) => row.target === target && row.sources.length <= state.order && known(row[objective])).sort((a, b) => b[objective] - a[objective]);
    const shown = ranked.slice(0, 12);
    const rest = ranked.find((row) => is_chosen(row) && !shown.includes(row));
    if (rest) shown.push(rest);
    const place = ranked.findIndex(is_chosen);
    const first = ranked[0];
    const missing = first ? first.sources.filter((source) => !labelled.has(source)) : [];
    const better = !first || usable(first) ? "" : is_own(first.sources) ? " Its own labels would serve it better, but are not bought within this budget."
      : " " + set_title(first.sources) + " would serve it better, but " + list_of(missing.map(title)) + (missing.length > 1 ? " are" : " is") + " not labelled within this budget.";
    return [make("h3", {}, title(target) + ": what it can be learnt from"),
      make("p", {}, "The taxonomy uses " + (is_own(chosen.sources) ? "its own labels" : set_title(chosen.sources)) + (place >= 0 ? ", number " + (place + 1) + " of " + ranked.length + " by " + objective : "") + "." + better),
      shown.length ? table_of([["learnt from", "text"], ...score_heads], shown.map((row) => make("tr", { class: [is_chosen(row) ? "chosen" : "", usable(row) ? "" : "closed"].join(" ").trim() || null },
        make("td", { class: "text" }, set_title(row.sources)), score_cells(row)))) : null,
      make("p", { class: "note" }, "Bold: chosen. Grey: needs a task that is not labelled within this budget.")];
  }

  function uses(cell, source) {
    const served_here = cell.choices.filter((choice) => source_names(choice).includes(source));
    const by_transfer = served_here.filter((choice) => choice.target !== source);
    return [make("h3", {}, title(source) + ": what its labels serve"),
      make("p", {}, by_transfer.length ? "It helps " + many(by_transfer.length, "other target") + (served_here.length > by_transfer.length ? " and serves itself" : "") + "; their mean quality is " + fixed(mean(by_transfer.map((choice) => choice.quality)), 2) + "." : "It serves only itself."),
      table_of([["target", "text"], ["together with", "text"], ...score_heads], served_here.map((choice) => make("tr", {}, make("td", { class: "text" }, title(choice.target)),
        make("td", { class: "text" }, set_title(source_names(choice).filter((name) => name !== source)) || "–"), score_cells(choice))))];
  }

  function matrix() {
    if (!rows.length) return;
    const before = new Map();
    for (const tournament of summary.tournaments || []) {
      tournament.networks.forEach((network, i) => before.set(transfer_key(network.split("+"), tournament.target), mean(tournament.wins[i].filter((_, j) => j !== i))));
    }
    const has = (key) => rows.some((row) => known(row[key]));
    const views = { ...(before.size ? { wins: "before AHP (win rate)" } : {}), ...(has("affinity") ? { affinity: "after AHP (affinity)" } : {}), ...(has("gain") ? { gain: "gain" } : {}), ...(has("quality") ? { quality: "quality" } : {}) };
    if (!Object.keys(views).length) return;
    if (!at(views, state.matrix)) state.matrix = Object.keys(views)[0];
    const about = {
      wins: "Each cell is the share of test images on which this network beats the target's other networks, averaged over them.",
      affinity: "Each cell is the network's share of the target's affinity in percent, as odds between networks weigh it; colours are relative to the row's best transfer.",
      gain: "Each cell is the share of test images on which the transfer beats a network trained from scratch on the same little data.",
      quality: "Each cell is the share of test images on which the transfer beats the target's own network; one half is a draw.",
    };
    const singles = sources_seen.filter((source) => rows.some((row) => row.sources.length === 1 && row.sources[0] === source));
    const columns = [...(rows.some((row) => is_own(row.sources)) ? ["self"] : []), ...singles];
    const shown_targets = targets.filter((target) => rows.some((row) => row.target === target));
    const value = (source, target) => (state.matrix === "wins" ? before.get(transfer_key([source], target)) : (row_of([source], target) || {})[state.matrix]);
    const holder = make("div", { class: "scroll" });
    const note = make("p", { class: "note" });
    const buttons = Object.entries(views).map(([name, label]) => make("button", { type: "button", "data-view": name, onclick: () => { state.matrix = name; changed(); } }, label));
    const helpful = singles.map((source) => [source, mean(shown_targets.filter((target) => target !== source).map((target) => (row_of([source], target) || {}).gain))])
      .filter(([, gain]) => known(gain)).sort((a, b) => b[1] - a[1]);
    const ahead = shown_targets.filter((target) => rows.some((row) => row.target === target && !is_own(row.sources) && !(row.sources.length === 1 && row.sources[0] === target) && row.quality > 0.5));
    const says = [];
    if (helpful.length > 1) says.push("The most helpful source is " + title(helpful[0][0]) + " (mean gain " + fixed(helpful[0][1], 2) + " over the other targets), the least helpful " + title(helpful[helpful.length - 1][0]) + " (" + fixed(helpful[helpful.length - 1][1], 2) + ").");
    if (has("quality")) says.push(ahead.length ? "For " + ahead.length + " of " + many(shown_targets.length, "target") + " some transfer, from little data, beats the target's own network on most test images: " + list_of(ahead.map(title)) + "." : "No transfer beats a target's own network on most test images.");
    section("affinity", "Who helps whom", "Affinity", make("p", { class: "say" }, says.join(" ")), make("div", { class: "controls" }, make("div", { class: "choices", role: "group", "aria-label": "what the cells show" }, buttons),
      make("span", { class: "key" }, "low", make("span", { class: "ramp" }), "high")), holder, note);
    const tight = (text) => (columns.length > 14 ? text.replace(/^0\./, ".") : text);
    const sort_by = (source) => { state.sort = state.sort === source ? null : source; changed(); };
    listeners.push(() => {
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === state.matrix)));
      const cell = cell_of(state.budget, state.order);
      const chosen = new Set(cell ? cell.choices.map((choice) => transfer_key(choice.sources, choice.target)) : []);
      note.textContent = about[state.matrix] + " Rows are targets, columns first-order sources" + (cells.length ? "; outlined cells are in the taxonomy chosen above" : "") + ". Choose a column's name to sort by it.";
      const order = [...shown_targets];
      if (state.sort) order.sort((a, b) => (value(state.sort, b) ?? -Infinity) - (value(state.sort, a) ?? -Infinity));
      const line = (target) => {
        const top = state.matrix === "affinity" ? Math.max(...singles.filter((source) => source !== target).map((source) => value(source, target)).filter(known), 1e-12) : 1;
        return make("tr", { "data-target": target }, make("th", { scope: "row", title: title(target) }, title(target)), columns.map((source) => {
          const entry = value(source, target);
          if (!known(entry)) return make("td", { class: "cell none", title: title(source) + " to " + title(target) + ": not tried" }, "·");
          const share = Math.max(0, Math.min(1, entry / top));
          return make("td", { class: "cell" + (share > 0.52 ? " high" : "") + (chosen.has(transfer_key([source], target)) ? " chosen" : ""), style: "--share: " + (100 * share).toFixed(1) + "%",
            title: title(source) + " to " + title(target) + ": " + short(entry) }, state.matrix === "affinity" ? tight(fixed(100 * entry, entry >= 0.0995 ? 0 : 1)) : tight(fixed(entry, 2)));
        }));
      };
      replace(holder, make("table", { class: "heat" + (columns.length > 14 ? " dense" : ""), id: "matrix" },
        make("thead", {}, make("tr", {}, make("th", {}, "target"), columns.map((source) => make("th", { class: "tall", scope: "col", "aria-sort": state.sort === source ? "descending" : null },
          make("button", { type: "button", "data-source": source, "data-key": source, title: "sort by " + title(source), onclick: () => sort_by(source) }, fit(title(source), 150, 13)))))),
        make("tbody", {}, order.map(line))));
    });
  }

  function labels() {
    if (!cells.some(is_served)) return;
    const lines = make("div", {});
    const bars = make("div", {});
    const says = make("p", { class: "say" });
    const below = make("h3", {});
    const keys = () => make("div", { class: "keys" }, key_of("var(--gain)", "gain: win rate against scratch"), key_of("var(--quality)", "quality: win rate against full supervision"));
    section("budgets", "What labels buy", "Budgets", says, make("div", { class: "columns even" },
      budgets.length > 1 ? make("div", {}, make("h3", {}, "Mean over targets, by budget"), lines, keys(), orders.length > 1 ? make("p", { class: "note" }, "Faint lines: other orders. Choose a point to go to its budget.") : null) : null,
      make("div", {}, below, bars, keys())));
    listeners.push(() => {
      const line = budgets.map((budget) => cell_of(budget, state.order)).filter((cell) => is_served(cell) && known(cell.mean_quality));
      if (line.length > 1) {
        const last = line[line.length - 1];
        const enough = line.find((cell) => cell.mean_quality >= 0.9 * last.mean_quality) || last;
        says.textContent = "With at most " + many(state.order, "source") + " per target, mean quality rises from " + fixed(line[0].mean_quality, 2) + " with a budget of " + line[0].budget + " to " + fixed(last.mean_quality, 2) + " with " + last.budget +
          "; " + (enough.budget === last.budget ? "nothing less reaches" : "a budget of " + enough.budget + " already reaches") + " nine tenths of that. A target with its own labels counts one half, a draw with itself.";
      } else {
        says.textContent = "Gain and quality of every target at the budget chosen above.";
      }
      if (budgets.length > 1) replace(lines, budget_lines(Math.min(560, Math.max(280, lines.clientWidth))));
      below.textContent = "Each target at budget " + state.budget + ", order " + state.order;
      replace(bars, target_bars(Math.min(560, Math.max(280, bars.clientWidth))));
    });
  }

  function budget_lines(width) {
    const plot = { w: width, h: 290, l: 36, r: 10, t: 10, b: 40 };
    const x = (budget) => plot.l + 8 + (budget - budgets[0]) / Math.max(1e-9, budgets[budgets.length - 1] - budgets[0]) * (plot.w - plot.l - plot.r - 16);
    const y = (value) => plot.h - plot.b - Math.max(0, Math.min(1, value)) * (plot.h - plot.t - plot.b);
    const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: plot.w, height: plot.h, role: "img", "aria-label": "mean gain and quality by budget" });
    for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
      svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
    }
    let free = -Infinity;
    for (const budget of budgets) {
      if (x(budget) - free < 20) continue;
      free = x(budget);
      svg.append(draw("text", { class: "dim", x: x(budget), y: plot.h - plot.b + 17, "text-anchor": "middle" }, String(budget)));
    }
    svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 5, "text-anchor": "end" }, "supervision budget"),
      draw("line", { x1: x(state.budget), x2: x(state.budget), y1: plot.t, y2: plot.h - plot.b, stroke: "var(--accent)", "stroke-dasharray": "3 3" }));
    for (const order of [...orders.filter((other) => other !== state.order), state.order]) {
      const own = order === state.order;
      for (const [key, paint] of [["mean_gain", "var(--gain)"], ["mean_quality", "var(--quality)"]]) {
        const points = budgets.map((budget) => cell_of(budget, order)).filter((cell) => is_served(cell) && known(cell[key]));
        svg.append(draw("polyline", { points: points.map((cell) => x(cell.budget) + "," + y(cell[key])).join(" "), fill: "none", stroke: paint, "stroke-width": own ? 2.5 : 1, opacity: own ? 1 : 0.45 }));
        if (own) {
          points.forEach((cell) => svg.append(draw("circle", { cx: x(cell.budget), cy: y(cell[key]), r: points.length > 16 ? 3 : 4, fill: paint, style: "cursor: pointer",
            onclick: () => { state.budget = cell.budget; document.getElementById("budget").value = budgets.indexOf(cell.budget); changed(); } },
            draw("title", {}, "budget " + cell.budget + ": " + key.replace("_", " ") + " " + fixed(cell[key], 3)))));
        }
      }
    }
    return svg;
  }

  function target_bars(width) {
    const cell = cell_of(state.budget, state.order);
    const choices = cell ? [...cell.choices].sort((a, b) => (b.quality ?? -1) - (a.quality ?? -1)) : [];
    const bar = { h: choices.length > 14 ? 25 : 34, l: Math.min(168, width * 0.36), r: 40 };
    const thick = choices.length > 14 ? 8 : 11;
    const height = choices.length * bar.h + 22;
    const x = (value) => bar.l + Math.max(0, Math.min(1, value)) * (width - bar.l - bar.r);
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": "gain and quality of each target", id: "bars" });
    for (const tick of [0, 0.5, 1]) {
      svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: 2, y2: height - 18, "stroke-dasharray": tick === 0.5 ? "3 3" : null }), draw("text", { class: "dim", x: x(tick), y: height - 4, "text-anchor": "middle" }, String(tick)));
    }
    choices.forEach((choice, i) => {
      const top = i * bar.h + 3;
      svg.append(draw("text", { x: bar.l - 9, y: top + thick + 5, "text-anchor": "end" }, fit(title(choice.target), bar.l - 12, 13), draw("title", {}, title(choice.target))));
      [["gain", "var(--gain)"], ["quality", "var(--quality)"]].forEach(([key, paint], k) => {
        if (!known(choice[key])) return;
        const y = top + 1 + k * (thick + 1);
        svg.append(draw("rect", { x: bar.l, y, width: Math.max(1, x(choice[key]) - bar.l), height: thick, rx: 2, fill: paint }, draw("title", {}, title(choice.target) + ": " + key + " " + fixed(choice[key], 3))),
          draw("text", { class: "dim", style: "font-size: " + (thick < 10 ? 10 : 11.5) + "px", x: Math.max(x(choice[key]), bar.l) + 5, y: y + thick - 1 }, fixed(choice[key], 2)));
      });
    });
    return svg;
  }

  function learning() {
    const trained = [...tasks.values()].filter((task) => at(task.networks, "self"));
    if (!trained.length) return;
    const judged = trained.filter((task) => known(task.beats_constant));
    const rest = judged.filter((task) => task.beats_constant <= 0.8);
    const metrics = (network) => (network.metrics || []).filter((metric) => known(metric.value)).slice(0, 3).map((metric) => metric.name.replaceAll("_", " ") + " " + short(metric.value) + (metric.unit ? " " + metric.unit : "")).join(" · ");
    const loss = (task, name) => three((at(task.networks, name) || {}).mean_loss);
    // Columns that no task has anything for are left out.
    const roles = [["self", "test loss"], ["constant", "constant"], ["random_encoder", "random encoder"], ["scratch", "scratch"]].filter(([name]) => trained.some((task) => at(task.networks, name)));
    const wins = [["beats_random_encoder", "beats random encoder"], ["beats_scratch", "beats scratch"]].filter(([key]) => trained.some((task) => known(task[key])));
    const body = trained.map((task) => {
      const low = known(task.beats_constant) && task.beats_constant <= 0.8;
      return make("tr", {}, make("td", {}, title(task.name)),
        make("td", { class: low ? "bad" : "good" }, percent(task.beats_constant), known(task.beats_constant) ? make("span", { class: "meter" + (low ? " low" : "") }, make("i", { style: "width: " + 100 * Math.max(0, Math.min(1, task.beats_constant)) + "%" })) : null),
        wins.map(([key]) => make("td", {}, percent(task[key]))), roles.map(([name]) => make("td", {}, loss(task, name))), make("td", { class: "text" }, metrics(task.networks.self)));
    });
    const plots = make("div", { class: "curves" });
    const drawn = trained.map(curve).filter(Boolean);
    section("networks", "Have the networks learnt?", "Networks",
      judged.length ? make("p", { class: "say" }, (judged.length - rest.length) + " of " + judged.length + " task-specific networks beat the best constant guess on more than 80% of test images" +
        (rest.length ? "; read what follows about " + list_of(rest.map((task) => title(task.name))) + " with care." : ".")) : null,
      wins.length && wins[0][0] === "beats_random_encoder" ? make("p", {}, "A network that beats the same head on an encoder left as it was drawn owes it to what its encoder has learnt.") : null,
      table_of([["task"], ["beats constant"], ...wins.map(([, label]) => [label]), ...roles.map(([, label]) => [label]), ["metrics of the network", "text"]], body, { id: "learnt" }),
      drawn.length ? [make("h3", { style: "margin-top: 22px" }, "Losses over time"), plots, make("div", { class: "keys" }, key_of("var(--gain)", "training"), key_of("var(--quality)", "validation"), key_of("var(--soft)", "best constant guess, on test images", "4 3"))] : null);
    plots.append(...drawn);
  }

  function curve(task) {
    const points = task.networks.self.curve || [];
    const constant = (at(task.networks, "constant") || {}).mean_loss;
    const values = points.flatMap((point) => [point.train_loss, point.validation_loss]).filter(known);
    if (!values.length) return null;
    const plot = { w: 300, h: 160, l: 48, r: 10, t: 28, b: 22 };
    const sorted = [...values].sort((a, b) => a - b);
    const low = Math.min(sorted[0], 0);
    const high = Math.max(sorted[Math.floor(0.95 * (sorted.length - 1))], known(constant) ? 1.12 * constant : 0, low + 1e-9);
    const last = Math.max(...points.map((point) => point.step), 1);
    const x = (step) => plot.l + step / last * (plot.w - plot.l - plot.r);
    const y = (value) => plot.h - plot.b - Math.min(1, (value - low) / (high - low)) * (plot.h - plot.t - plot.b);
    const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: "100%", role: "img", "aria-label": "losses of " + title(task.name) });
    svg.append(draw("text", { x: 2, y: 14, style: "font-weight: 600" }, fit(title(task.name), 280, 13)));
    for (const tick of [low, (low + high) / 2, high]) {
      svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 5, y: y(tick) + 4, "text-anchor": "end" }, short(Number(tick.toPrecision(2)))));
    }
    svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 5, "text-anchor": "end" }, last + " steps"));
    if (known(constant)) svg.append(draw("line", { x1: plot.l, x2: plot.w - plot.r, y1: y(constant), y2: y(constant), stroke: "var(--soft)", "stroke-width": 1.5, "stroke-dasharray": "4 3" }));
    for (const [key, paint] of [["train_loss", "var(--gain)"], ["validation_loss", "var(--quality)"]]) {
      const line = points.filter((point) => known(point[key]));
      svg.append(draw("polyline", { points: line.map((point) => x(point.step).toFixed(1) + "," + y(point[key]).toFixed(1)).join(" "), fill: "none", stroke: paint, "stroke-width": 2 }));
    }
    return make("div", { class: "panel" }, svg);
  }

  function pictures() {
    const uri = (path) => { const index = at(data.pictures, path); return known(index) ? data.images[index] : null; };
    const shown = [...tasks.values()].filter((task) => task.pictures && (task.pictures.targets || []).some(uri));
    if (!shown.length) return;
    const image = (path, about) => (uri(path) ? make("img", { src: uri(path), alt: about }) : null);
    const strip = (name, note, paths) => ((paths || []).some(uri) ? make("div", { class: "strip" }, make("div", { class: "who" }, name, note ? make("small", {}, note) : null),
      make("div", { class: "row" }, paths.map((path, i) => image(path, name + ", test image " + (i + 1))))) : null);
    const loss = (network) => (network && known(network.mean_loss) ? "loss " + short(network.mean_loss) : "");
    const chooser = make("select", { id: "picture-task" }, make("option", { value: "" }, "every task's own network"), shown.map((task, i) => make("option", { value: i }, title(task.name) + ", all its networks")));
    const holder = make("div", { id: "predictions" });
    const says = make("p", { class: "say" });
    section("pictures", "What they predict", "Predictions", says, make("div", { class: "controls" }, make("label", {}, "Show", chooser)), holder);
    const overview = () => {
      says.textContent = "Each pair of rows is one task on the same test images: above what is right, below what its own network predicts.";
      const first = shown.find((task) => (task.pictures.inputs || []).some(uri));
      replace(holder, make("div", { class: "strips" }, first ? [strip("input", "", first.pictures.inputs), make("div", {})] : null, shown.map((task) => make("div", { class: "strip" },
        make("div", { class: "who" }, title(task.name), make("small", {}, loss(at(task.networks, "self")))),
        make("div", { class: "row" }, task.pictures.targets.map((path, i) => make("div", { class: "pair" }, image(path, title(task.name) + ", target of test image " + (i + 1)),
          image(at(at(task.pictures, "predictions"), "self")?.[i], title(task.name) + ", prediction for test image " + (i + 1)))))))));
    };
    const one = (task) => {
      const predictions = task.pictures.predictions || {};
      const quality = (name) => (row_of(name.split("+"), task.name) || {}).quality;
      const transfers = Object.keys(predictions).filter((name) => at(task.transfers, name)).sort((a, b) => (quality(b) ?? -1) - (quality(a) ?? -1));
      const role = (name, label, note) => strip(label, [loss(at(task.networks, name)), note].filter(Boolean).join(", "), at(predictions, name));
      const best = transfers[0];
      says.textContent = (task.doc ? task.doc + " " : "") + (best && known(quality(best)) ? "Its best transfer, from " + set_title(best.split("+")) + ", beats its own network on " + percent(quality(best)) + " of test images." : "");
      replace(holder, make("div", { class: "strips" },
        make("div", {}, strip("input", "", task.pictures.inputs), strip("target", "what is right", task.pictures.targets), role("self", "own network", "all training data"),
          role("scratch", "scratch", "same little data as transfers"), role("shallow", "shallow scratch", "the paper's baseline"), role("random_encoder", "random encoder", "the head alone has learnt"), role("constant", "best constant guess", "")),
        make("div", {}, transfers.map((name) => strip("from " + set_title(name.split("+")), [loss(task.transfers[name]), known(quality(name)) ? "quality " + fixed(quality(name), 2) : ""].filter(Boolean).join(", "), predictions[name])))));
    };
    const update = () => (chooser.value === "" ? overview() : one(shown[Number(chooser.value)]));
    chooser.addEventListener("change", update);
    update();
  }

  function transfer_table() {
    if (!rows.length) return;
    const columns = ["sources", "target", "order", "affinity", "gain", "quality"];
    const is_text = (key) => key === "sources" || key === "target";
    const sort = { key: rows.some((row) => known(row.quality)) ? "quality" : "target", way: -1 };
    if (sort.key === "target") sort.way = 1;
    const shown = rows.map((row) => ({ ...row, sources: set_title(row.sources), target: title(row.target), own: is_own(row.sources) }));
    const body = make("tbody", {});
    const found = make("span", { class: "note" });
    const search = make("input", { type: "search", placeholder: "filter by task", "aria-label": "filter by task", oninput: () => update() });
    const heads = columns.map((key) => make("th", { class: is_text(key) ? "text" : null, scope: "col" }, make("button", { type: "button", "data-column": key, onclick: () => resort(key) }, key)));
    const resort = (key) => { sort.way = sort.key === key ? -sort.way : is_text(key) ? 1 : -1; sort.key = key; update(); };
    const update = () => {
      const word = search.value.trim().toLowerCase();
      const sorted = shown.filter((row) => !word || (row.sources + " " + row.target).toLowerCase().includes(word)).sort((a, b) => {
        const [x, y] = [a[sort.key], b[sort.key]];
        if (!known(x) || !known(y)) return known(y) - known(x);
        return sort.way * (typeof x === "string" ? (x < y ? -1 : x > y ? 1 : 0) : x - y);
      });
      heads.forEach((element, i) => { if (columns[i] === sort.key) element.setAttribute("aria-sort", sort.way > 0 ? "ascending" : "descending"); else element.removeAttribute("aria-sort"); });
      found.textContent = sorted.length === rows.length ? "" : sorted.length + " of " + rows.length;
      body.replaceChildren(...sorted.map((row) => make("tr", {}, make("td", { class: "text" }, row.sources), make("td", { class: "text" }, row.target), make("td", {}, String(row.order)),
        make("td", {}, three(row.affinity)), make("td", {}, fixed(row.gain, 3)), make("td", {}, fixed(row.quality, 3)))));
    };
    const best = rows.filter((row) => !is_own(row.sources) && !row.sources.includes(row.target) && known(row.quality)).sort((a, b) => b.quality - a.quality)[0];
    const long = rows.length > 120;
    section("transfers", "All transfers", "Transfers", make("p", { class: "say" }, rows.length + " networks are in the table, own networks included" + (best ? "; the transfer of highest quality is " + set_title(best.sources) + " to " + title(best.target) + " (" + fixed(best.quality, 2) + ")." : ".")),
      make("div", { class: "controls" }, search, found, make("button", { type: "button", onclick: () => download("transfers.csv", "text/csv", csv([columns, ...rows.map((row) => [row.sources.join("+"), row.target, row.order, row.affinity, row.gain, row.quality])])) }, "Download csv")),
      make("div", { class: "scroll tall-scroll" + (long ? " long" : ""), tabindex: 0, role: "region", "aria-label": "all transfers" }, make("table", { id: "all", style: "width: 100%" }, make("thead", {}, make("tr", {}, heads)), body)),
      long ? make("p", { class: "note on-paper" }, "The table is left out on paper; its " + rows.length + " rows are in transfers.csv.") : null);
    update();
  }

  function costs() {
    const list = (summary.costs || []).filter((cost) => known(cost.seconds) && known(cost.jobs));
    const total = list.reduce((sum, cost) => sum + cost.seconds, 0);
    if (total > 0) {
      const top = [...list].sort((a, b) => b.seconds - a.seconds)[0];
      section("cost", "What it cost", "Cost", make("p", { class: "say" }, many(list.reduce((sum, cost) => sum + cost.jobs, 0), "job") + " took " + duration(total) + " of computing over all workers; " + percent(top.seconds / total) + " of it went into the stage '" + top.stage + "'."),
        table_of([["stage"], ["jobs"], ["time"], ["per job"], ["share"]], list.map((cost) => make("tr", {}, make("td", {}, cost.stage), make("td", {}, String(cost.jobs)), make("td", {}, duration(cost.seconds)),
          make("td", {}, cost.jobs > 0 ? fixed(cost.seconds / cost.jobs, 1) + " s" : "–"), make("td", {}, percent(cost.seconds / total), make("span", { class: "meter" }, make("i", { style: "background: var(--gain); width: " + 100 * cost.seconds / total + "%" })))))));
    }
    const skipped = (summary.not_tried || []).filter((entry) => entry.possible > 0);
    if (skipped.length) {
      section("not-tried", "What was not tried", "Not tried", make("p", { class: "say" }, skipped.map((entry) => "Order " + entry.order + ": " + entry.tried + " of " + entry.possible + " possible transfers were trained").join(". ") + "."),
        skipped.some((entry) => entry.order > 1 && entry.tried < entry.possible) ? make("p", { class: "note" }, "Higher orders are made only of each target's best first-order sources, so a set that is good only together may have been missed.") : null);
    }
    if ((summary.failures || []).length) {
      section("failures", "Failures", "Failures", make("p", { class: "say" }, many(summary.failures.length, "job") + " failed or waited for one that did."),
        table_of([["job"], ["error", "text"]], summary.failures.map((failure) => make("tr", {}, make("td", {}, failure.job || ""), make("td", { class: "text bad" }, failure.error || "")))));
    }
  }

  function provenance() {
    const about = summary.data;
    const split_order = (name) => ["test", "transfer", "train"].indexOf(name) * -1;
    if (about) {
      const splits = Object.entries(about.splits || {}).sort(([a], [b]) => split_order(a) - split_order(b)).filter(([, split]) => split && known(split.images)).map(([name, split]) => name + ": " + many(split.images, "image") + (known(split.buildings) ? " of " + many(split.buildings, "building") : ""));
      const sheet = known(at(data.pictures, about.contact_sheet)) ? data.images[data.pictures[about.contact_sheet]] : null;
      if (splits.length || sheet || about.attribution) {
        section("data", "The data", "Data", splits.length ? make("p", { class: "say" }, splits.join("; ") + ". Splits are by building: no building is in two of them.") : null,
          sheet ? make("img", { class: "sheet", src: sheet, alt: "contact sheet: test images and their fields" }) : null,
          about.attribution ? make("details", {}, make("summary", {}, "Attribution of the models"), make("pre", {}, about.attribution)) : null);
      }
    }
    const term = (name, text) => [make("dt", {}, name), make("dd", {}, text)];
    section("reading", "How to read this", "Terms", make("dl", {},
      term("Gain", "share of test images on which a transfer has a lower loss than a network trained " + (summary.gain_against === "shallow" ? "from scratch in the paper's shallow form" : "from scratch") + " on the same little data. Ties count one half."),
      term("Quality", "the same against the target's own network, trained on all data. One half is a draw."),
      term("Affinity", "principal eigenvector of the target's tournament among all its transfers and its own network (analytic hierarchy process). It compares the transfers of one target, not targets."),
      term("Order", "number of sources that a transfer reads together."),
      term("Budget", "how much labelling may cost in all; every task costs 1 unless the settings say otherwise."),
      term("Taxonomy", "the choice of labelled tasks within the budget, and of one transfer for every target, with the largest total " + objective + ".")),
      data.computed ? make("p", { class: "note" }, "There was no taxonomy.json beside transfers.csv, so that the taxonomies shown were computed when this report was written.") : null,
      make("p", { class: "note" }, "Method: Zamir, Sax, Shen, Guibas, Malik, Savarese. Taskonomy: Disentangling Task Transfer Learning. CVPR 2018."));
    if (data.settings) section("settings", "Settings", "Settings", make("p", { class: "say" }, "Every setting as it was used" + (summary.scale && known(summary.scale.image_side) ? ": images of " + summary.scale.image_side + " x " + summary.scale.image_side + " pixels, networks of width " + summary.scale.width : "") +
      (summary.paper_compatible === true ? ", losses and targets as in the paper's code" : "") + "."), make("pre", { tabindex: 0 }, data.settings));
  }

  head();
  graph();
  matrix();
  labels();
  learning();
  pictures();
  transfer_table();
  costs();
  provenance();
  changed();
  document.getElementById("nav").append(...sections.map(([id, name]) => make("a", { href: "#" + id }, name)));
  document.getElementById("foot").textContent = "Written by Affinis " + (data.version || "") + ". This file is complete in itself and asks nothing of the network. Beside it: the numbers as transfers.csv, every taxonomy in graphs/ as GraphML and DOT.";
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    requestAnimationFrame(changed);
  });
})();
