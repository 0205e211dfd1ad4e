// ---- What the data holds.

const data = JSON.parse(document.getElementById("data").textContent);
const summary = data.summary || {};
const tasks = new Map((summary.tasks || []).map((task) => [task.name, task]));
const rows = data.transfers || [];
const measures = ["affinity", "gain", "quality"];

const title = (name) => (tasks.has(name) ? tasks.get(name).display_name || name : name === "self" ? "own network" : name);
const set_title = (sources) => sources.map(title).join(" + ");
const transfer_key = (sources, target) => JSON.stringify([[...sources].sort(), target]);

// A target's own labels: the row `self` or, where the table has none, the row t -> t.
const with_self = new Set(rows.filter((row) => row.sources.length === 1 && row.sources[0] === "self").map((row) => row.target));
const is_own = (entry) => entry.sources.length === 1 && (entry.sources[0] === "self" || (entry.sources[0] === entry.target && !with_self.has(entry.target)));
const learnt_from = (entry) => (is_own(entry) ? "own labels" : set_title(entry.sources));
const source_names = (entry) => (is_own(entry) ? [entry.target] : entry.sources);

const families = ["2d", "3d", "semantic", "geometric", "other"];
function family_of(name) {
  const family = (tasks.has(name) ? tasks.get(name).family : null) || at(data.families, name);
  return families.includes(family) ? family : "other";
}
const has_families = [...tasks.keys(), ...Object.keys(data.families || {})].some((name) => family_of(name) !== "other");
const by_family = (names) => [...new Set(names)].sort((a, b) => families.indexOf(family_of(a)) - families.indexOf(family_of(b)) || (title(a) < title(b) ? -1 : 1));
const family_colour = (name) => "var(--family-" + family_of(name) + ")";

const targets = by_family([...rows.map((row) => row.target), ...[...tasks.values()].filter((task) => task.target).map((task) => task.name)]);
const sources_seen = by_family([...rows.flatMap((row) => row.sources), ...[...tasks.values()].filter((task) => task.source).map((task) => task.name)]
  .filter((name) => name !== "self"));
const all_tasks = by_family([...targets, ...sources_seen]);
const by_key = new Map(rows.map((row) => [transfer_key(row.sources, row.target), row]));
const row_of = (sources, target) => by_key.get(transfer_key(sources, target));
const rows_to = (target) => rows.filter((row) => row.target === target);
const has_measure = (key) => rows.some((row) => known(row[key]));

// Intervals, where the table brings them (columns affinity_low, affinity_high, gain_low ...).
const interval_of = (row, key) => (row && known(row[key + "_low"]) && known(row[key + "_high"]) ? [row[key + "_low"], row[key + "_high"]] : null);
const has_interval = (key) => rows.some((row) => interval_of(row, key));
const any_interval = measures.some(has_interval);
const shared = (a, b) => Boolean(a && b && a[0] <= b[1] && b[0] <= a[1]);
const interval_text = (row, key, digits) => {
  const interval = interval_of(row, key);
  const write = (value) => (key !== "affinity" ? fixed(value, digits) : known(value) && Math.abs(value) >= 0.001 ? minus(value.toPrecision(2)) : short(value));
  return interval ? write(interval[0]) + " to " + write(interval[1]) : "";
};

const given_cells = data.cells || [];
const budgets = [...new Set(given_cells.map((cell) => cell.budget))].sort((a, b) => a - b);
const orders = [...new Set(given_cells.map((cell) => cell.max_order))].sort((a, b) => a - b);
const given_objective = (given_cells.length && given_cells[0].objective) || "affinity";
const is_served = (cell) => Boolean(cell && cell.choices.length);
const random_of = (budget, order) => (data.random || []).find((cell) => cell.budget === budget && cell.max_order === order);

const image_of = (path) => {
  const index = at(data.pictures, path);
  return known(index) ? data.images[index] : null;
};

// ---- What the reader has chosen. Sections that depend on it add a listener.

const state = { order: orders.length ? orders[orders.length - 1] : null, budget: null, pick: null, matrix: "affinity", sort: null, row_sort: null,
  objective: given_objective, importance: new Map(), task: null };
const listeners = [];
const changed = () => listeners.forEach((listener) => listener());
const left_out = [...(data.left_out || [])];
