// ---- One task: what it is, what its networks reach, what each transfer is worth to it, and all predictions on the same images.

let show_task = null;
function open_task(name) {
  if (!show_task) return;
  show_task(name);
  document.getElementById("task").scrollIntoView({ block: "start" });
}
const page_button = (name) => (has_task_page(name) ? make("button", { type: "button", class: "quiet no-print", "data-open": name, onclick: () => open_task(name) }, "All about " + title(name)) : null);
const has_task_page = (name) => all_tasks.includes(name);

function one_task() {
  if (!all_tasks.length || !rows.length) return;
  const chooser = make("select", { id: "task-chooser" }, all_tasks.map((name, i) => make("option", { value: i }, title(name))));
  const says = make("p", { class: "say", id: "task-says", "aria-live": "polite" });
  const holder = make("div", { id: "task-page" });
  section("task", "One task at a time", "Tasks", says, make("div", { class: "controls" }, make("label", {}, "Task", chooser)), holder);
  // First the target that learns best from others.
  const promise = (name) => Math.max(-Infinity, ...rows_to(name).filter((row) => !is_own(row) && !row.sources.includes(name)).map((row) => row.quality ?? row.gain ?? row.affinity ?? -Infinity));
  state.task = [...targets].sort((a, b) => promise(b) - promise(a) || 0)[0] || all_tasks[0];
  show_task = (name) => {
    if (!has_task_page(name)) return;
    state.task = name;
    draw_page();
  };
  chooser.addEventListener("change", () => show_task(all_tasks[Number(chooser.value)]));
  function draw_page() {
    chooser.value = all_tasks.indexOf(state.task);
    says.textContent = tidy(task_sentence(state.task));
    replace(holder, task_page(state.task, clamp(holder.clientWidth, 280, 1240)));
  }
  let drawn_for = null;
  listeners.push(() => {
    if (drawn_for !== holder.clientWidth) draw_page();
    drawn_for = holder.clientWidth;
  });
}

function task_sentence(name) {
  const task = tasks.get(name) || {};
  const about = task.doc ? capital(task.doc).replace(/\.?$/, ". ") : "";
  const score = has_measure("quality") ? "quality" : has_measure("gain") ? "gain" : "affinity";
  const others = rows_to(name).filter((row) => !is_own(row) && !(row.sources.length === 1 && row.sources[0] === name) && known(row[score])).sort((a, b) => b[score] - a[score]);
  const helped = targets.filter((target) => target !== name && row_of([name], target));
  if (!others.length) return about + title(name) + (rows_to(name).length ? " has no transfer from another task." : " is a source only" + (helped.length ? ": it was tried for " + many(helped.length, "target") + "." : "."));
  const best = others[0];
  const tied = others.filter((row) => row !== best && shared(interval_of(row, score), interval_of(best, score)));
  const words = score === "quality" ? "beats its own network on " + percent(best.quality) + " of test images" : "has a " + score + " of " + three(best[score]);
  return about + "The best of " + many(others.length, "transfer") + " to " + title(name) + ", from " + set_title(best.sources) + ", " + words +
    (interval_of(best, score) ? " (" + interval_text(best, score, 2) + ")" + (tied.length ? "; " + many(tied.length, "other") + (tied.length === 1 ? " is" : " are") + " not told apart from it" : "; no other comes near it") : "") + ".";
}

