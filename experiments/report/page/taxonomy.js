// ---- The taxonomy: budget, order, objective and importance of targets; a click on a box says what is behind it.

const choose = (changes) => {
  Object.assign(state, changes);
  solve_live();
  changed();
};
const is_lit = (choice, pick) => (pick.kind === "target" ? choice.target === pick.name : source_names(choice).includes(pick.name));
const score_cells = (row, digits = 2) => measures.map((key) => make("td", {}, key === "affinity" ? three(row[key]) : fixed(row[key], digits),
  interval_of(row, key) ? make("small", { class: "interval" }, interval_text(row, key, digits)) : null));
const score_heads = measures.map((key) => [key]);

function taxonomy() {
  if (!given_cells.length) {
    if (data.no_taxonomy) section("taxonomy", "The taxonomy", "Taxonomy", "There is no taxonomy to show: " + data.no_taxonomy);
    return;
  }
  const says = make("p", { class: "say", id: "graph-says", "aria-live": "polite" });
  const slider = make("input", { type: "range", id: "budget", min: 0, max: budgets.length - 1, step: 1, value: budgets.indexOf(state.budget), "aria-label": "Supervision budget" });
  const shown = make("output", { id: "budget-shown", for: "budget" });
  const chooser = make("select", { id: "order" }, orders.map((order) => make("option", { value: order, selected: order === state.order }, String(order))));
  slider.addEventListener("input", () => choose({ budget: budgets[Number(slider.value)] }));
  chooser.addEventListener("change", () => choose({ order: Number(chooser.value) }));
  const canvas = make("div", { id: "graph" });
  const side = make("div", { class: "panel beside", id: "alternatives" });
  const seen = has_families ? families.filter((family) => all_tasks.some((name) => family_of(name) === family)) : [];
  const beside = make("span", {});
  const current = () => cell_of(state.budget, state.order);
  const lines = () => [["budget", "max_order", "target", "sources", ...measures], ...current().choices.map((choice) => (
    [state.budget, state.order, choice.target, choice.sources.join("+"), ...measures.map((key) => choice[key])]))];
  section("taxonomy", "The taxonomy", "Taxonomy", says,
    make("div", { class: "controls" }, make("label", {}, "Supervision budget", slider, shown), make("label", {}, "Sources per target, at most", chooser), objective_control()),
    importance_controls(),
    make("div", { class: "columns" }, make("div", {}, canvas,
      make("div", { class: "keys" }, seen.map((family) => key_of("var(--family-" + family + ")", family)),
        key_of("var(--soft)", "learnt by transfer" + (has_measure("quality") ? "; thicker: higher quality" : ""), "none"), key_of("var(--soft)", "learnt from its own labels", "2 5"),
        make("span", { class: "key" }, draw("svg", { width: 12, height: 12, "aria-hidden": "true" }, draw("circle", { class: "junction", cx: 6, cy: 6, r: 4 })), "several sources together")),
      make("p", { class: "note" }, "Left, round: tasks that are labelled. Right, square: tasks that are learnt. Choose a box to see what is behind it. ", beside),
      make("div", { class: "controls tight" }, csv_button("taxonomy.csv", lines))), side));
  const light = (pick) => {
    for (const element of canvas.querySelectorAll("[data-choice]")) {
      const choice = current().choices[Number(element.dataset.choice)];
      if (!choice) return;
      element.classList.toggle("faint", Boolean(pick) && !is_lit(choice, pick));
    }
  };
  const pick = (kind, name) => {
    state.pick = state.pick && state.pick.kind === kind && state.pick.name === name ? null : { kind, name };
    changed();
    if (side.getBoundingClientRect().top > window.innerHeight - 120) side.scrollIntoView({ block: "nearest" });
  };
  listeners.push(() => {
    slider.value = budgets.indexOf(state.budget);
    shown.textContent = String(state.budget);
    slider.setAttribute("aria-valuetext", "budget " + state.budget);
    const cell = current();
    beside.textContent = !is_served(cell) ? "" : cell.live ? "Solved in this page for the chosen objective and importances."
      : "The same graph is in graphs/taxonomy-b" + state.budget + "-o" + state.order + ".graphml and .dot beside this file.";
    if (cell && cell.pending) {
      says.textContent = "Solving …";  // the picture stays until there is another
      return;
    }
    canvas.hidden = side.hidden = !is_served(cell);
    if (!is_served(cell)) {
      says.textContent = "No taxonomy serves every target here: " + (cell && cell.infeasible ? cell.infeasible : "choose a larger budget or order") +
        (cell && /[.!]$/.test(cell.infeasible || "") ? "" : ".");
      replace(canvas);
      replace(side);
      return;
    }
    if (state.pick && !(state.pick.kind === "source" ? cell.sources : cell.choices.map((choice) => choice.target)).includes(state.pick.name)) state.pick = null;
    says.textContent = tidy(taxonomy_sentence(cell));
    replace(canvas, draw_graph(cell, Math.max(280, canvas.clientWidth), pick, light));
    light(state.pick);
    replace(side, state.pick && state.pick.kind === "source" ? uses(cell, state.pick.name) : alternatives(cell));
  });
}

