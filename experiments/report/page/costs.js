// ---- What it cost, what failed, and what was not tried.

function costs() {
  const list = (summary.costs || []).filter((cost) => known(cost.seconds) && known(cost.jobs));
  const total = list.reduce((sum, cost) => sum + cost.seconds, 0);
  if (total <= 0) return;
  const top = [...list].sort((a, b) => b.seconds - a.seconds)[0];
  section("cost", "What it cost", "Cost", many(list.reduce((sum, cost) => sum + cost.jobs, 0), "job") + " took " + duration(total) + " of computing over all workers; " + percent(top.seconds / total) +
    " of it went into the stage '" + top.stage + "'.",
    table_of([["stage"], ["jobs"], ["time"], ["per job"], ["share"]], list.map((cost) => make("tr", {}, make("td", {}, cost.stage), make("td", {}, String(cost.jobs)), make("td", {}, duration(cost.seconds)),
      make("td", {}, cost.jobs > 0 ? fixed(cost.seconds / cost.jobs, 1) + " s" : "–"), make("td", {}, percent(cost.seconds / total),
        make("span", { class: "meter" }, make("i", { style: "background: var(--gain); width: " + 100 * cost.seconds / total + "%" }))))), {}, "cost by stage"),
    make("div", { class: "controls tight" }, csv_button("costs.csv", () => [["stage", "jobs", "seconds"], ...list.map((cost) => [cost.stage, cost.jobs, cost.seconds])])));
}

function not_tried() {
  const told = (summary.not_tried || []).filter((entry) => entry.possible > 0);
  const counts = told.length ? told : not_tried_by_table();
  const served = targets.filter((target) => rows_to(target).length);
  const gaps = served.flatMap((target) => sources_seen.filter((source) => source !== target && !row_of([source], target)).map((source) => [source, target]));
  if (!counts.length && !left_out.length && !(summary.dropped || []).length) return;
  const sentences = counts.map((entry) => "Order " + entry.order + ": " + entry.tried + " of " + entry.possible + " possible transfers " + (told.length ? "were trained" : "are in the table"));
  const higher = counts.some((entry) => entry.order > 1 && entry.tried < entry.possible);
  section("not-tried", "What was not tried", "Not tried", sentences.length ? sentences.join(". ") + "." : "Some parts of a whole report are missing here.",
    higher && told.length ? make("p", { class: "note" }, "Higher orders are made only of each target's best first-order sources, so a set that is good only together may have been missed.") : null,
    gaps.length && gaps.length <= 2000 ? make("details", {}, make("summary", {}, many(gaps.length, "pair") + " of one source and one target " + (gaps.length === 1 ? "has" : "have") + " no first-order transfer"),
      make("p", {}, served.filter((target) => gaps.some((gap) => gap[1] === target)).map((target) => title(target) + " from " + list_of(gaps.filter((gap) => gap[1] === target).map((gap) => title(gap[0])))).join("; ") + ".")) : null,
    dropped_early(),
    left_out.length ? [make("h3", { class: "apart" }, "What this page leaves out"), make("ul", {}, left_out.map((text) => make("li", {}, text)))] : null,
    counts.length ? make("div", { class: "controls tight" }, csv_button("not_tried.csv", () => [["order", "possible", "tried"], ...counts.map((entry) => [entry.order, entry.possible, entry.tried])])) : null);
}

// What an adaptive search did not train to its end, and whether the batches (or, before any step, the forecast's images) had decided by then.
function dropped_early() {
  const list = summary.dropped || [];
  if (!list.length) return null;
  const name = (sources) => String(sources || "").split("+").map(title).join(" + ");
  const verdict = (entry) => entry.high === null || entry.high === undefined ? "not compared" : entry.high < 0.5 ? "beaten" : "undecided";
  const undecided = list.filter((entry) => verdict(entry) === "undecided").length;
  const unbegun = list.filter((entry) => entry.steps === 0).length;
  const share = (value) => value === null || value === undefined ? "" : (100 * value).toFixed(1) + " %";
  const cells = (entry) => [title(entry.target), name(entry.sources), entry.steps, name(entry.leader), share(entry.win_rate), share(entry.low), share(entry.high), verdict(entry), share(entry.expected_affinity)];
  const head = ["target", "sources", "steps", "compared with", "won against it", "at least", "at most", "by then", "expected affinity"];
  return make("details", {}, make("summary", {}, many(list.length, "transfer") + " " + (list.length === 1 ? "was" : "were") + " dropped before the end, " + (unbegun ? unbegun + " of them before any step, by a forecast from the encoded images, " : "") + undecided + " undecided"),
    make("p", { class: "note" }, "Affinities are those of a tournament in which these transfers take part with what is expected of them, by their forecasts or last comparisons and by how well forecasts told what was measured. Each of them has a place in a taxonomy above, or is the best of its target, in a small share only of the worlds that these expectations allow ([search] plausible)."),
    table_of(head.map((each) => [each]), list.map((entry) => make("tr", {}, cells(entry).map((cell) => make("td", {}, String(cell))))), {}, "dropped"),
    make("div", { class: "controls tight" }, csv_button("dropped.csv", () => [["target", "sources", "steps", "leader", "win_rate", "low", "high", "expected_affinity"],
      ...list.map((entry) => [entry.target, entry.sources, entry.steps, entry.leader, entry.win_rate, entry.low, entry.high, entry.expected_affinity])])));
}

// Sets of sources, the target itself left out, that the table could hold for each order that it does hold.
function not_tried_by_table() {
  const present = [...new Set(rows.map((row) => row.sources.length))].sort((a, b) => a - b);
  const served = targets.filter((target) => rows_to(target).length);
  return present.map((order) => {
    let possible = 0;
    for (const target of served) {
      const count = sources_seen.filter((source) => source !== target).length;
      let sets = 1;
      for (let k = 0; k < order; ++k) sets *= (count - k) / (k + 1);
      possible += Math.max(0, Math.round(sets));
    }
    return { order, possible, tried: rows.filter((row) => row.sources.length === order && !row.sources.includes("self") && !row.sources.includes(row.target)).length };
  }).filter((entry) => entry.possible > 0);
}

function failures() {
  const list = summary.failures || [];
  if (!list.length) return;
  section("failures", "Failures", "Failures", many(list.length, "job") + " failed or waited for one that did.",
    table_of([["job"], ["error", "text"]], list.map((failure) => make("tr", {}, make("td", {}, failure.job || ""), make("td", { class: "text bad" }, failure.error || ""))), {}, "failures"),
    make("div", { class: "controls tight" }, csv_button("failures.csv", () => [["job", "error"], ...list.map((failure) => [failure.job, failure.error])])));
}
