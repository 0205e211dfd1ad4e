// ---- Who helps whom: targets by sources, before and after AHP, sorted by any column or row.

function affinity_matrix() {
  if (!rows.length) return;
  const before = new Map();
  for (const tournament of summary.tournaments || []) {
    tournament.networks.forEach((network, i) => before.set(transfer_key(network.split("+"), tournament.target), mean(tournament.wins[i].filter((_, j) => j !== i))));
  }
  const views = { ...(before.size ? { wins: "before AHP (win rate)" } : {}), ...(has_measure("affinity") ? { affinity: "after AHP (affinity)" } : {}),
    ...(has_measure("gain") ? { gain: "gain" } : {}), ...(has_measure("quality") ? { quality: "quality" } : {}) };
  if (!Object.keys(views).length) return;
  if (!at(views, state.matrix)) state.matrix = Object.keys(views)[0];
  const about = {
    wins: "Each cell is the share of test images on which this network beats the target's other networks, averaged over them.",
    affinity: "Each cell is the network's share of the target's affinity in percent, as odds between networks weigh it; colours are relative to the row's best transfer.",
    gain: "Each cell is the share of test images on which the transfer beats a network trained from scratch on the same little data.",
    quality: "Each cell is the share of test images on which the transfer beats the target's own network; one half is a draw.",
  };
  const value_in = (row, view) => (view === "wins" ? before.get(transfer_key(row.sources, row.target)) : row[view]);
  const shown_targets = targets.filter((target) => rows_to(target).length);
  const singles = sources_seen.filter((source) => rows.some((row) => row.sources.length === 1 && row.sources[0] === source));
  // A column is a source, or the best transfer of an order: each target has its own set there.
  const table_orders = [...new Set(rows.filter((row) => !is_own(row)).map((row) => row.sources.length))].sort((a, b) => a - b);
  const columns = [...(with_self.size ? [{ key: "self", name: "own network", row: (target) => row_of(["self"], target) }] : []),
    ...singles.map((source) => ({ key: source, name: title(source), row: (target) => row_of([source], target) })),
    ...table_orders.map((order) => ({ key: "best of order " + order, name: "best of order " + order, best: true, row: (target) => rows_to(target)
      .filter((row) => !is_own(row) && row.sources.length === order && !(order === 1 && row.sources[0] === target) && known(value_in(row, state.matrix)))
      .sort((a, b) => value_in(b, state.matrix) - value_in(a, state.matrix))[0] }))];
  const value = (column, target) => { const row = column.row(target); return row ? value_in(row, state.matrix) : undefined; };

  const holder = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "affinity matrix" });
  const note = make("p", { class: "note" });
  const buttons = Object.entries(views).map(([name, label]) => make("button", { type: "button", "data-view": name, onclick: () => { state.matrix = name; changed(); } }, label));
  const lines = () => [["target", ...columns.flatMap((column) => (column.best ? [column.key, column.key + ": sources"] : [column.key]))],
    ...shown_targets.map((target) => [target, ...columns.flatMap((column) => (column.best ? [value(column, target), (column.row(target) || { sources: [] }).sources.join("+")] : [value(column, target)]))])];
  section("affinity", "Who helps whom", "Affinity", affinity_sentence(singles, shown_targets),
    make("div", { class: "controls" }, make("div", { class: "choices", role: "group", "aria-label": "what the cells show" }, buttons),
      make("span", { class: "key" }, "low", make("span", { class: "ramp" }), "high"), make("button", { type: "button", class: "quiet", id: "unsort", onclick: () => { state.sort = state.row_sort = null; changed(); } }, "Order by family"),
      csv_button("matrix.csv", lines)), holder, note);
  const tight = (text) => (columns.length > 14 ? text.replace(/^(\u2212?)0\./, "$1.") : text);
  const sort_by = (key) => { state.sort = state.sort === key ? null : key; changed(); };
  const sort_row = (target) => { state.row_sort = state.row_sort === target ? null : target; changed(); };
  listeners.push(() => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === state.matrix)));
    document.getElementById("unsort").disabled = !state.sort && !state.row_sort;
    const cell = cell_of(state.budget, state.order);
    const chosen = new Set(cell ? cell.choices.map((choice) => transfer_key(choice.sources, choice.target)) : []);
    note.textContent = about[state.matrix] + " Rows are targets, columns first-order sources, then the best transfer of each order" +
      (given_cells.length ? "; outlined cells are in the taxonomy chosen above" : "") + ". Choose a name to sort by its column or row.";
    const by = (a, b) => (b ?? -Infinity) - (a ?? -Infinity);
    const sorted_by = columns.find((column) => column.key === state.sort);
    const row_order = [...shown_targets];
    if (sorted_by) row_order.sort((a, b) => by(value(sorted_by, a), value(sorted_by, b)));
    const column_order = [...columns];
    if (state.row_sort) {
      const rank = (column) => (column.key === "self" ? 0 : column.best ? 2 : 1);
      column_order.sort((a, b) => rank(a) - rank(b) || (rank(a) === 1 ? by(value(a, state.row_sort), value(b, state.row_sort)) : 0));
    }
    const line = (target) => {
      const others = columns.filter((column) => !column.best && column.key !== "self" && column.key !== target);
      const top = state.matrix === "affinity" ? Math.max(...columns.filter((column) => column.best || others.includes(column)).map((column) => value(column, target)).filter(known), 1e-12) : 1;
      return make("tr", { "data-target": target }, make("th", { scope: "row", title: title(target), "aria-sort": state.row_sort === target ? "descending" : null },
        make("button", { type: "button", "data-row": target, "data-key": "row " + target, onclick: () => sort_row(target) }, title(target))), column_order.map((column) => {
        const row = column.row(target);
        const entry = row ? value_in(row, state.matrix) : undefined;
        const from = row && column.best ? set_title(row.sources) : column.name;
        const side = column.best ? " best" : "";
        if (!known(entry)) return make("td", { class: "cell none" + side, title: from + " to " + title(target) + ": not tried" }, "·");
        const share = clamp(entry / top);
        const interval = state.matrix === "wins" ? "" : interval_text(row, state.matrix, 2);
        return make("td", { class: "cell" + (share > 0.52 ? " high" : "") + side + (chosen.has(transfer_key(row.sources, target)) ? " chosen" : ""), style: "--share: " + (100 * share).toFixed(1) + "%",
          title: from + " to " + title(target) + ": " + short(entry) + (interval ? " (" + interval + ")" : "") },
          state.matrix === "affinity" ? tight(fixed(100 * entry, Math.abs(entry) >= 0.0995 ? 0 : 1)) : tight(fixed(entry, 2)));
      }));
    };
    replace(holder, make("table", { class: "heat" + (columns.length > 14 ? " dense" : ""), id: "matrix" },
      make("thead", {}, make("tr", {}, make("th", {}, "target"), column_order.map((column) => make("th", { class: "tall" + (column.best ? " best" : ""), scope: "col", "aria-sort": state.sort === column.key ? "descending" : null },
        make("button", { type: "button", "data-source": column.key, "data-key": column.key, title: "sort by " + column.name, onclick: () => sort_by(column.key) }, fit(column.name, 150, 13)))))),
      make("tbody", {}, row_order.map(line))));
  });
}