function taxonomy_sentence(cell) {
  const own = cell.choices.filter(is_own).length;
  const weighted = [...state.importance.values()].some((value) => value !== 1);
  const random = random_of(cell.budget, cell.max_order);
  const chance = random && !cell.live && random.quality && known(random.quality.mean)
    ? "; random taxonomies have a mean quality of " + fixed(random.quality.mean, 2) : "";
  return "With a budget of " + state.budget + ", " + many(cell.sources.length, "task") + (cell.sources.length === 1 ? " is" : " are") + " labelled: " + list_of(cell.sources.map(title)) + ". " +
    own + " of " + many(cell.choices.length, "target") + (own === 1 ? " is" : " are") + " learnt from their own labels, " + (cell.choices.length - own) + " by transfer. Total " +
    (weighted ? "weighted " : "") + (cell.objective || given_objective) + " " + short(cell.value) +
    (cell.proven ? ", proven optimal" : known(cell.bound) ? ", not proven: at most " + short(cell.bound) + " is possible" : "") +
    (known(cell.mean_gain) ? "; mean gain " + fixed(cell.mean_gain, 2) : "") + (known(cell.mean_quality) ? "; mean quality " + fixed(cell.mean_quality, 2) : "") + chance + "." +
    (known(cell.marginal) ? " One more unit of budget would add " + short(cell.marginal) + "." : "");
}

function objective_control() {
  const usable = measures.filter((key) => key === given_objective || has_measure(key));
  if (!live.possible || usable.length < 2) return null;
  const chooser = make("select", { id: "objective" }, usable.map((key) => make("option", { value: key, selected: key === state.objective }, key)));
  chooser.addEventListener("change", () => choose({ objective: chooser.value }));
  return make("label", {}, "Maximise", chooser);
}

// How much each target counts: 0 to 5, 1 unless moved.
function importance_controls() {
  if (!live.possible) return null;
  const served = targets.filter((target) => rows_to(target).length);
  const title_line = make("summary", {});
  const reset = make("button", { type: "button", class: "quiet", onclick: () => choose({ importance: new Map() }) }, "All count 1");
  const sliders = served.map((target) => {
    const shown = make("output", {});
    const input = make("input", { type: "range", min: 0, max: 5, step: 0.5, value: 1, "data-importance": target, "aria-label": "importance of " + title(target),
      oninput: () => choose({ importance: new Map(state.importance).set(target, Number(input.value)) }) });
    listeners.push(() => { input.value = importance_of(target); shown.textContent = String(importance_of(target)); });
    return make("label", { class: "weight" }, make("span", {}, title(target)), input, shown);
  });
  listeners.push(() => {
    const weighted = served.filter((target) => importance_of(target) !== 1);
    title_line.textContent = "Importance of each target: " + (weighted.length ? list_of(weighted.map((target) => title(target) + " " + importance_of(target))) + ", the others 1" : "all count the same");
    reset.disabled = !weighted.length;
  });
  return make("details", { class: "weights no-print" }, title_line, make("p", { class: "note" }, "The taxonomy is solved anew in this page, to proven optimality, whenever you move one."),
    make("div", { class: "weight-grid" }, sliders), reset);
}