function task_page(name, width) {
  const task = tasks.get(name);
  const parts = [];
  const left = [];
  if (task) {
    const roles = [["self", "own network"], ["scratch", "scratch"], ["shallow", "shallow scratch"], ["random_encoder", "random encoder"], ["constant", "best constant guess"]].filter(([role]) => at(task.networks, role));
    const metrics = [...new Map(roles.flatMap(([role]) => task.networks[role].metrics || []).map((metric) => [metric.name, metric])).values()];
    const facts = [task.family ? ["family", task.family] : null, task.loss ? ["loss", task.loss] : null, ["may be", [task.source ? "source" : "", task.target ? "target" : ""].filter(Boolean).join(" and ") || "–"]].filter(Boolean);
    left.push(make("dl", { class: "facts-list" }, facts.map(([term, text]) => [make("dt", {}, term), make("dd", {}, text)])));
    if (roles.length) {
      const value_of = (role, metric) => ((task.networks[role].metrics || []).find((other) => other.name === metric.name) || {}).value;
      left.push(table_of([["network", "text"], ["test loss"], ...metrics.map((metric) => [metric.name.replaceAll("_", " ") + (metric.unit ? ", " + metric.unit : "") + (metric.higher_is_better === true ? " ↑" : metric.higher_is_better === false ? " ↓" : "")]), ["images"], ["steps"], ["time"]],
        roles.map(([role, label]) => make("tr", {}, make("td", { class: "text" }, label), make("td", {}, three(task.networks[role].mean_loss), seed_losses(task.networks[role])), metrics.map((metric) => make("td", {}, three(value_of(role, metric)))),
          make("td", {}, known(task.networks[role].images) ? String(task.networks[role].images) : "–"), make("td", {}, known(task.networks[role].steps) ? String(task.networks[role].steps) : "–"), make("td", {}, duration(task.networks[role].seconds)))), { id: "task-metrics" }, "networks of " + title(name)));
      left.push(make("div", { class: "controls tight" }, csv_button("metrics.csv", () => [["task", "network", "loss", ...metrics.map((metric) => metric.name), "images", "steps", "seconds"],
        ...roles.map(([role]) => [name, role, task.networks[role].mean_loss, ...metrics.map((metric) => value_of(role, metric)), task.networks[role].images, task.networks[role].steps, task.networks[role].seconds])])));
    }
    const learning = at(task.networks, "self") ? curve(task, clamp(width > 900 ? width / 2 - 60 : width - 40, 240, 560), 220) : null;
    if (learning) left.push(make("div", { class: "panel apart snug" }, learning), curve_keys());
  }
  const scores = rows_to(name).length ? transfer_dots(name, width > 900 ? width * 0.5 - 12 : width) : null;
  const score = has_measure("quality") ? "quality" : has_measure("gain") ? "gain" : "affinity";
  const given = targets.filter((target) => target !== name && row_of([name], target)).map((target) => row_of([name], target)).sort((a, b) => (b[score] ?? -Infinity) - (a[score] ?? -Infinity) || 0);
  const right = scores ? [make("h3", {}, "What each transfer to it is worth"), scores.picture, make("div", { class: "keys" }, scores.keys), scores.note ? make("p", { class: "note" }, scores.note) : null,
    make("div", { class: "controls tight" }, csv_button("transfers_to_task.csv", () => [["sources", "target", "order", ...measures, ...interval_columns()], ...rows_to(name).map((row) => [row.sources.join("+"), row.target, row.order, ...measures.map((key) => row[key]), ...interval_values(row)])]))] : [];
  const others = [];
  if (given.length) {
    others.push(make("h3", { class: left.length ? "apart" : null }, "What it alone is worth to others"), table_of([["target", "text"], ...score_heads], given.map((row) => make("tr", {}, make("td", { class: "text" }, title(row.target)), score_cells(row))), {}, "what " + title(name) + " is worth to others"),
      make("div", { class: "controls tight" }, csv_button("worth_to_others.csv", () => [["sources", "target", ...measures, ...interval_columns()], ...given.map((row) => [name, row.target, ...measures.map((key) => row[key]), ...interval_values(row)])])));
  }
  const columns = left.length ? [left, [right, others]] : [right, others];
  parts.push(make("div", { class: "columns even" }, columns.map((column) => make("div", {}, column))));
  const shown = task ? task_predictions(task) : null;
  if (shown) parts.push(make("h3", { class: "apart" }, "The same test images through every network"), shown);
  return parts;
}

// Of a network that was trained with several seeds: the interval of its mean test loss.
function seed_losses(network) {
  const told = network.seed_losses;
  return told && known(told.low) && known(told.high) ? make("small", { class: "interval" }, three(told.low) + " to " + three(told.high)) : null;
}