function affinity_sentence(singles, shown_targets) {
  const says = [];
  const helpful = singles.map((source) => [source, mean(shown_targets.filter((target) => target !== source).map((target) => (row_of([source], target) || {}).gain))])
    .filter(([, gain]) => known(gain)).sort((a, b) => b[1] - a[1]);
  if (helpful.length > 1) {
    says.push("The most helpful source is " + title(helpful[0][0]) + " (mean gain " + fixed(helpful[0][1], 2) + " over the other targets), the least helpful " +
      title(helpful[helpful.length - 1][0]) + " (" + fixed(helpful[helpful.length - 1][1], 2) + ").");
  }
  if (has_measure("quality")) {
    const ahead = shown_targets.filter((target) => rows.some((row) => row.target === target && !is_own(row) && !(row.sources.length === 1 && row.sources[0] === target) && row.quality > 0.5));
    says.push(ahead.length ? "For " + ahead.length + " of " + many(shown_targets.length, "target") + " some transfer, from little data, beats the target's own network on most test images: " + list_of(ahead.map(title)) + "."
      : "No transfer beats a target's own network on most test images.");
  }
  // Do several sources together beat the best single one?
  const score = has_measure("affinity") ? "affinity" : has_measure("gain") ? "gain" : "quality";
  const best = (target, test) => Math.max(...rows_to(target).filter((row) => !is_own(row) && test(row.sources.length) && known(row[score])).map((row) => row[score]));
  const both = shown_targets.filter((target) => Number.isFinite(best(target, (order) => order === 1)) && Number.isFinite(best(target, (order) => order > 1)));
  const better = both.filter((target) => best(target, (order) => order > 1) > best(target, (order) => order === 1));
  if (both.length) says.push("Several sources together have a higher " + score + " than the best single one for " + better.length + " of " + many(both.length, "target") + ".");
  if (rows.some((row) => row.tied_with_best)) {
    const tellers = seeds_told() ? "the seeds and test images" : "the test images";
    const unsure = shown_targets.filter((target) => rows_to(target).filter((row) => row.tied_with_best && !is_own(row)).length > 1);
    says.push(unsure.length ? "For " + unsure.length + " of " + many(shown_targets.length, "target") + " " + tellers + " do not tell the best transfer from all others: " + list_of(unsure.map(title)) + "."
      : capital(tellers) + " tell every target's best transfer from all others.");
  }
  const noisy = (summary.tournaments || []).filter((tournament) => tournament.intervals && tournament.intervals.noise).map((tournament) => tournament.target);
  if (noisy.length) says.push("The ranking of " + list_of(noisy.map(title)) + " is mostly noise: fewer than half of its pairs of transfers are told apart.");
  if (!says.length) says.push(many(rows.length, "transfer") + " of " + many(shown_targets.length, "target") + " " + (rows.length === 1 ? "is" : "are") + " in the table.");
  return says.join(" ");
}