function alternatives(cell) {
  const chosen = cell.choices.find((choice) => choice.target === (state.pick || {}).name) || cell.choices.find((choice) => !is_own(choice)) || cell.choices[0];
  const target = chosen.target;
  const objective = cell.objective || given_objective;
  const labelled = new Set(cell.sources);
  const usable = (row) => source_names(row).every((source) => labelled.has(source));
  const chosen_key = transfer_key(chosen.sources, target);
  const is_chosen = (row) => transfer_key(row.sources, target) === chosen_key;
  const ranked = rows.filter((row) => row.target === target && row.sources.length <= state.order && known(row[objective])).sort((a, b) => b[objective] - a[objective]);
  const shown = ranked.slice(0, 12);
  const rest = ranked.find((row) => is_chosen(row) && !shown.includes(row));
  if (rest) shown.push(rest);
  const place = ranked.findIndex(is_chosen);
  const first = ranked[0];
  const missing = first ? source_names(first).filter((source) => !labelled.has(source)) : [];
  const better = !first || usable(first) ? "" : is_own(first) ? " Its own labels would serve it better, but are not bought within this budget."
    : " " + set_title(first.sources) + " would serve it better, but " + list_of(missing.map(title)) + (missing.length > 1 ? " are" : " is") + " not labelled within this budget.";
  const own_interval = interval_of(row_of(chosen.sources, target), objective);
  const tied = ranked.filter((row) => !is_chosen(row) && shared(interval_of(row, objective), own_interval));
  const noise = own_interval && ranked.length > 1 ? " " + (tied.length ? many(tied.length, "other") + (tied.length === 1 ? " has an interval that overlaps" : " have intervals that overlap") + " with its own (≈): they are not told apart."
    : "No other has an interval that overlaps with its own.") : "";
  return [make("h3", {}, title(target) + ": what it can be learnt from"),
    make("p", {}, "The taxonomy uses " + (is_own(chosen) ? "its own labels" : set_title(chosen.sources)) + (place >= 0 ? ", number " + (place + 1) + " of " + ranked.length + " by " + objective : "") + "." + better + noise),
    shown.length ? table_of([["learnt from", "text"], ...score_heads], shown.map((row) => make("tr", { class: [is_chosen(row) ? "chosen" : "", usable(row) ? "" : "closed"].join(" ").trim() || null },
      make("td", { class: "text" }, learnt_from(row), tied.includes(row) ? make("span", { title: "not told apart from the chosen one" }, " ≈") : null), score_cells(row))), {}, "alternatives for " + title(target)) : null,
    make("p", { class: "note" }, "Bold: chosen. Grey: needs a task that is not labelled within this budget." + (own_interval ? " Small: " + interval_words() + "." : "")),
    make("div", { class: "controls tight" }, csv_button("alternatives.csv", () => [["target", "sources", "usable", "chosen", ...measures, ...interval_columns()],
      ...ranked.map((row) => [target, row.sources.join("+"), usable(row), is_chosen(row), ...measures.map((key) => row[key]), ...interval_values(row)])]),
      page_button(target))];
}
const interval_columns = () => measures.filter(has_interval).flatMap((key) => [key + "_low", key + "_high"]);
const interval_values = (row) => interval_columns().map((key) => row[key]);
// Of trainings with several seeds, where there were any.
function seeds_told() {
  return (summary.tournaments || []).map((tournament) => tournament.seeds).find((seeds) => seeds && known(seeds.level) && seeds.seeds > 1);
}
// How the intervals came about, where a summary says so.
function interval_words() {
  const seeds = seeds_told();
  if (seeds) return percent(seeds.level) + " intervals over " + many(seeds.seeds, "seed") + " (Student's t; for affinities a jackknife of their logarithms)";
  const told = (summary.tournaments || []).map((tournament) => tournament.intervals).find((intervals) => intervals && known(intervals.level));
  if (!told) return "intervals, as the transfer table brings them";
  return percent(told.level) + " intervals from " + (known(told.draws) ? told.draws + " test sets of " : "test sets of ") + (known(told.units) ? told.units + " " : "") + (told.unit || "images") + ", drawn anew";
}

function uses(cell, source) {
  const served_here = cell.choices.filter((choice) => source_names(choice).includes(source));
  const by_transfer = served_here.filter((choice) => !is_own(choice));
  const values = by_transfer.map((choice) => choice.quality).filter(known);
  return [make("h3", {}, title(source) + ": what its labels serve"),
    make("p", {}, by_transfer.length ? "It helps " + many(by_transfer.length, "other target") + (served_here.length > by_transfer.length ? " and serves itself" : "") +
      (values.length ? "; their mean quality is " + fixed(mean(values), 2) : "") + "." : "It serves only itself."),
    table_of([["target", "text"], ["together with", "text"], ...score_heads], served_here.map((choice) => make("tr", {}, make("td", { class: "text" }, title(choice.target)),
      make("td", { class: "text" }, set_title(source_names(choice).filter((name) => name !== source)) || "–"), score_cells(row_of(choice.sources, choice.target) || choice))), {}, "what " + title(source) + " serves"),
    make("div", { class: "controls tight" }, csv_button("uses.csv", () => [["labelled", "target", "sources", ...measures], ...served_here.map((choice) => [source, choice.target, choice.sources.join("+"), ...measures.map((key) => choice[key])])]), page_button(source))];
}
