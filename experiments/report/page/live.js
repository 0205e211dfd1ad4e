// ---- Taxonomies: those in the data and, when the reader weighs targets or changes the objective, those that the page solves itself.

const most_live_sources = 40;
const most_live_rows = 6000;
const live = { possible: false, doubt: null, cells: new Map(), queue: [], running: false, instances: new Map() };
if (given_cells.length && rows.length) {
  if (sources_seen.length > most_live_sources || rows.length > most_live_rows) {
    left_out.push("Other objectives and weights of targets: the page solves tables of up to " + most_live_sources + " sources and " + most_live_rows +
      " transfers itself, and this one has " + sources_seen.length + " and " + rows.length + ". `affinis taxonomy solve` has no such limit.");
  } else {
    live.possible = true;
  }
}
const importance_of = (target) => state.importance.get(target) ?? 1;
const is_given = () => state.objective === given_objective && [...state.importance.values()].every((value) => value === 1);
const settings_key = () => JSON.stringify([state.objective, targets.map(importance_of)]);

// The same problem as the program's: a row t -> t counts only where t has no `self` row; rows without the objective are left out.
function live_problem(order, objective, importance) {
  const usable = rows.filter((row) => row.sources.length <= order && known(row[objective]) &&
    !(row.sources.length === 1 && row.sources[0] === row.target && with_self.has(row.target)));
  const names = [...new Set(usable.flatMap(source_names))].sort();
  const position = new Map(names.map((name, i) => [name, i]));
  const served = [...new Set(rows.map((row) => row.target))].sort();
  const edges = served.map((target) => usable.filter((row) => row.target === target).map((row) => (
    { sources: source_names(row).map((name) => position.get(name)), value: importance(target) * row[objective], row })));
  return { names, targets: served, instance: make_instance(names.length, edges) };
}
function instance_of(order, objective, importance, key) {
  const full = key + "/" + order;
  if (live.instances.size > 32) live.instances.clear();
  if (!live.instances.has(full)) live.instances.set(full, live_problem(order, objective, importance));
  return live.instances.get(full);
}

function live_cell(problem, budget, order, objective, found) {
  const missing = problem.targets.filter((_, t) => !found.edges[t].row);
  const cell = { budget, max_order: order, objective, live: true, value: found.value, bound: found.bound, proven: found.proven, choices: [], sources: [] };
  if (missing.length) {
    cell.infeasible = "no set of sources within this budget serves " + list_of(missing.map(title)) + " as well";
    return cell;
  }
  cell.choices = found.edges.map((edge) => edge.row);
  cell.sources = [...new Set(cell.choices.flatMap(source_names))].sort();
  for (const key of ["gain", "quality"]) {
    cell["mean_" + key] = cell.choices.every((choice) => known(choice[key])) ? mean(cell.choices.map((choice) => choice[key])) : null;
  }
  return cell;
}

function cell_of(budget, order) {
  if (is_given()) return given_cells.find((cell) => cell.budget === budget && cell.max_order === order);
  return live.cells.get(settings_key() + "/" + budget + "/" + order) || { budget, max_order: order, objective: state.objective, pending: true, choices: [], sources: [] };
}

// Solves what is shown first, then the other budgets of the same order, in slices that leave the page awake.
function solve_live() {
  const key = settings_key();
  const objective = state.objective;
  const weights = new Map(targets.map((target) => [target, importance_of(target)]));
  const wanted = is_given() ? [] : [state.budget, ...budgets.filter((budget) => budget !== state.budget)];
  live.queue = wanted.filter((budget) => !live.cells.has(key + "/" + budget + "/" + state.order))
    .map((budget) => ({ budget, order: state.order, key, objective, importance: (target) => weights.get(target) }));
  if (live.queue.length && !live.running) {
    live.running = true;
    document.body.dataset.solving = "yes";
    setTimeout(run_queue, 0);
  }
}
function run_queue() {
  const job = live.queue.shift();
  if (!job) {
    live.running = false;
    delete document.body.dataset.solving;
    return;
  }
  const problem = instance_of(job.order, job.objective, job.importance, job.key);
  const work = solve_instance(problem.instance, job.budget);
  const slice = () => {
    const end = performance.now() + 20;
    let step = work.next();
    while (!step.done && performance.now() < end) step = work.next();
    if (!step.done) {
      // The reader went on to other settings: what is not done is dropped.
      if (job.key !== settings_key()) run_queue();
      else setTimeout(slice, 0);
      return;
    }
    live.cells.set(job.key + "/" + job.budget + "/" + job.order, live_cell(problem, job.budget, job.order, job.objective, step.value));
    if (job.key === settings_key()) changed();
    setTimeout(run_queue, 0);
  };
  slice();
}

// The page's solver has to find what the program proved, for the cell that is shown at first, before it is trusted with other settings.
function check_live() {
  const cell = given_cells.find((other) => other.budget === state.budget && other.max_order === state.order);
  if (!live.possible || !is_served(cell) || !cell.proven) return;
  const problem = instance_of(cell.max_order, given_objective, () => 1, "given");
  const work = solve_instance(problem.instance, cell.budget);
  let step = work.next();
  while (!step.done) step = work.next();
  if (Math.abs(step.value.value - cell.value) <= 1e-7 * Math.max(1, Math.abs(cell.value))) return;
  live.possible = false;
  left_out.push("Other objectives and weights of targets: the taxonomies here were solved with costs or restrictions that are not in the transfer table, so the page cannot solve them anew.");
}