// Dots for gain and quality of every transfer to one target, best first, with intervals where there are any.
function transfer_dots(name, width) {
  const kinds = [["gain", "var(--gain)"], ["quality", "var(--quality)"]].filter(([key]) => rows_to(name).some((row) => known(row[key])));
  const shown_kinds = kinds.length ? kinds : [["affinity", "var(--accent)"]];
  const by = shown_kinds[shown_kinds.length - 1][0];
  const all = rows_to(name).filter((row) => shown_kinds.some(([key]) => known(row[key]))).sort((a, b) => (b[by] ?? -Infinity) - (a[by] ?? -Infinity) || (b.gain ?? 0) - (a.gain ?? 0));
  if (!all.length) return null;
  const most = 32;
  const shown = all.slice(0, most);
  const own = all.find(is_own);
  if (own && !shown.includes(own)) shown.push(own);
  const line = 24;
  const label = Math.min(width * 0.46, 14 + Math.max(...shown.map((row) => text_width(learnt_from(row), 13))));
  const plot = { l: label, r: 14, t: 4, b: 24 };
  const height = plot.t + shown.length * line + plot.b;
  const values = shown.flatMap((row) => shown_kinds.flatMap(([key]) => [row[key], ...(interval_of(row, key) || [])])).filter(known);
  const low = Math.min(0, ...values);
  const high = by === "affinity" ? Math.max(1e-12, ...values) : Math.max(1, ...values);
  const x = (value) => plot.l + (value - low) / (high - low) * (width - plot.l - plot.r);
  const svg = draw("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": "transfers to " + title(name), id: "dots" });
  for (const tick of ticks(low, high, 4)) {
    svg.append(draw("line", { class: "axis", x1: x(tick), x2: x(tick), y1: plot.t, y2: height - plot.b + 3, "stroke-dasharray": tick === 0.5 ? "3 3" : null }),
      draw("text", { class: "dim", x: x(tick), y: height - 6, "text-anchor": "middle" }, short(tick)));
  }
  shown.forEach((row, i) => {
    const y = plot.t + (i + 0.5) * line;
    svg.append(draw("text", { x: 0, y: y + 4.5, style: is_own(row) ? "font-weight: 600" : null }, fit(learnt_from(row), label - 10, 13), draw("title", {}, learnt_from(row))),
      draw("line", { class: "thread", x1: plot.l, x2: width - plot.r, y1: y, y2: y }));
    shown_kinds.forEach(([key, paint], k) => {
      if (!known(row[key])) return;
      // Intervals need a line each.
      const middle = y + (shown_kinds.length > 1 && any_interval ? (k ? 3.5 : -3.5) : 0);
      const interval = interval_of(row, key);
      if (interval) svg.append(draw("line", { class: "interval", x1: x(interval[0]), x2: x(interval[1]), y1: middle, y2: middle, stroke: paint }));
      svg.append(draw("circle", { cx: x(row[key]), cy: middle, r: 4, fill: paint, stroke: "var(--paper)", "stroke-width": 1 },
        draw("title", {}, learnt_from(row) + ": " + key + " " + fixed(row[key], 3) + (interval ? " (" + interval_text(row, key, 3) + ")" : ""))));
    });
  });
  return { picture: svg, keys: [shown_kinds.map(([key, paint]) => key_of(paint, key)), any_interval ? key_of("var(--soft)", "bars: intervals", "none") : null],
    note: [shown.length < all.length ? "The best " + most + " of " + all.length + " by " + by + "." : "", any_interval ? capital(interval_words()) + "." : ""].filter(Boolean).join(" ") };
}

function task_predictions(task) {
  const pictures = task.pictures || {};
  if (!(pictures.targets || []).some(image_of)) return null;
  const predictions = pictures.predictions || {};
  const loss = (network) => (network && known(network.mean_loss) ? "loss " + short(network.mean_loss) : "");
  const quality = (sources) => (row_of(sources.split("+"), task.name) || {}).quality;
  const transfers = Object.keys(predictions).filter((sources) => at(task.transfers, sources)).sort((a, b) => (quality(b) ?? -1) - (quality(a) ?? -1));
  const role = (name, label, note) => strip(label, [loss(at(task.networks, name)), note].filter(Boolean).join(", "), at(predictions, name));
  return make("div", { class: "strips", id: "predictions" },
    make("div", {}, strip("input", "", pictures.inputs), strip("target", "what is right", pictures.targets), role("self", "own network", "all training data"),
      role("scratch", "scratch", "same little data as transfers"), role("shallow", "shallow scratch", "the paper's baseline"), role("random_encoder", "random encoder", "the head alone has learnt"), role("constant", "best constant guess", "")),
    make("div", {}, transfers.map((sources) => strip("from " + set_title(sources.split("+")), [loss(task.transfers[sources]), known(quality(sources)) ? "quality " + fixed(quality(sources), 2) : ""].filter(Boolean).join(", "), predictions[sources]))));
}
