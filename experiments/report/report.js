"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const summary = data.summary || {};
  const tasks = new Map((summary.tasks || []).map((task) => [task.name, task]));
  const rows = data.transfers || [];
  const cells = data.taxonomy || [];
  const main = document.getElementById("main");
  const sections = [];

  // Everything that comes from data becomes text nodes or attributes through these two: nothing is ever parsed as markup.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    fill(element, attributes, children);
    return element;
  }
  function draw(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    fill(element, attributes, children);
    return element;
  }
  function fill(element, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else element.setAttribute(key, value === true ? "" : String(value));
    }
    for (const child of children.flat(3)) {
      if (child !== null && child !== undefined && child !== false) element.append(child);
    }
  }

  const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);
  const fixed = (value, digits) => (known(value) ? Number(value).toFixed(digits) : "–");
  const percent = (value) => (known(value) ? (100 * value).toFixed(0) + " %" : "–");
  const short = (value) => {
    if (!known(value)) return "–";
    const size = Math.abs(value);
    return size !== 0 && (size < 0.001 || size >= 10000) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  };
  const duration = (seconds) => {
    if (!known(seconds)) return "–";
    const whole = Math.round(seconds);
    if (whole < 60) return whole + " s";
    if (whole < 3600) return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
    return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
  };
  const title = (name) => (tasks.has(name) ? tasks.get(name).display_name || name : name === "self" ? "own network" : name);
  const set_title = (sources) => sources.map(title).join(" + ");
  const list_of = (names) => (names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names[names.length - 1]);
  const mean = (values) => {
    const all = values.filter(known);
    return all.length ? all.reduce((a, b) => a + b, 0) / all.length : null;
  };
  const families = ["2d", "3d", "semantic", "geometric"];
  const colour = (name) => {
    const family = tasks.has(name) ? tasks.get(name).family : "";
    return "var(--family-" + (families.includes(family) ? family : "other") + ")";
  };

  const targets = [...new Set(rows.map((row) => row.target))].sort();
  const single_sources = [...new Set(rows.filter((row) => row.sources.length === 1).map((row) => row.sources[0]))].filter((s) => s !== "self").sort();
  const all_tasks = [...new Set([...targets, ...single_sources])].sort();
  const by_key = new Map(rows.map((row) => [row.sources.join("+") + ">" + row.target, row]));
  const budgets = [...new Set(cells.map((cell) => cell.budget))].sort((a, b) => a - b);
  const orders = [...new Set(cells.map((cell) => cell.max_order))].sort((a, b) => a - b);
  const objective = cells.length ? cells[0].objective : "affinity";
  const state = {
    budget: budgets.length ? budgets[Math.min(budgets.length - 1, Math.floor(budgets.length / 3))] : null,
    order: orders.length ? orders[orders.length - 1] : null,
    target: null,
    matrix: "affinity",
    sort: null,
  };
  const cell_of = (budget, order) => cells.find((cell) => cell.budget === budget && cell.max_order === order);
  const listeners = [];
  const changed = () => listeners.forEach((listener) => listener());

  function section(id, name, ...children) {
    sections.push([id, name]);
    main.append(make("section", { id }, make("h2", {}, name), children));
  }

  function download(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  const quote = (value) => (/[",\n\r]/.test(value) ? '"' + value.replace(/"/g, '""') + '"' : value);
  const csv = (table) => table.map((line) => line.map((value) => quote(known(value) ? String(value) : "")).join(",")).join("\n") + "\n";

  function head() {
    const top = document.getElementById("top");
    const order_counts = new Map();
    rows.forEach((row) => { if (row.sources[0] !== "self") order_counts.set(row.sources.length, (order_counts.get(row.sources.length) || 0) + 1); });
    const transfers = [...order_counts.values()].reduce((a, b) => a + b, 0);
    const facts = [];
    const fact = (value, what) => facts.push(make("div", { class: "fact" }, make("b", {}, value), make("span", {}, what)));
    fact(String(all_tasks.length), "tasks, " + targets.length + " of them targets");
    fact(String(transfers), [...order_counts].sort((a, b) => a[0] - b[0]).map(([order, count]) => count + " of order " + order).join(", ") || "transfers");
    const images = (summary.tournaments || []).map((t) => t.images);
    if (images.length) fact(String(Math.max(...images)), "test images a tournament");
    const judged = (summary.tasks || []).filter((task) => known(task.beats_constant));
    if (judged.length) {
      fact(judged.filter((task) => task.beats_constant > 0.8).length + " of " + judged.length, "networks beat the best constant guess on more than 80 % of test images");
    }
    if (known(summary.seconds)) fact(duration(summary.seconds), "of computing, over all workers");
    top.append(make("h1", {}, "Task transfer: " + (summary.name || data.name || "taxonomy")));
    top.append(make("p", { class: "lead" }, summary.description || "Which tasks help which, and which few are worth labelling."));
    if (summary.finished === false) {
      top.append(make("p", { class: "say bad" }, "This run is not complete: some jobs failed (see Failures). What follows is computed from what finished."));
    }
    const middle = cell_of(state.budget, state.order);
    if (middle && middle.sources) {
      top.append(make("p", { class: "say" }, "With labels for " + middle.sources.length + " of " + all_tasks.length + " tasks (" + list_of(middle.sources.map(title)) +
        ") the best taxonomy wins against training from scratch on " + percent(middle.mean_gain) + " of test images, and against full supervision on " + percent(middle.mean_quality) + ", averaged over targets."));
    }
    top.append(make("div", { class: "facts" }, facts), make("nav", { id: "nav" }));
  }

  function graph() {
    if (!cells.length) return;
    const says = make("p", { class: "say", id: "graph-says" });
    const slider = make("input", { type: "range", id: "budget", min: 0, max: budgets.length - 1, step: 1, value: budgets.indexOf(state.budget), "aria-label": "supervision budget" });
    const shown = make("output", { id: "budget-shown", for: "budget" });
    const chooser = make("select", { id: "order" }, orders.map((order) => make("option", { value: order, selected: order === state.order }, String(order))));
    slider.addEventListener("input", () => { state.budget = budgets[Number(slider.value)]; changed(); });
    chooser.addEventListener("change", () => { state.order = Number(chooser.value); changed(); });
    const canvas = make("div", { id: "graph", class: "scroll" });
    const side = make("div", { class: "panel", id: "alternatives" });
    const keys = make("div", {}, families.filter((family) => [...tasks.values()].some((task) => task.family === family)).map((family) =>
      make("span", { class: "key" }, make("i", { style: "background: var(--family-" + family + ")" }), family)));
    section("taxonomy", "The taxonomy", says,
      make("div", { class: "controls" }, make("label", {}, "Supervision budget", slider, shown), make("label", {}, "Sources per target, at most", chooser)),
      make("div", { class: "columns" }, make("div", {}, canvas, keys), side));
    listeners.push(() => {
      shown.textContent = String(state.budget);
      const cell = cell_of(state.budget, state.order);
      if (!cell || !cell.choices) {
        says.textContent = "No taxonomy serves every target with this budget" + (cell && cell.infeasible ? ": " + cell.infeasible : ".");
        canvas.replaceChildren();
        side.replaceChildren();
        return;
      }
      const supervised = cell.choices.filter((choice) => choice.sources[0] === "self").length;
      says.textContent = "With a budget of " + state.budget + ", " + cell.sources.length + " tasks are labelled: " + list_of(cell.sources.map(title)) + ". " +
        supervised + " of " + cell.choices.length + " targets are learnt from their own labels, the others by transfer. " +
        "Total " + objective + " " + fixed(cell.value, 3) + (cell.proven ? ", proven optimal" : ", at most " + fixed(cell.bound, 3) + " is possible") +
        "; mean gain " + fixed(cell.mean_gain, 2) + ", mean quality " + fixed(cell.mean_quality, 2) + ".";
      canvas.replaceChildren(draw_graph(cell));
      side.replaceChildren(...alternatives(cell));
    });
  }

  function draw_graph(cell) {
    const width = 680;
    const box = { w: 168, h: 30, gap: 12 };
    const sources = [...cell.sources].sort();
    const used_targets = cell.choices.map((choice) => choice.target).sort();
    const count = Math.max(sources.length, used_targets.length, 1);
    const height = count * (box.h + box.gap) + 44;
    const column = (names, x) => {
      const span = names.length * (box.h + box.gap) - box.gap;
      return new Map(names.map((name, i) => [name, { x, y: 34 + (height - 44 - span) / 2 + i * (box.h + box.gap) }]));
    };
    const left = column(sources, 12);
    const right = column(used_targets, width - box.w - 12);
    const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": "taxonomy at budget " + cell.budget + " and order " + cell.max_order });
    svg.append(draw("text", { x: 12, y: 18, class: "dim" }, "labelled (sources)"), draw("text", { x: width - box.w - 12, y: 18, class: "dim" }, "learnt (targets)"));
    const edges = draw("g", {});
    svg.append(edges);
    for (const choice of cell.choices) {
      const to = right.get(choice.target);
      const names = choice.sources[0] === "self" ? [choice.target] : choice.sources;
      const own = choice.sources[0] === "self";
      const ends = names.map((name) => [name, left.get(name)]).filter(([, at]) => at);
      const faint = state.target && state.target !== choice.target ? " faint" : "";
      const end = { x: to.x, y: to.y + box.h / 2 };
      const strength = 1.2 + 4 * Math.max(0, Math.min(1, known(choice.quality) ? 2 * choice.quality : 0.2));
      const label = set_title(choice.sources) + " to " + title(choice.target) + ": affinity " + short(choice.affinity) + ", gain " + fixed(choice.gain, 2) + ", quality " + fixed(choice.quality, 2);
      const joint = names.length > 1 ? { x: width * 0.55, y: end.y * 0.55 + 0.45 * mean(ends.map(([, at]) => at.y + box.h / 2)) } : null;
      const path = (from, until, paint) => {
        const middle = (from.x + until.x) / 2;
        edges.append(draw("path", { class: "edge" + faint, d: "M" + from.x + "," + from.y + " C" + middle + "," + from.y + " " + middle + "," + until.y + " " + until.x + "," + until.y,
          stroke: paint, "stroke-width": strength.toFixed(2), "stroke-dasharray": own ? "5 4" : null }, draw("title", {}, label)));
      };
      for (const [name, at] of ends) path({ x: at.x + box.w, y: at.y + box.h / 2 }, joint || end, colour(name));
      if (joint) {
        path(joint, end, "var(--soft)");
        edges.append(draw("circle", { class: "edge" + faint, cx: joint.x, cy: joint.y, r: 4, style: "fill: var(--soft)" }, draw("title", {}, label)));
      }
    }
    const node = (name, at, kind) => {
      const pick = () => { state.target = kind === "target" && state.target !== name ? name : null; changed(); };
      const faint = kind === "target" && state.target && state.target !== name ? " faint" : "";
      svg.append(draw("g", { class: "node " + kind + (state.target === name && kind === "target" ? " selected" : "") + faint, tabindex: kind === "target" ? 0 : null, role: kind === "target" ? "button" : null,
        "data-task": name, onclick: pick, onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); } } },
        draw("rect", { x: at.x, y: at.y, width: box.w, height: box.h, rx: 6 }),
        draw("rect", { x: at.x, y: at.y, width: 6, height: box.h, rx: 3, style: "stroke: none; fill: " + colour(name) }),
        draw("text", { x: at.x + 16, y: at.y + box.h / 2 + 4.5 }, title(name).length > 20 ? title(name).slice(0, 19) + "…" : title(name)),
        draw("title", {}, name)));
    };
    left.forEach((at, name) => node(name, at, "source"));
    right.forEach((at, name) => node(name, at, "target"));
    return svg;
  }

  function alternatives(cell) {
    const target = state.target || cell.choices.map((choice) => choice.target).sort()[0];
    const chosen = cell.choices.find((choice) => choice.target === target);
    if (!chosen) return [];
    const allowed = new Set(cell.sources);
    const usable = (row) => (row.sources[0] === "self" ? allowed.has(target) : row.sources.every((source) => allowed.has(source)));
    const ranked = rows.filter((row) => row.target === target && row.sources.length <= state.order && known(row[objective]))
      .sort((a, b) => b[objective] - a[objective]).slice(0, 12);
    const best_unusable = ranked.find((row) => !usable(row));
    const text = "For " + title(target) + " the taxonomy uses " + set_title(chosen.sources) + "." +
      (best_unusable && ranked.indexOf(best_unusable) === 0 ? " " + set_title(best_unusable.sources) + " would serve it better, but is not labelled within this budget." : "");
    return [make("h3", {}, title(target) + ": what it could be learnt from"), make("p", {}, text),
      make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ["sources", "affinity", "gain", "quality"].map((name) => make("th", {}, name)))),
        make("tbody", {}, ranked.map((row) => make("tr", { class: row.sources.join("+") === chosen.sources.join("+") ? "chosen" : null, style: usable(row) ? null : "color: var(--soft)" },
          make("td", { class: "text" }, set_title(row.sources)), make("td", {}, short(row.affinity)), make("td", {}, fixed(row.gain, 2)), make("td", {}, fixed(row.quality, 2))))))),
      make("p", { class: "lead" }, "Grey rows need a task that is not labelled here. Click a target in the graph to see its own list.")];
  }

  // Odds of beating the other transfers, before the tournament's eigenvector is taken.
  function raw_scores() {
    const scores = new Map();
    for (const tournament of summary.tournaments || []) {
      tournament.networks.forEach((network, i) => {
        scores.set(network + ">" + tournament.target, mean(tournament.wins[i].filter((_, j) => j !== i)));
      });
    }
    return scores;
  }

  function matrix() {
    if (!rows.length) return;
    const raw = raw_scores();
    const columns = ["self", ...single_sources];
    const views = { affinity: "after AHP", ...(raw.size ? { wins: "before AHP (win rate)" } : {}), gain: "gain", quality: "quality" };
    const value = (source, target) => {
      if (state.matrix === "wins") return raw.get(source + ">" + target);
      const row = by_key.get(source + ">" + target);
      return row ? row[state.matrix] : null;
    };
    const holder = make("div", { class: "scroll" });
    const buttons = Object.entries(views).map(([name, label]) => make("button", { type: "button", "data-view": name, onclick: () => { state.matrix = name; changed(); } }, label));
    const says = make("p", { class: "say" });
    section("affinity", "Who helps whom", says, make("div", { class: "controls" }, buttons), holder,
      make("p", { class: "lead" }, "Rows are targets, columns sources. Affinities are shown relative to the row's best transfer, as colours; outlined cells are in the taxonomy chosen above. Click a column to sort by it."));
    const helpful = single_sources.map((source) => [source, mean(targets.filter((target) => target !== source).map((target) => (by_key.get(source + ">" + target) || {}).gain))])
      .filter(([, gain]) => known(gain)).sort((a, b) => b[1] - a[1]);
    if (helpful.length > 1) {
      says.textContent = "The most helpful source is " + title(helpful[0][0]) + " (mean gain " + fixed(helpful[0][1], 2) + " over the other targets), the least helpful " +
        title(helpful[helpful.length - 1][0]) + " (" + fixed(helpful[helpful.length - 1][1], 2) + ").";
    }
    listeners.push(() => {
      buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === state.matrix)));
      const cell = cells.length ? cell_of(state.budget, state.order) : null;
      const chosen = new Set(cell && cell.choices ? cell.choices.map((choice) => choice.sources.join("+") + ">" + choice.target) : []);
      const order = [...targets];
      if (state.sort) order.sort((a, b) => (value(state.sort, b) ?? -1) - (value(state.sort, a) ?? -1));
      const row_of = (target) => {
        const values = columns.map((source) => value(source, target)).filter(known);
        const others = columns.filter((source) => source !== "self").map((source) => value(source, target)).filter(known);
        const top = state.matrix === "affinity" ? Math.max(...others, 1e-12) : 1;
        return make("tr", { "data-target": target }, make("th", {}, title(target)), columns.map((source) => {
          const entry = value(source, target);
          if (!known(entry)) return make("td", { class: "cell", title: "not tried" }, "·");
          const share = Math.max(0, Math.min(1, values.length ? entry / top : 0));
          return make("td", { class: "cell" + (chosen.has(source + ">" + target) ? " chosen" : ""), style: heat(share),
            title: title(source) + " to " + title(target) + ": " + short(entry) }, state.matrix === "affinity" ? fixed(100 * entry, 1) : fixed(entry, 2));
        }));
      };
      holder.replaceChildren(make("table", { class: "heat", id: "matrix" },
        make("thead", {}, make("tr", {}, make("th", {}, state.matrix === "affinity" ? "affinity in %" : ""), columns.map((source) =>
          make("th", { class: "tall sortable", tabindex: 0, "data-source": source, "aria-sort": state.sort === source ? "descending" : null,
            onclick: () => { state.sort = state.sort === source ? null : source; changed(); },
            onkeydown: (event) => { if (event.key === "Enter") { state.sort = state.sort === source ? null : source; changed(); } } }, make("span", {}, title(source)))))),
        make("tbody", {}, order.map(row_of))));
    });
  }

  function heat(share) {
    const stops = [[247, 251, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];
    const at = share * (stops.length - 1);
    const i = Math.min(stops.length - 2, Math.floor(at));
    const mix = stops[i].map((from, k) => Math.round(from + (stops[i + 1][k] - from) * (at - i)));
    return "background: rgb(" + mix.join(",") + "); color: " + (share > 0.55 ? "#fff" : "#14202e");
  }

  function budget_curves() {
    if (budgets.length < 2) return;
    const holder = make("div", { class: "columns" });
    const says = make("p", { class: "say" });
    section("budget", "What labels buy", says, holder);
    listeners.push(() => {
      const line = budgets.map((budget) => cell_of(budget, state.order)).filter((cell) => cell && known(cell.mean_gain));
      if (!line.length) return;
      const last = line[line.length - 1];
      const enough = line.find((cell) => cell.mean_quality >= 0.9 * last.mean_quality) || last;
      says.textContent = "At order " + state.order + " mean quality rises from " + fixed(line[0].mean_quality, 2) + " with " + line[0].budget + " labelled task" + (line[0].budget === 1 ? "" : "s") + " to " +
        fixed(last.mean_quality, 2) + " with " + last.budget + "; " + enough.budget + " reach nine tenths of that. Quality counts half the images for a target that has its own labels.";
      const plot = { w: 520, h: 270, l: 44, r: 12, t: 14, b: 36 };
      const x = (budget) => plot.l + (budget - budgets[0]) / Math.max(1e-9, budgets[budgets.length - 1] - budgets[0]) * (plot.w - plot.l - plot.r);
      const y = (value) => plot.h - plot.b - value * (plot.h - plot.t - plot.b);
      const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: plot.w, height: plot.h, role: "img", "aria-label": "mean gain and quality by budget" });
      for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
        svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 8, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
      }
      budgets.forEach((budget) => svg.append(draw("text", { class: "dim", x: x(budget), y: plot.h - plot.b + 18, "text-anchor": "middle" }, String(budget))));
      svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 3, "text-anchor": "end" }, "supervision budget"));
      svg.append(draw("line", { x1: x(state.budget), x2: x(state.budget), y1: plot.t, y2: plot.h - plot.b, stroke: "var(--accent)", "stroke-dasharray": "3 3" }));
      for (const [key, paint] of [["mean_gain", "var(--gain)"], ["mean_quality", "var(--quality)"]]) {
        const points = line.filter((cell) => known(cell[key]));
        svg.append(draw("polyline", { points: points.map((cell) => x(cell.budget) + "," + y(cell[key])).join(" "), fill: "none", stroke: paint, "stroke-width": 2.5 }));
        points.forEach((cell) => svg.append(draw("circle", { cx: x(cell.budget), cy: y(cell[key]), r: 3.5, fill: paint }, draw("title", {}, "budget " + cell.budget + ": " + fixed(cell[key], 3)))));
      }
      const cell = cell_of(state.budget, state.order);
      const choices = cell && cell.choices ? [...cell.choices].sort((a, b) => a.target.localeCompare(b.target)) : [];
      const bar = { h: 36, w: 520, l: 168 };
      const bars = draw("svg", { viewBox: "0 0 " + bar.w + " " + (choices.length * bar.h + 8), width: bar.w, height: choices.length * bar.h + 8, role: "img", "aria-label": "gain and quality per target", id: "bars" });
      choices.forEach((choice, i) => {
        const top = i * bar.h + 4;
        bars.append(draw("text", { x: bar.l - 10, y: top + 18, "text-anchor": "end" }, title(choice.target)));
        [["gain", "var(--gain)"], ["quality", "var(--quality)"]].forEach(([key, paint], k) => {
          const length = Math.max(1, (known(choice[key]) ? choice[key] : 0) * (bar.w - bar.l - 60));
          bars.append(draw("rect", { x: bar.l, y: top + 3 + k * 13, width: length, height: 11, rx: 2, fill: paint }, draw("title", {}, key + " " + fixed(choice[key], 3))),
            draw("text", { class: "dim", x: bar.l + length + 6, y: top + 13 + k * 13 }, fixed(choice[key], 2)));
        });
      });
      const keys = make("div", {}, make("span", { class: "key" }, make("i", { style: "background: var(--gain)" }), "gain: win rate against scratch"),
        make("span", { class: "key" }, make("i", { style: "background: var(--quality)" }), "quality: win rate against full supervision"));
      holder.replaceChildren(make("div", {}, make("h3", {}, "Mean over targets, by budget"), svg, keys), make("div", {}, make("h3", {}, "Each target at budget " + state.budget), bars));
    });
  }

  function learning() {
    const trained = [...tasks.values()].filter((task) => task.networks && task.networks.self);
    if (!trained.length) return;
    const judged = trained.filter((task) => known(task.beats_constant));
    const learnt = judged.filter((task) => task.beats_constant > 0.8);
    const rest = judged.filter((task) => task.beats_constant <= 0.8);
    const metrics = (network) => (network.metrics || []).filter((metric) => known(metric.value)).slice(0, 3).map((metric) => metric.name.replaceAll("_", " ") + " " + short(metric.value) + (metric.unit ? " " + metric.unit : "")).join(" · ");
    section("networks", "Have the networks learnt?",
      judged.length ? make("p", { class: "say" }, learnt.length + " of " + judged.length + " task-specific networks beat the best constant guess on more than 80 % of test images" +
        (rest.length ? "; read the rows and columns of " + list_of(rest.map((task) => title(task.name))) + " with care." : ".")) : null,
      make("div", { class: "scroll" }, make("table", { id: "learnt" }, make("thead", {}, make("tr", {},
        make("th", {}, "task"), make("th", {}, "beats constant"), make("th", {}, "beats scratch"), make("th", {}, "test loss"), make("th", {}, "constant"), make("th", {}, "scratch"), make("th", { class: "text" }, "metrics of the network"))),
        make("tbody", {}, trained.map((task) => {
          const of = (name) => (task.networks[name] ? short(task.networks[name].mean_loss) : "–");
          const low = known(task.beats_constant) && task.beats_constant <= 0.8;
          return make("tr", {}, make("td", {}, title(task.name)),
            make("td", { class: low ? "bad" : "good" }, percent(task.beats_constant), known(task.beats_constant) ? make("span", { class: "meter" + (low ? " low" : "") }, make("i", { style: "width: " + 100 * task.beats_constant + "%" })) : null),
            make("td", {}, percent(task.beats_scratch)), make("td", {}, of("self")), make("td", {}, of("constant")), make("td", {}, of("scratch")), make("td", { class: "text" }, metrics(task.networks.self)));
        })))),
      make("h3", {}, "Losses over time"), make("div", { class: "curves" }, trained.map(curve)),
      make("div", {}, make("span", { class: "key" }, make("i", { style: "background: var(--gain)" }), "training"), make("span", { class: "key" }, make("i", { style: "background: var(--quality)" }), "validation"),
        make("span", { class: "key" }, make("i", { style: "background: var(--soft)" }), "best constant, on test")));
  }

  function curve(task) {
    const points = task.networks.self.curve || [];
    const constant = task.networks.constant ? task.networks.constant.mean_loss : null;
    const plot = { w: 280, h: 150, l: 46, r: 8, t: 24, b: 22 };
    const values = points.flatMap((point) => [point.train_loss, point.validation_loss]).concat([constant]).filter((value) => known(value) && Number.isFinite(value));
    if (!points.length || !values.length) return null;
    const low = Math.min(...values, 0);
    const sorted = [...values].sort((a, b) => a - b);
    const high = Math.max(sorted[Math.floor(0.95 * (sorted.length - 1))], known(constant) ? 1.15 * constant : 0, low + 1e-9);
    const last = points[points.length - 1].step;
    const x = (step) => plot.l + step / Math.max(1, last) * (plot.w - plot.l - plot.r);
    const y = (value) => plot.h - plot.b - Math.min(1, (value - low) / (high - low)) * (plot.h - plot.t - plot.b);
    const svg = draw("svg", { viewBox: "0 0 " + plot.w + " " + plot.h, width: plot.w, height: plot.h, role: "img", "aria-label": "losses of " + title(task.name) });
    svg.append(draw("text", { x: plot.l, y: 14 }, title(task.name)));
    for (const tick of [low, (low + high) / 2, high]) {
      svg.append(draw("line", { class: "axis", x1: plot.l, x2: plot.w - plot.r, y1: y(tick), y2: y(tick) }), draw("text", { class: "dim", x: plot.l - 5, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
    }
    svg.append(draw("text", { class: "dim", x: plot.w - plot.r, y: plot.h - 6, "text-anchor": "end" }, last + " steps"));
    if (known(constant)) svg.append(draw("line", { x1: plot.l, x2: plot.w - plot.r, y1: y(constant), y2: y(constant), stroke: "var(--soft)", "stroke-dasharray": "4 3" }));
    for (const [key, paint] of [["train_loss", "var(--gain)"], ["validation_loss", "var(--quality)"]]) {
      const line = points.filter((point) => known(point[key]));
      if (line.length) svg.append(draw("polyline", { points: line.map((point) => x(point.step) + "," + y(point[key])).join(" "), fill: "none", stroke: paint, "stroke-width": 2 }));
    }
    return make("div", { class: "panel" }, svg);
  }

  function pictures() {
    const shown = [...tasks.values()].filter((task) => task.pictures && (task.pictures.targets || []).length);
    if (!shown.length) return;
    const chooser = make("select", { id: "picture-task", "aria-label": "task" }, shown.map((task) => make("option", { value: task.name }, title(task.name))));
    const holder = make("div", { class: "scroll" });
    const says = make("p", { class: "say" });
    section("pictures", "What they predict", says, make("div", { class: "controls" }, make("label", {}, "Target", chooser)), holder,
      make("p", { class: "lead" }, "The same test images in every row. Transfers are sorted by quality; their networks saw only the transfer images."));
    const image = (path) => (data.pictures[path] ? make("img", { src: data.pictures[path], alt: "", loading: "lazy" }) : null);
    const update = () => {
      const task = tasks.get(chooser.value);
      const line = (name, note, paths) => (paths && paths.length ? make("tr", {}, make("th", {}, name, note ? make("small", {}, note) : null), paths.map((path) => make("td", {}, image(path)))) : null);
      const predictions = task.pictures.predictions || {};
      const note = (network) => (network ? "loss " + short(network.mean_loss) : "");
      const transfers = Object.keys(predictions).filter((name) => task.transfers && task.transfers[name])
        .map((name) => [name, by_key.get(name + ">" + task.name)]).sort((a, b) => ((b[1] || {}).quality ?? -1) - ((a[1] || {}).quality ?? -1));
      const of = (name) => (task.networks || {})[name];
      says.textContent = title(task.name) + ": " + (task.doc || "");
      holder.replaceChildren(make("table", { class: "pictures" }, make("tbody", {},
        line("input", "", task.pictures.inputs), line("target", "", task.pictures.targets),
        line("own network", note(of("self")), predictions.self),
        transfers.map(([name, row]) => line("from " + set_title(name.split("+")), note(task.transfers[name]) + (row && known(row.quality) ? ", quality " + fixed(row.quality, 2) : ""), predictions[name])),
        line("scratch", note(of("scratch")) + ", same little data", predictions.scratch), line("shallow scratch", note(of("shallow")) + ", the paper's baseline", predictions.shallow),
        line("best constant", note(of("constant")), predictions.constant))));
    };
    chooser.addEventListener("change", update);
    update();
  }

  function transfer_table() {
    if (!rows.length) return;
    const columns = ["sources", "target", "order", "affinity", "gain", "quality"];
    let sort = ["target", 1];
    const body = make("tbody", {});
    const cell = (row, key) => (key === "sources" ? set_title(row.sources) : key === "target" ? title(row.target) : row[key]);
    const heads = columns.map((key) => make("th", { class: "sortable" + (key === "sources" || key === "target" ? " text" : ""), tabindex: 0, onclick: () => resort(key), onkeydown: (event) => { if (event.key === "Enter") resort(key); } }, key));
    const resort = (key) => { sort = [key, sort[0] === key ? -sort[1] : (key === "sources" || key === "target" ? 1 : -1)]; update(); };
    const update = () => {
      const sorted = [...rows].sort((a, b) => {
        const [x, y] = [cell(a, sort[0]), cell(b, sort[0])];
        if (!known(x) || !known(y)) return known(y) - known(x);
        return sort[1] * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
      heads.forEach((head, i) => { if (columns[i] === sort[0]) head.setAttribute("aria-sort", sort[1] > 0 ? "ascending" : "descending"); else head.removeAttribute("aria-sort"); });
      body.replaceChildren(...sorted.map((row) => make("tr", {}, make("td", { class: "text" }, set_title(row.sources)), make("td", { class: "text" }, title(row.target)), make("td", {}, String(row.order)),
        make("td", {}, short(row.affinity)), make("td", {}, fixed(row.gain, 3)), make("td", {}, fixed(row.quality, 3)))));
    };
    section("transfers", "All transfers", make("div", { class: "controls" }, make("button", { type: "button", onclick: () => download("transfers.csv",
      csv([columns, ...rows.map((row) => [row.sources.join("+"), row.target, row.order, row.affinity, row.gain, row.quality])])) }, "Download as csv")),
      make("div", { class: "scroll", style: "max-height: 480px; overflow-y: auto" }, make("table", {}, make("thead", {}, make("tr", {}, heads)), body)));
    update();
  }

  function costs() {
    const list = summary.costs || [];
    if (list.length) {
      const total = list.reduce((sum, cost) => sum + cost.seconds, 0);
      const top = [...list].sort((a, b) => b.seconds - a.seconds)[0];
      section("cost", "What it cost", make("p", { class: "say" }, list.reduce((sum, cost) => sum + cost.jobs, 0) + " jobs took " + duration(total) + " of computing over all workers; most of it (" + percent(top.seconds / total) + ") went into " + top.stage + "."),
        make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ["stage", "jobs", "time", "a job", "share"].map((name) => make("th", {}, name)))),
          make("tbody", {}, list.map((cost) => make("tr", {}, make("td", {}, cost.stage), make("td", {}, String(cost.jobs)), make("td", {}, duration(cost.seconds)), make("td", {}, fixed(cost.seconds / cost.jobs, 1) + " s"), make("td", {}, percent(cost.seconds / total))))))));
    }
    const skipped = (summary.not_tried || []).filter((entry) => entry.possible > 0);
    if (skipped.length) {
      section("not-tried", "What was not tried", make("p", { class: "say" }, skipped.map((entry) => "order " + entry.order + ": " + entry.tried + " of " + entry.possible + " possible transfers").join("; ") +
        ". Higher orders are made only of each target's best first-order sources, so a set that is good only together may have been missed."));
    }
    if ((summary.failures || []).length) {
      section("failures", "Failures", make("table", {}, make("tbody", {}, summary.failures.map((failure) => make("tr", {}, make("td", {}, failure.job), make("td", { class: "text bad" }, failure.error))))));
    }
  }

  function provenance() {
    const about = summary.data;
    if (about) {
      const splits = Object.entries(about.splits || {}).map(([name, split]) => name + ": " + split.images + " images of " + split.buildings + " buildings").join("; ");
      section("data", "The data", make("p", { class: "say" }, splits + ". Splits are by building: no room is in two of them."),
        about.contact_sheet && data.pictures[about.contact_sheet] ? make("img", { class: "sheet", src: data.pictures[about.contact_sheet], alt: "contact sheet: test images and all their fields" }) : null,
        about.attribution ? make("details", {}, make("summary", {}, "Attribution of the models"), make("pre", {}, about.attribution)) : null);
    }
    section("reading", "How to read this",
      make("p", {}, "Gain is the share of test images on which a transfer has a lower loss than a network trained from scratch on the same little data; quality is the same against the target's own network, trained on all data. Ties count one half. ",
        "Affinity is the principal eigenvector of the target's tournament among all its transfers and its own network (analytic hierarchy process), so it compares transfers of one target, not targets. ",
        "The taxonomy chooses at most the budget's number of labelled tasks and one transfer for every target so that total " + objective + " is largest, and proves it."),
      make("p", {}, "Method: Zamir, Sax, Shen, Guibas, Malik and Savarese, Taskonomy: Disentangling Task Transfer Learning, CVPR 2018."));
    if (data.settings) section("settings", "Settings", make("pre", {}, data.settings));
  }

  head();
  graph();
  matrix();
  budget_curves();
  learning();
  pictures();
  transfer_table();
  costs();
  provenance();
  changed();
  document.getElementById("nav").append(...sections.map(([id, name]) => make("a", { href: "#" + id }, name)));
  document.getElementById("foot").textContent = "Written by Affinis " + (data.version || "") + ". This file is complete in itself; the same numbers are in transfers.csv, taxonomy.json and summary.json beside it.";
})();
