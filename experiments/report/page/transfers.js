// ---- All transfers as one table to sort and filter.

function transfer_table() {
  if (!rows.length) return;
  const columns = ["sources", "target", "order", ...measures];
  const is_text = (key) => key === "sources" || key === "target";
  const sort = { key: has_measure("quality") ? "quality" : "target", way: -1 };
  if (sort.key === "target") sort.way = 1;
  const shown = rows.map((row) => ({ row, sources: learnt_from(row), target: title(row.target), order: row.order, affinity: row.affinity, gain: row.gain, quality: row.quality }));
  const body = make("tbody", {});
  const found = make("span", { class: "note" });
  const search = make("input", { type: "search", placeholder: "filter by task", "aria-label": "filter by task", oninput: () => update() });
  const heads = columns.map((key) => make("th", { class: is_text(key) ? "text" : null, scope: "col" }, make("button", { type: "button", "data-column": key, onclick: () => resort(key) }, key)));
  const resort = (key) => {
    sort.way = sort.key === key ? -sort.way : is_text(key) ? 1 : -1;
    sort.key = key;
    update();
  };
  const value = (entry, key, digits) => make("td", {}, key === "affinity" ? three(entry[key]) : fixed(entry[key], digits),
    interval_of(entry.row, key) ? make("small", { class: "interval" }, interval_text(entry.row, key, digits)) : null);
  const update = () => {
    const word = search.value.trim().toLowerCase();
    const sorted = shown.filter((entry) => !word || (entry.sources + " " + entry.target).toLowerCase().includes(word)).sort((a, b) => {
      const [x, y] = [a[sort.key], b[sort.key]];
      if (!known(x) || !known(y)) return known(y) - known(x);
      return sort.way * (typeof x === "string" ? (x < y ? -1 : x > y ? 1 : 0) : x - y);
    });
    heads.forEach((element, i) => {
      if (columns[i] === sort.key) element.setAttribute("aria-sort", sort.way > 0 ? "ascending" : "descending");
      else element.removeAttribute("aria-sort");
    });
    found.textContent = sorted.length === rows.length ? "" : sorted.length + " of " + rows.length;
    body.replaceChildren(...sorted.map((entry) => make("tr", {}, make("td", { class: "text" }, entry.sources), make("td", { class: "text" }, entry.target), make("td", {}, String(entry.order)),
      value(entry, "affinity", 3), value(entry, "gain", 3), value(entry, "quality", 3))));
  };
  const score = has_measure("quality") ? "quality" : has_measure("gain") ? "gain" : "affinity";
  const best = rows.filter((row) => !is_own(row) && !row.sources.includes(row.target) && known(row[score])).sort((a, b) => b[score] - a[score])[0];
  const long = rows.length > 120;
  section("transfers", "All transfers", "Transfers", rows.length + " networks are in the table, own networks included" +
    (best ? "; the transfer of highest " + score + " is " + set_title(best.sources) + " to " + title(best.target) + " (" + three(best[score]) + ")." : "."),
    make("div", { class: "controls" }, search, found, csv_button("transfers.csv", () => [[...columns, ...interval_columns()], ...rows.map((row) => [row.sources.join("+"), row.target, row.order, ...measures.map((key) => row[key]), ...interval_values(row)])])),
    make("div", { class: "scroll tall-scroll" + (long ? " long" : ""), tabindex: 0, role: "region", "aria-label": "all transfers" }, make("table", { id: "all", style: "width: 100%" }, make("thead", {}, make("tr", {}, heads)), body)),
    long ? make("p", { class: "note on-paper" }, "The table is left out on paper; its " + rows.length + " rows are in transfers.csv.") : null);
  update();
}
