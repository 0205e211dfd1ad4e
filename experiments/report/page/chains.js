// ---- Chains of transfers, first -> through -> target, beside the direct transfers.

function chains_section() {
  const told = summary.chains || {};
  const list = (told.rows || []).filter((row) => known(row.win_over_direct));
  if (!list.length) return;
  const verdict = (row, key) => {
    const [low, high] = [row[key + "_low"], row[key + "_high"]];
    if (!known(low) || !known(high)) return row[key] > 0.5 ? "ahead" : row[key] < 0.5 ? "behind" : "even";
    return low > 0.5 ? "better" : high < 0.5 ? "worse" : "not told apart";
  };
  const count = (key, word) => list.filter((row) => verdict(row, key) === word).length;
  const firm = list.some((row) => known(row.win_over_direct_low));
  const says = (key, words) => firm ? count(key, "better") + (count(key, "better") === 1 ? " is" : " are") + " better than " + words + ", " + count(key, "worse") + " worse, " + count(key, "not told apart") + " not told apart from it"
    : count(key, "ahead") + (count(key, "ahead") === 1 ? " is" : " are") + " ahead of " + words + ", without intervals to say how surely";
  const sorted = [...list].sort((a, b) => b.win_over_direct - a.win_over_direct);
  const best = sorted[0];
  const colour = (word) => (word === "better" ? "good" : word === "worse" ? "bad" : null);
  const win = (row, key) => make("td", { class: colour(verdict(row, key)) }, fixed(row[key], 2), known(row[key + "_low"]) ? make("small", { class: "interval" }, fixed(row[key + "_low"], 2) + " to " + fixed(row[key + "_high"], 2)) : null);
  const keys = ["loss_direct", "loss_through", "loss_chain", "gain_direct", "gain_through", "gain_chain", "quality_direct", "quality_through", "quality_chain"];
  const wins = ["win_over_direct", "win_over_through"].flatMap((key) => [key, key + "_low", key + "_high"]);
  const most = 200;
  section("chains", "Does a detour help?", "Chains",
    "Of " + many(list.length, "chain") + " A → B → C, where C reads what the transfer from A to B has made of A's representation, " + says("win_over_direct", "the direct transfer from A") + "; " + says("win_over_through", "the one from B's own encoder") +
      ". The chain that does best beside its direct transfer, " + [best.first, best.through, best.target].map(title).join(" → ") + ", wins against it on " + percent(best.win_over_direct) + " of test images.",
    table_of([["A", "name"], ["B", "name"], ["C", "name"], ["loss A → C"], ["B → C"], ["A → B → C"], ["quality A → C"], ["B → C"], ["A → B → C"], ["wins over A → C"], ["wins over B → C"]],
      sorted.slice(0, most).map((row) => make("tr", {}, [row.first, row.through, row.target].map((name) => make("td", { class: "name" }, title(name))),
        ["loss_direct", "loss_through", "loss_chain"].map((key) => make("td", {}, three(row[key]))), ["quality_direct", "quality_through", "quality_chain"].map((key) => make("td", {}, fixed(row[key], 2))),
        win(row, "win_over_direct"), win(row, "win_over_through"))), { id: "chain-table" }, "chains of transfers"),
    sorted.length > most ? make("p", { class: "note" }, "The best " + most + " of " + sorted.length + " beside their direct transfers; the csv has all.") : null,
    make("p", { class: "note" }, (firm ? "Small: " + interval_words() + ". " : "") + "A chain needs labels of A for its encoder and of B on the transfer images alone. It reads 16 channels where a direct transfer reads 8, so that its own transfer function is larger, which is in its favour. " +
      "Chains are in no tournament and no taxonomy." + (seeds_told() ? " All seeds of a chain read the first transfer of the first seed." : "")),
    make("div", { class: "controls tight" }, csv_button("chains.csv", () => [["first", "through", "target", ...keys, ...wins], ...list.map((row) => [row.first, row.through, row.target, ...[...keys, ...wins].map((key) => row[key])])])));
}
