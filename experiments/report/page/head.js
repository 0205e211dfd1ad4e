// ---- The top of the page: what this is, what was found, how much there is.

function head() {
  const top = document.getElementById("top");
  const counts = new Map();
  rows.filter((row) => !is_own(row)).forEach((row) => counts.set(row.sources.length, (counts.get(row.sources.length) || 0) + 1));
  const transfers = [...counts.values()].reduce((a, b) => a + b, 0);
  const facts = [];
  const fact = (value, what) => facts.push(make("div", { class: "fact" }, make("b", {}, value), make("span", {}, what)));
  if (all_tasks.length) fact(String(all_tasks.length), "tasks: " + many(targets.length, "target") + ", " + many(sources_seen.length, "source"));
  if (transfers) fact(String(transfers), "transfers: " + [...counts].sort((a, b) => a[0] - b[0]).map(([order, count]) => count + " of order " + order).join(", ") + (seeds_told() ? "; each trained with " + many(seeds_told().seeds, "seed") : ""));
  const images = (summary.tournaments || []).map((tournament) => tournament.images).filter(known);
  if (images.length) fact(String(Math.max(...images)), "test images in each tournament");
  const judged = [...tasks.values()].filter((task) => known(task.beats_constant));
  if (judged.length) fact(judged.filter((task) => task.beats_constant > 0.8).length + " of " + judged.length, "networks beat the best constant guess on more than 80% of test images");
  if (given_cells.length) fact(String(given_cells.filter(is_served).length), "taxonomies, " + given_cells.filter((cell) => cell.proven).length + " proven optimal");
  if (known(summary.seconds)) fact(duration(summary.seconds), "of computing, over all workers");
  fill(top, {}, [make("h1", {}, "Task transfer: " + (summary.name || data.name || "taxonomy")),
    make("p", { class: "lead" }, summary.description || "Which tasks help which, and which few are worth labelling.")]);
  if (summary.finished === false) {
    top.append(make("p", { class: "say bad" }, "This run is not complete: " +
      ((summary.failures || []).length ? "some jobs failed (see Failures)" : "some jobs have not finished") + ". What follows is computed from what did finish."));
  }
  const cell = cell_of(state.budget, state.order);
  if (is_served(cell)) {
    const rates = [known(cell.mean_gain) ? "wins against training from scratch on " + percent(cell.mean_gain) + " of test images" : "",
      known(cell.mean_quality) ? "wins against full supervision on " + percent(cell.mean_quality) + " (50% would be a draw)" : ""].filter(Boolean);
    top.append(make("p", { class: "say", id: "finding" }, tidy("With labels for " + cell.sources.length + " of " + all_tasks.length + " tasks (" + list_of(cell.sources.map(title)) +
      ") the best taxonomy serves all " + many(cell.choices.length, "target") + (rates.length ? "; averaged over targets it " + list_of(rates) : "") + ".")));
  }
  top.append(make("div", { class: "facts" }, facts));
}
